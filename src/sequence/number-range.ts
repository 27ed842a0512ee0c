// The numbers that a raw tensor of callers may hold, on every skin: between two limits, or whole.
import { fromFloat16 } from '../core/float16.ts';
import type { DType, TensorData } from '../core/tensor.ts';
import type { ManifestInput } from '../model/manifest.ts';

export interface NumberRange {
  readonly minimum: number;
  readonly maximum: number;
  readonly whole: boolean;
  /** What is expected, for an error. */
  readonly words: string;
}

/** The range that a manifest states for a raw tensor or a side input, if it does. */
export function rangeOf(spec: ManifestInput): NumberRange | undefined {
  if (spec.kind !== 'tensor' && spec.kind !== 'side') return undefined;
  const { minimum = -Infinity, maximum = Infinity } = spec;
  const whole = spec.kind === 'tensor' && spec.integer === true;
  if (minimum === -Infinity && maximum === Infinity && !whole) return undefined;
  return { minimum, maximum, whole, words: wordsOf(minimum, maximum, whole) };
}

function wordsOf(minimum: number, maximum: number, whole: boolean): string {
  const limits = [
    ...(minimum === -Infinity ? [] : [`from ${minimum}`]),
    ...(maximum === Infinity ? [] : [`up to ${maximum}`]),
  ];
  return [`a ${whole ? 'whole ' : ''}number`, ...limits].join(' ');
}

/** A number as its type means it. */
export function numberAt(data: TensorData, index: number, dtype: DType): TensorData[number] {
  return dtype === 'float16' ? fromFloat16(Number(data[index])) : data[index];
}

/** The index of the first number that is out of range, or -1. */
export function outOfRange({ minimum, maximum, whole }: NumberRange, data: TensorData, dtype: DType): number {
  if (Array.isArray(data)) return -1;
  for (let i = 0; i < data.length; i++) {
    const value = Number(numberAt(data, i, dtype));
    if (value < minimum || value > maximum || (whole && !Number.isInteger(value))) return i;
  }
  return -1;
}

/** Where the value at `index` of a row-major array lies. */
export function placeIn(dims: readonly number[], index: number): number[] {
  const place: number[] = [];
  for (let axis = dims.length - 1, rest = index; axis >= 0; axis--) {
    place.unshift(rest % dims[axis]);
    rest = Math.floor(rest / dims[axis]);
  }
  return place;
}
