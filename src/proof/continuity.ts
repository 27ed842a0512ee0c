// Two more questions to a graph: does its state continue a sequence, and does a side input change its answers?

import { sliceAxis } from '../core/tensor.ts';
import { isRowInput, rowTimeAxis, type Signature } from '../model/signature.ts';
import type { Run } from '../runtime/runner.ts';
import { collate, type Row, rowOf } from '../sequence/collate.ts';
import { placed, UNNAMED } from '../sequence/controls.ts';
import { piece } from '../sequence/piece.ts';
import { takeRow } from '../sequence/rows.ts';
import type { Sequence } from '../sequence/sequence.ts';
import type { Continuity, SideEffect } from './certificate.ts';
import { answer, watchedOutputs } from './comparison.ts';
import { differenceOf } from './difference.ts';
import { randomNumbers, randomSequence } from './samples.ts';

/** Numbers of steps before the cut and in all. */
const CUTS = [
  [1, 2],
  [3, 8],
  [4, 13],
] as const;
const SIDE_VALUES = [0, 1, 2, 8000, 16000, 0.5];

/** Runs sequences whole, and cut in two with the state handed over; compares what is said after the cut. */
export async function continuity(signature: Signature, run: Run, tolerance: number): Promise<Continuity> {
  const timed = signature.inputs.filter(({ spec, axes }) => isRowInput(spec) && axes.time !== null);
  const variable = timed.every(({ spec }) => isRowInput(spec) && spec.time.minimum === 1 && spec.time.maximum >= 13);
  if (timed.length === 0 || !variable) return 'untested';
  const watched = watchedOutputs(signature);
  const fetches = watched.map(output => output.tensor);
  const random = randomNumbers(5);
  let worst = 0;
  for (const [cut, length] of CUTS) {
    const whole = placed(signature, randomSequence(signature, length, random), {
      start: true,
      end: false,
      id: UNNAMED,
    });
    const [first] = await answer(signature, run, [piece(signature, whole, 0, cut)], fetches);
    const later = placed(signature, piece(signature, whole, cut, length), { start: false, end: false, id: UNNAMED });
    const rest = continued(signature, later, first);
    const [second] = await answer(signature, run, [rest], fetches);
    const [once] = await answer(signature, run, [whole], fetches);
    for (const { tensor, axes, follows } of watched) {
      const { dtype } = second.outputs[tensor];
      const expected = rowOf(once, tensor, axes, follows);
      const time = rowTimeAxis(axes);
      const after = time === null ? expected : sliceAxis({ ...expected, dtype }, time, cut, length);
      const difference = differenceOf(rowOf(second, tensor, axes, follows), after, dtype);
      if (difference > worst || Number.isNaN(difference)) worst = difference; // NaN stays
    }
  }
  return worst === 0 ? 'exact' : worst <= tolerance ? 'tolerance' : 'no';
}

/** A sequence that goes on from the state in another's row. */
export function continued(signature: Signature, sequence: Sequence, row: Row): Sequence {
  const parts = [...sequence.parts];
  for (const { feed, output, axes } of signature.state) {
    parts[feed] = { ...takeRow(row.outputs[output], axes, row.index, Infinity), length: 1 };
  }
  return { ...sequence, parts };
}

/** For each side input, whether another value changes any answer. */
export async function sideEffects(signature: Signature, run: Run): Promise<Record<string, SideEffect>> {
  const effects: Record<string, SideEffect> = {};
  const watched = watchedOutputs(signature);
  for (const { spec, tensor } of signature.inputs) {
    if (spec.kind !== 'side') continue;
    const answers: Row[] = [];
    const float = tensor.dtype.startsWith('float');
    const values = spec.values ?? SIDE_VALUES.filter(value => float || Number.isInteger(value));
    for (const value of values) {
      const sequence = randomSequence(signature, 8, randomNumbers(6), { side: { [spec.name]: value } });
      const tensors = await run(collate(signature, [sequence]), signature.fetches).catch(() => undefined);
      if (tensors) answers.push({ outputs: tensors, index: 0, batchSize: 1, sequence });
    }
    const differs = answers.some(row =>
      watched
        .filter(output => output.group === 'heads')
        .some(({ tensor: name, axes, follows }) => {
          const { dtype } = row.outputs[name];
          return differenceOf(rowOf(row, name, axes, follows), rowOf(answers[0], name, axes, follows), dtype) !== 0;
        }),
    );
    effects[spec.name] = answers.length < 2 ? 'untested' : differs ? 'changesAnswers' : 'changesNothing';
  }
  return effects;
}
