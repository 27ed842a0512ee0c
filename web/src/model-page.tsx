// One model: its input, every head's answer to it, and what else can be asked.
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { askJson, Problem, pathOf, predict, wantsAll } from './api.ts';
import { ProblemNote } from './app.tsx';
import { bytes, plural } from './format.ts';
import { Heads } from './heads/heads.tsx';
import { InputEditor } from './input/editor.tsx';
import type { Model, Prediction, Ride } from './model.ts';
import { Panels } from './panels/panels.tsx';
import { type Draft, draftOf, sequenceOf } from './sequence/draft.ts';
import { certificateBrief } from './words.ts';

/** A sequence to begin with, and where it comes from. */
export interface Example {
  readonly source: 'example' | 'golden';
  readonly sequence: unknown;
}
export interface Answered {
  readonly draft: Draft;
  readonly prediction: Prediction;
  readonly ride: Ride;
}
/** Changes come faster than people can read answers: wait this long for the next one. */
const PAUSE_MS = 60;

export function ModelPage({ model }: { model: Model }) {
  const [examples, setExamples] = useState<readonly Example[]>([]);
  const [original, setOriginal] = useState<Draft>();
  const [noExamples, setNoExamples] = useState<Problem>();
  const [draft, setDraft] = useState<Draft>();
  const { answered, problem } = useAnswer(model, draft);
  const [before, setBefore] = useState<Answered>();

  const begin = (next: Draft) => {
    setOriginal(next);
    setDraft(next);
  };
  useEffect(() => {
    askJson<{ examples: Example[] }>('GET', `${pathOf(model)}/examples`).then(({ examples: found }) => {
      setExamples(found);
      if (found[0]) begin(draftOf(model.inputs, found[0].sequence));
    }, setNoExamples);
  }, [model]);
  useEffect(() => {
    if (answered && answered.draft === original) setBefore(answered);
  }, [answered, original]);

  const changed = draft !== original;
  return (
    <>
      <ModelTitle model={model} />
      {draft && original && (
        <>
          <div class="bench">
            <section class="sheet input" aria-labelledby="input-title">
              <InputEditor model={model} examples={examples} draft={draft} onChange={setDraft} onBegin={begin}>
                {changed && (
                  <button type="button" class="quiet" onClick={() => setDraft(original)}>
                    Undo changes
                  </button>
                )}
              </InputEditor>
            </section>
            <section class="sheet answer" aria-labelledby="answer-title">
              <header class="sheet-head">
                <h2 id="answer-title">Answer</h2>
                {changed && before && <p class="hint">outlined: before your changes</p>}
              </header>
              {problem && <ProblemNote problem={problem} />}
              {answered ? (
                <Heads model={model} answered={answered} before={changed ? before?.prediction : undefined} />
              ) : (
                !problem && <div class="loading" aria-busy="true" />
              )}
            </section>
          </div>
          {(answered || problem) && <Panels model={model} draft={draft} answered={answered} />}
        </>
      )}
      {noExamples && <ProblemNote problem={noExamples} />}
      {!draft && !noExamples && <div class="loading" aria-busy="true" />}
    </>
  );
}

function ModelTitle({ model }: { model: Model }) {
  const { graph, executionProvider, golden, heads } = model;
  const facts = [
    plural(heads.length, 'head'),
    `${graph.parameters.toLocaleString('en')} parameters`,
    bytes(graph.bytes),
    executionProvider.got.toUpperCase(),
    certificateBrief(model),
    golden ? `checked against ${golden.producer.split(/[ ,]/)[0]}` : 'no golden answers',
  ];
  return (
    <header class="model-title">
      <h1>
        {model.name} <small>version {model.version}</small>
      </h1>
      {model.description && <p class="lead">{model.description}</p>}
      <ul class="facts" aria-label="Facts">
        {facts.map(fact => (
          <li>{fact}</li>
        ))}
      </ul>
    </header>
  );
}

/** The answer to the draft as it stands; an answer that comes after a later one is dropped. */
function useAnswer(model: Model, draft: Draft | undefined) {
  const [answered, setAnswered] = useState<Answered>();
  const [problem, setProblem] = useState<Problem>();
  const inFlight = useRef<AbortController>(undefined);
  const probabilities = useMemo(() => wantsAll(model), [model]);
  useEffect(() => {
    if (!draft) return;
    const timer = setTimeout(async () => {
      inFlight.current?.abort();
      const abort = new AbortController();
      inFlight.current = abort;
      try {
        const body = { sequences: [sequenceOf(model.inputs, draft)], probabilities };
        const { predictions, ride } = await predict(model, body, abort.signal);
        setAnswered({ draft, prediction: predictions[0], ride });
        setProblem(undefined);
      } catch (error) {
        if (error instanceof Problem) setProblem(error);
        else if (!abort.signal.aborted) throw error;
      }
    }, PAUSE_MS);
    return () => clearTimeout(timer);
  }, [model, draft, probabilities]);
  return { answered, problem };
}
