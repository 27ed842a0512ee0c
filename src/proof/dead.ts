// Signs of a graph that was exported wrongly: steps that change nothing, heads that always answer the same, an activation
// applied twice.
import { copyBlock, zeros } from '../core/tensor.ts';
import { isRowInput, rowTimeAxis, type Signature } from '../model/signature.ts';
import type { Run } from '../runtime/runner.ts';
import { type Row, rowOf } from '../sequence/collate.ts';
import type { Part } from '../sequence/rows.ts';
import type { Sequence } from '../sequence/sequence.ts';
import { answer, watchedOutputs } from './comparison.ts';
import { differenceOf } from './difference.ts';
import { type Known, randomNumbers, randomSequence } from './samples.ts';

const LENGTH = 6;
const SAMPLES = 6;

/** One sentence for each sign. */
export async function deadSigns(
  signature: Signature,
  run: Run,
  { known, writers }: { known: Known; writers: Readonly<Record<string, string>> },
): Promise<string[]> {
  const random = randomNumbers(19);
  const watched = watchedOutputs(signature).filter(({ group }) => group === 'heads');
  const fetches = watched.map(({ tensor }) => tensor);
  const sequences = Array.from({ length: SAMPLES }, () => randomSequence(signature, LENGTH, random, { known }));
  const rows: Row[] = [];
  for (const sequence of sequences) rows.push(...(await answer(signature, run, [sequence], fetches)));
  const same = (one: Row, other: Row, { tensor, axes, follows }: (typeof watched)[number]) =>
    differenceOf(rowOf(one, tensor, axes, follows), rowOf(other, tensor, axes, follows), one.outputs[tensor].dtype) ===
    0;
  const constant = watched.filter(output => rows.every(row => same(row, rows[0], output)));
  const signs = constant.map(({ tensor }) => `output "${tensor}" answered the same to ${SAMPLES} random sequences`);
  const steps = signature.inputs.some(
    ({ spec, axes }) => isRowInput(spec) && axes.time !== null && spec.time.maximum > 1,
  );
  if (steps && constant.length < watched.length && sequences[0].longest > 1) {
    const other = withFirstStepOf(signature, sequences[1], sequences[0]);
    const [changed] = await answer(signature, run, [other], fetches);
    if (watched.every(output => same(rows[0], changed, output))) {
      signs.push('no step after the first changes any answer: the graph was probably exported for one step');
    }
  }
  for (const { spec } of signature.heads) {
    const writer = writers[spec.tensor] ?? '';
    if ('activation' in spec && spec.activation === 'logits' && /^(Softmax|Sigmoid)$/.test(writer)) {
      signs.push(`head "${spec.name}": the graph ends in ${writer}, and activation "logits" applies it once more`);
    }
  }
  return signs;
}

/** A sequence whose first step is another's. */
function withFirstStepOf(signature: Signature, sequence: Sequence, first: Sequence): Sequence {
  const parts = sequence.parts.map((part, f): Part | undefined => {
    const { axes, tensor } = signature.feeds[f];
    const time = rowTimeAxis(axes);
    const from = first.parts[f];
    if (!part || !from || time === null) return from;
    const { data } = zeros(tensor.dtype, part.dims);
    copyBlock({ ...part, offset: 0 }, { dims: part.dims, data, offset: 0 }, part.dims);
    copyBlock({ ...from, offset: 0 }, { dims: part.dims, data, offset: 0 }, part.dims.with(time, 1));
    return { ...part, data };
  });
  return { ...sequence, parts };
}
