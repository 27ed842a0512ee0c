// Samples to the row of a graph that takes sound, and back to be drawn.
import type { AudioMedia, TensorInput } from '../model.ts';
import { brief, flat, nest, type RowShape, sizeFor } from './shape.ts';

/** One channel: the mean of all. */
export function mono(channels: readonly ArrayLike<number>[]): Float32Array {
  const [first] = channels;
  return Float32Array.from(first, (_, i) => channels.reduce((sum, samples) => sum + samples[i], 0) / channels.length);
}

/** The row's sizes for so many samples: of an open axis as many as hold all of them, within the input's limits. */
export function soundDims(input: TensorInput, { dims }: RowShape, samples: number): number[] {
  const piece = dims.reduce<number>((product, size) => product * (size ?? 1), 1);
  return dims.map((size, axis) => size ?? sizeFor(input, axis, Math.ceil(samples / piece)));
}

/** A value is −1 to 1 × scale; silence fills up what the sound is too short for, and what is too long is cut off. */
export function soundRow(
  { scale }: AudioMedia,
  whole: boolean,
  dims: readonly number[],
  samples: Float32Array,
): unknown {
  const count = dims.reduce((product, size) => product * size, 1);
  const value = (i: number) => {
    const scaled = (samples[i] ?? 0) * scale;
    return whole ? Math.round(Math.max(-scale, Math.min(scale, scaled))) : brief(scaled);
  };
  return nest(
    Array.from({ length: count }, (_, i) => value(i)),
    dims,
  );
}

/** The lowest and highest of each of so many stretches of a row, as parts of the loudest. */
export function outlineOf(row: unknown, stretches: number): readonly (readonly [low: number, high: number])[] {
  const values = flat(row);
  const loudest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0) || 1;
  const count = Math.min(stretches, values.length);
  return Array.from({ length: count }, (_, i) => {
    const [from, to] = [i, i + 1].map(end => Math.floor((end * values.length) / count));
    let [low, high] = [values[from], values[from]];
    for (let j = from + 1; j < to; j++) {
      low = Math.min(low, values[j]);
      high = Math.max(high, values[j]);
    }
    return [low / loudest, high / loudest];
  });
}
