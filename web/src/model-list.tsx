// The models of this server, and those it refused with the reason.

import { useEffect, useRef } from 'preact/hooks';
import { spoken } from './format.ts';
import type { Model } from './model.ts';

export interface Refused {
  readonly name: string;
  readonly version: string;
  readonly reason?: string;
}

export function ModelList(props: {
  models: readonly Model[];
  loading: readonly string[];
  refused: readonly Refused[];
  chosen?: Model;
}) {
  const { models, loading, refused, chosen } = props;
  const several = new Set(models.filter((m, i) => models[i - 1]?.name === m.name).map(m => m.name));
  const list = useRef<HTMLUListElement>(null);
  // On a phone the list is one line that scrolls: the chosen model is brought into its middle.
  useEffect(() => {
    const line = list.current;
    const at = line?.querySelector('[aria-current]');
    if (!line || !at) return;
    const [outer, inner] = [line.getBoundingClientRect(), at.getBoundingClientRect()];
    line.scrollLeft += inner.left + inner.width / 2 - outer.left - outer.width / 2;
  }, [chosen, models]);
  return (
    <nav class="models" aria-label="Models">
      <ul ref={list}>
        {models.map(model => (
          <li>
            <a
              href={`#/${encodeURIComponent(model.name)}/${model.version}`}
              aria-current={model === chosen ? 'page' : undefined}
            >
              <strong>
                {model.name}
                {several.has(model.name) && <small> {model.version}</small>}
              </strong>
              <span>{headsBrief(model)}</span>
            </a>
          </li>
        ))}
      </ul>
      {loading.length > 0 && (
        <p role="status">
          Being proved: <span>{loading.join(', ')}</span>
        </p>
      )}
      {refused.length > 0 && (
        <section class="refused" aria-labelledby="refused-title">
          <h2 id="refused-title">Not serving</h2>
          {refused.map(({ name, version, reason }) => (
            <p>
              <strong>
                {name} {version}
              </strong>
              <span>{reason}</span>
            </p>
          ))}
        </section>
      )}
    </nav>
  );
}

function headsBrief({ heads }: Model): string {
  const names = heads.slice(0, 4).map(head => spoken(head.name));
  return heads.length > 4 ? `${names.join(', ')} and ${heads.length - 4} more` : names.join(', ');
}
