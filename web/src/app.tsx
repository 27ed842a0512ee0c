// The frame: the bar, the list of models, and the model that the address names.
import { useEffect, useRef, useState } from 'preact/hooks';
import { askJson, Problem } from './api.ts';
import { KeyDialog } from './key-dialog.tsx';
import type { Model } from './model.ts';
import { ModelList, type Refused } from './model-list.tsx';
import { ModelPage } from './model-page.tsx';
import { ThemeButton } from './theme.tsx';

/** How often the list is asked for while models are being loaded. */
const AGAIN_MS = 1000;

export function App() {
  const [models, setModels] = useState<readonly Model[]>();
  const [refused, setRefused] = useState<readonly Refused[]>([]);
  const [loading, setLoading] = useState<readonly string[]>([]);
  const [problem, setProblem] = useState<Problem>();
  const [asksKey, setAsksKey] = useState(false);
  const address = useAddress();

  const load = async () => {
    try {
      const list = await askJson<{ models: Model[]; loading: string[] }>('GET', '/v1/models');
      // What is shown already stays the same object: nothing of it is drawn anew.
      setModels(known =>
        list.models.map(model => known?.find(other => JSON.stringify(other) === JSON.stringify(model)) ?? model),
      );
      setLoading(list.loading);
      if (list.loading.length > 0) setTimeout(load, AGAIN_MS);
      setProblem(undefined);
      const index = await askJson<(Refused & { state: string })[]>('POST', '/v2/repository/index', {});
      setRefused(index.filter(entry => entry.state !== 'READY' && entry.reason));
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      if (error.status === 401) setAsksKey(true);
      setProblem(error);
    }
  };
  useEffect(() => {
    void load();
  }, []);

  const first = useRef<Model>(undefined);
  first.current ??= models?.[0]; // the page stays with it while others come
  const awaited = loading.includes(address.name ?? '');
  const named = models && (models.find(m => sameAddress(m, address)) ?? newest(models, address));
  const model = named ?? (awaited ? undefined : first.current);
  useEffect(() => {
    document.title = model ? `${model.name} · Polyhead` : 'Polyhead';
  }, [model]);
  return (
    <>
      <header class="bar">
        <a class="brand" href="#/">
          <img src="/icon.svg" alt="" width="28" height="28" /> Polyhead
        </a>
        <nav class="links" aria-label="Documents">
          <a href="/docs">API</a>
          <a href="/openapi.json" class="wide-only">
            openapi.json
          </a>
        </nav>
        <button type="button" class="quiet" onClick={() => setAsksKey(true)}>
          Key
        </button>
        <ThemeButton />
      </header>
      <div class="frame">
        {models && <ModelList models={models} loading={loading} refused={refused} chosen={model} />}
        {(models || problem) && (
          <main id="main">
            {problem && <ProblemNote problem={problem} />}
            {models && !model && (
              <p class="empty">
                {loading.length > 0 ? 'Being proved: it answers in a moment.' : 'No model is loaded.'}
              </p>
            )}
            {model && <ModelPage key={`${model.name}/${model.version}`} model={model} />}
          </main>
        )}
      </div>
      {asksKey && (
        <KeyDialog
          onClose={changed => {
            setAsksKey(false);
            if (changed) void load();
          }}
        />
      )}
    </>
  );
}

export function ProblemNote({ problem }: { problem: Problem }) {
  return (
    <div class="problem" role="alert">
      <p>{problem.message}</p>
      {problem.faults.length > 1 && (
        <ul>
          {problem.faults.slice(0, 5).map(({ detail }) => (
            <li>{detail}</li>
          ))}
        </ul>
      )}
    </div>
  );
}

/** The model's name and perhaps version, from `#/name/version`. */
function useAddress(): { name?: string; version?: string } {
  const read = () => {
    const [name, version] = location.hash.replace(/^#\/?/, '').split('/').map(decodeURIComponent);
    return { name: name || undefined, version };
  };
  const [address, setAddress] = useState(read);
  useEffect(() => {
    const follow = () => setAddress(read());
    addEventListener('hashchange', follow);
    return () => removeEventListener('hashchange', follow);
  }, []);
  return address;
}

function sameAddress(model: Model, { name, version }: { name?: string; version?: string }): boolean {
  return model.name === name && model.version === version;
}

/** Versions come oldest first. */
function newest(models: readonly Model[], { name }: { name?: string }): Model | undefined {
  return models.findLast(model => model.name === name);
}
