// Some of a sequence's time steps, as a sequence of their own.
import { sliceAxis } from '../core/tensor.ts';
import { paddedSteps, rowTimeAxis, type Signature } from '../model/signature.ts';
import type { Part } from './rows.ts';
import type { Sequence } from './sequence.ts';

/** Steps [from, to) of every input with a time axis; the others are shared with the whole. */
export function piece(signature: Signature, sequence: Sequence, from: number, to: number): Sequence {
  const parts = sequence.parts.map((part, f): Part | undefined => {
    const { axes, tensor } = signature.feeds[f];
    const time = rowTimeAxis(axes);
    if (!part || time === null) return part;
    return { ...sliceAxis({ ...part, dtype: tensor.dtype }, time, from, to), length: to - from };
  });
  const steps = parts.map((part, f) => (part ? paddedSteps(signature.feeds[f], part.length) : 1));
  const { first, of } = sequence.slice ?? { first: true, of: sequence.longest };
  const slice = { first: first && from === 0, of };
  return { ...sequence, parts, length: to - from, longest: Math.max(...steps), slice };
}

/** Whether all inputs with time steps have the same number of them, so that they can be cut at the same step. */
export function isEven(signature: Signature, { parts, length }: Sequence): boolean {
  return parts.every((part, f) => !part || signature.feeds[f].axes.time === null || part.length === length);
}
