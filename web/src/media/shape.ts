// The shape of a row that a file is read into: the graph's own sizes, and for open ones what the file has of it.
import type { TensorInput } from '../model.ts';

export interface RowShape {
  /** null: the graph leaves it open. */
  readonly dims: readonly (number | null)[];
  /** Whether it holds whole numbers only. */
  readonly whole: boolean;
}

/** Where a row's time steps lie. */
export function rowTimeAxis({ batchAxis, timeAxis }: Pick<TensorInput, 'batchAxis' | 'timeAxis'>): number | null {
  return timeAxis === null ? null : timeAxis - (batchAxis !== null && batchAxis < timeAxis ? 1 : 0);
}

/** The size nearest to the wanted one that an open axis takes; `most` where the axis is not that of time. */
export function sizeFor(input: TensorInput, axis: number, wanted: number, most = Number.POSITIVE_INFINITY): number {
  const { minimum, maximum, multipleOf = 1 } = input.time;
  if (axis !== rowTimeAxis(input)) return Math.max(1, Math.min(most, Math.round(wanted)));
  const up = Math.ceil(Math.max(minimum, Math.min(maximum, Math.round(wanted))) / multipleOf) * multipleOf;
  return up > maximum ? up - multipleOf : up;
}

/** Flat values as nested arrays. */
export function nest(values: readonly number[], dims: readonly number[]): unknown {
  if (dims.length <= 1) return values;
  const inner = dims.slice(1);
  const size = inner.reduce((product, dim) => product * dim, 1);
  return Array.from({ length: dims[0] }, (_, i) => nest(values.slice(i * size, (i + 1) * size), inner));
}

export function flat(row: unknown): number[] {
  return Array.isArray(row) ? (row as unknown[]).flat(Number.POSITIVE_INFINITY).map(Number) : [];
}

export function dimsOf(row: unknown): number[] {
  return Array.isArray(row) ? [row.length, ...dimsOf(row[0])] : [];
}

/** As many digits as float32 holds, and no more to send. */
export function brief(value: number): number {
  return Number(value.toPrecision(8));
}
