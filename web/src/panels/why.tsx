// Why an answer is as it is: how much each value of the input moved one head, as a map over time and features.
import { useEffect, useState } from 'preact/hooks';
import { askJson, Problem, pathOf } from '../api.ts';
import { ProblemNote } from '../app.tsx';
import { short, spoken, unitSign } from '../format.ts';
import { type ExplainBody, type Explanation, type Head, isValue, type Method } from '../model.ts';
import { sequenceOf } from '../sequence/draft.ts';
import { Attributions } from './attributions.tsx';
import type { PanelProps } from './panels.tsx';

const METHODS: Record<Method, { name: string; says: string }> = {
  occlusion: { name: 'Occlusion', says: 'what the answer loses when one value is replaced by the baseline' },
  shapley: { name: 'Shapley values', says: 'the mean of that over many orders of replacing; adds up to the answer' },
  integratedGradients: { name: 'Integrated gradients', says: 'slopes summed on the straight way from the baseline' },
};

export function Why({ model, draft, answered }: PanelProps) {
  const heads = model.heads.filter(head => head.kind !== 'tensor' && head.kind !== 'sequence-labels');
  const [headName, setHead] = useState(heads[0]?.name);
  const [method, setMethod] = useState<Method>('occlusion');
  const [baseline, setBaseline] = useState<'reference' | 'zero'>('reference');
  const [target, setTarget] = useState('');
  const [step, setStep] = useState<number>();
  const head = heads.find(h => h.name === headName);
  const length = answered?.prediction.length ?? 1;
  const labels = head && 'labels' in head ? head.labels : [];
  const body: ExplainBody | undefined = head && {
    sequences: [sequenceOf(model.inputs, draft)],
    heads: [head.name],
    method,
    baseline,
    targets: labels.includes(target) ? { [head.name]: target } : undefined,
    steps: head.per === 'step' && step !== undefined && step < length ? { [head.name]: step } : undefined,
  };
  const { explanation, problem, busy } = useExplanation(`${pathOf(model)}/explain`, body);
  if (!head) return <p class="empty">Its heads answer plain tensors, which have no one number to explain.</p>;
  const gradients = model.inputs.some(input => input.kind === 'numeric');
  return (
    <>
      <div class="fields">
        <Field label="Head" value={head.name} options={heads.map(h => [h.name, spoken(h.name)])} onChange={setHead} />
        {labels.length > 0 && (
          <Field
            label="Towards"
            value={labels.includes(target) ? target : ''}
            options={[['', 'what it answered'], ...labels.map((l): [string, string] => [l, l])]}
            onChange={setTarget}
          />
        )}
        {head.per === 'step' && (
          <Field
            label="At step"
            value={String(Math.min(step ?? length - 1, length - 1))}
            options={Array.from({ length }, (_, t): [string, string] => [String(t), String(t + 1)])}
            onChange={value => setStep(Number(value))}
          />
        )}
        <Field
          label="Method"
          value={method}
          options={Object.entries(METHODS)
            .filter(([name]) => gradients || name !== 'integratedGradients')
            .map(([name, m]): [string, string] => [name, m.name])}
          onChange={value => setMethod(value as Method)}
        />
        <Field
          label="Against"
          value={baseline}
          options={[
            ['reference', 'a typical input'],
            ['zero', 'zeros'],
          ]}
          onChange={value => setBaseline(value as 'reference' | 'zero')}
        />
      </div>
      <p class="hint">{METHODS[method].says}</p>
      {problem && <ProblemNote problem={problem} />}
      {explanation && !problem && (
        <div class="explanation" aria-busy={busy}>
          <Balance head={head} explanation={explanation} />
          <Attributions inputs={model.inputs} draft={draft} explanation={explanation} />
        </div>
      )}
      {!explanation && !problem && <div class="loading" aria-busy="true" />}
    </>
  );
}

function Field(props: {
  label: string;
  value: string;
  options: readonly (readonly [string, string])[];
  onChange: (value: string) => void;
}) {
  return (
    <label class="field">
      <span>{props.label}</span>
      <select value={props.value} onChange={event => props.onChange(event.currentTarget.value)}>
        {props.options.map(([value, name]) => (
          <option value={value}>{name}</option>
        ))}
      </select>
    </label>
  );
}

/** From what the baseline answers to what the sequence answers. */
function Balance({ head, explanation }: { head: Head; explanation: Explanation }) {
  const { target, output, baselineOutput, convergence } = explanation;
  const unit = isValue(head) ? ` ${unitSign(head.unit)}` : '';
  const { rows, gap, standardError, partial } = convergence;
  return (
    <p class="balance">
      <span>
        {isValue(head) ? spoken(head.name) : `P(${target})`}: <b>{short(baselineOutput)}</b>
        {unit} for the baseline, <b>{short(output)}</b>
        {unit} for this input.
      </span>
      <small>
        {rows} rows run, left over {short(gap, 2)}
        {standardError !== undefined && `, ± ${short(standardError, 2)} a cell`}
        {partial && ', cut short'}
      </small>
    </p>
  );
}

/** Asks again whenever the question changes; the last map stays until the next is there. */
function useExplanation(path: string, body: ExplainBody | undefined) {
  const [explanation, setExplanation] = useState<Explanation>();
  const [problem, setProblem] = useState<Problem>();
  const [busy, setBusy] = useState(false);
  const question = JSON.stringify(body);
  // the text of the question stands for it
  useEffect(() => {
    if (!body) return;
    const abort = new AbortController();
    const timer = setTimeout(async () => {
      setBusy(true);
      try {
        const reply = await askJson<{ explanations: { heads: Record<string, Explanation> }[] }>(
          'POST',
          path,
          body,
          abort.signal,
        );
        setExplanation(reply.explanations[0].heads[body.heads[0]]);
        setProblem(undefined);
      } catch (error) {
        if (error instanceof Problem) setProblem(error);
        else if (!abort.signal.aborted) throw error;
      }
      setBusy(false);
    }, 200);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [path, question]);
  return { explanation, problem, busy };
}
