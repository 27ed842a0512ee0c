// Sequences that can be told apart after a run: sequence n has n time steps and holds n in every one of them.
import type { Tensors } from '../../../src/core/tensor.ts';
import type { Row } from '../../../src/sequence/collate.ts';
import type { Sequence } from '../../../src/sequence/sequence.ts';
import { numericSignature } from './models.ts';

export const SIGNATURE = numericSignature([{ name: 'u' }], { minimum: 1, maximum: 1000 });

/** One sequence for each number, as long as the number says. */
export function numbered(...numbers: number[]): Sequence[] {
  return numbers.map(n => sequenceOf(n, n));
}

/** A sequence of this length that holds this value. */
export function sequenceOf(length: number, value: number): Sequence {
  const part = { length, dims: [length, 1], data: new Float32Array(length).fill(value) };
  return { parts: [part, undefined], length, longest: length, batchKey: '' };
}

/** The values that a batch's rows hold. */
export function numbersOf({ x }: Tensors): number[] {
  const share = x.data.length / x.dims[0];
  return Array.from({ length: x.dims[0] }, (_, row) => (x.data as Float32Array)[row * share]);
}

/** The outputs of a graph that answers every sequence with the value it holds. */
export function echo(feeds: Tensors): Tensors {
  const data = Float32Array.from(numbersOf(feeds));
  return { y: { dtype: 'float32', dims: [data.length], data } };
}

/** What echo answered, row by row. */
export function valuesOf(rows: readonly Row[]): number[] {
  return rows.map(row => (row.outputs.y.data as Float32Array)[row.index]);
}
