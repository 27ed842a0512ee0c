// Numbers and tensors as JSON text.
import type { TensorAnswer } from '../../sequence/heads.ts';
import { float32Text } from './float32.ts';

/** A number, or null where it is none. */
export const numberText = (value: number) => (Number.isFinite(value) ? float32Text(value) : 'null');
export const doubleText = (value: number) => (Number.isFinite(value) ? String(value) : 'null');

/** The row as nested arrays. */
export function tensorText(answer: TensorAnswer): string {
  return [...tensorPieces(answer, answer.values.length)].join('');
}

/** The same, a piece for so many values. */
export function* tensorPieces({ dtype, dims, values }: TensorAnswer, pieceValues: number): Generator<string> {
  if (values.length === 0) return yield '[]';
  const text =
    dtype === 'float32' || dtype === 'float16' ? (value: unknown) => numberText(value as number) : elementText;
  const sizes = sizesOf(dims);
  for (let start = 0; start < values.length; start += pieceValues) {
    const end = Math.min(values.length, start + pieceValues);
    let piece = '';
    for (let i = start; i < end; i++) {
      if (i > 0) piece += ',';
      for (let axis = 0; axis < sizes.length && i % sizes[axis] === 0; axis++) piece += '[';
      piece += text(values[i]);
      for (let axis = 0; axis < sizes.length && (i + 1) % sizes[axis] === 0; axis++) piece += ']';
    }
    yield piece;
  }
}

/** How many values an array of each nesting holds, the innermost first. */
function sizesOf(dims: readonly number[]): number[] {
  const sizes: number[] = [];
  for (const dim of dims.toReversed()) sizes.push(dim * (sizes.at(-1) ?? 1));
  return sizes;
}

function elementText(value: unknown): string {
  return typeof value === 'bigint' ? value.toString() : JSON.stringify(value);
}
