// How far two answers are apart: in every comparison of a proof the same measure.
import type { TensorData } from '../core/tensor.ts';
import { plainValues } from '../sequence/nested.ts';

interface Values {
  readonly dims: readonly number[];
  readonly data: TensorData;
}

/**
 * The largest |a - b| / max(scale, |b|) of two arrays of numbers; infinite if shapes, or strings, differ. `scale`: how large
 * such values usually are, at least 1; a head in hundreds is not off by what a probability would be.
 */
export function differenceOf(one: Values, other: Values, dtype: Parameters<typeof plainValues>[0], scale = 1): number {
  if (one.dims.join() !== other.dims.join()) return Infinity;
  if (dtype === 'string') return (one.data as string[]).every((text, i) => text === other.data[i]) ? 0 : Infinity;
  if (dtype === 'float32') return largestDifference(one.data as Float32Array, other.data as Float32Array, scale);
  return largestDifference(plainValues(dtype, one.data).map(Number), plainValues(dtype, other.data).map(Number), scale);
}

/** The largest |a - b| / max(scale, |b|) over two rows of numbers; NaN if only one of a pair is NaN. */
export function largestDifference(actual: ArrayLike<number>, expected: ArrayLike<number>, scale = 1): number {
  let worst = 0;
  for (let i = 0; i < expected.length; i++) {
    if (Object.is(actual[i], expected[i])) continue;
    const difference = Math.abs(actual[i] - expected[i]) / Math.max(scale, Math.abs(expected[i]));
    worst = Math.max(worst, difference); // NaN stays
  }
  return worst;
}
