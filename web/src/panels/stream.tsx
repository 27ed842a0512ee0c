// A stream over the sequence of the page: one step a call, the server keeps the state in between.
import { useEffect, useRef, useState } from 'preact/hooks';
import { ask, askJson, Problem, pathOf } from '../api.ts';
import { ProblemNote } from '../app.tsx';
import { drawable } from '../drawable.ts';
import { bytes, percent, plural, short, spoken, unitSign } from '../format.ts';
import type { Model, Prediction } from '../model.ts';
import { Scroll } from '../scroll.tsx';
import { cutTo, type Draft, lengthOf, sequenceOf } from '../sequence/draft.ts';
import type { PanelProps } from './panels.tsx';

interface Stepped {
  readonly length: number;
  readonly stateBytes: number;
  readonly prediction: Prediction;
}

export function Stream({ model, draft }: PanelProps) {
  const { steps, stateBytes, problem, playing, setPlaying, next, reset } = useStream(model, draft);
  const length = lengthOf(model, draft);
  const done = steps.length >= length;
  return (
    <>
      <p class="hint">
        Sends the input above one time step a call. The server keeps the state, so each answer is the one for the whole
        history.
      </p>
      <div class="actions start">
        <button type="button" class="primary" disabled={done || playing} onClick={next}>
          Send step {Math.min(steps.length + 1, length)} of {length}
        </button>
        <button type="button" disabled={done} onClick={() => setPlaying(!playing)}>
          {playing ? 'Pause' : 'Play'}
        </button>
        <button type="button" disabled={steps.length === 0} onClick={reset}>
          Reset
        </button>
        <span class="hint" role="status">
          {plural(steps.length, 'step')} sent{stateBytes !== undefined && `, state ${bytes(stateBytes)}`}
        </span>
      </div>
      {problem && <ProblemNote problem={problem} />}
      {steps.length > 0 && <Answers model={model} steps={steps} />}
    </>
  );
}

function Answers({ model, steps }: { model: Model; steps: readonly Stepped[] }) {
  const heads = model.heads.filter(head => head.kind !== 'tensor');
  const text = (prediction: Prediction, name: string) => {
    const reply = prediction.heads[name];
    const answer = reply.steps ? reply.steps[reply.steps.length - 1] : reply;
    if (answer.value !== undefined) return `${short(answer.value)} ${unitSign(answer.unit)}`;
    return `${answer.label ?? answer.labels?.join(', ')} ${answer.probability === undefined ? '' : percent(answer.probability)}`;
  };
  return (
    <Scroll label="Answers step by step">
      <table class="plain">
        <thead>
          <tr>
            <th scope="col">after step</th>
            {heads.map(head => (
              <th scope="col">{spoken(head.name)}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {steps.map(({ length, prediction }) => (
            <tr>
              <th scope="row">{length}</th>
              {heads.map(head => (
                <td>{text(prediction, head.name)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

const BEAT_MS = 600;

function useStream(model: Model, draft: Draft) {
  const [steps, setSteps] = useState<readonly Stepped[]>([]);
  const [stateBytes, setStateBytes] = useState<number>();
  const [problem, setProblem] = useState<Problem>();
  const [playing, setPlaying] = useState(false);
  const stream = useRef<string>(undefined);
  const base = `/v1/models/${encodeURIComponent(model.name)}/streams`;
  const { length } = steps;

  const end = () => {
    if (stream.current) ask('DELETE', `${base}/${stream.current}`).catch(() => {}); // gone already, or ends by itself
    stream.current = undefined;
  };
  const reset = () => {
    end();
    setPlaying(false);
    setSteps([]);
    setStateBytes(undefined);
    setProblem(undefined);
  };
  const next = async () => {
    try {
      stream.current ??= (await askJson<{ stream: string }>('POST', `${pathOf(model)}/streams`)).stream;
      const sequence = sequenceOf(model.inputs, cutTo(model, draft, length, length + 1));
      const stepped = await askJson<Stepped>('POST', `${base}/${stream.current}/steps`, { sequence, after: length });
      setStateBytes(stepped.stateBytes);
      setSteps(before => [...before, { ...stepped, prediction: drawable(stepped.prediction) }]);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      setProblem(error);
      setPlaying(false);
    }
  };
  // another input is another stream
  useEffect(() => reset, [model, draft]);
  // the next beat comes when the last step has been answered
  useEffect(() => {
    if (!playing) return;
    if (length >= lengthOf(model, draft)) return setPlaying(false);
    const timer = setTimeout(next, length === 0 ? 0 : BEAT_MS);
    return () => clearTimeout(timer);
  }, [playing, length]);
  return { steps, stateBytes, problem, playing, setPlaying, next, reset };
}
