// Rows of tensors, whatever axis they lie on: put one into a batch, take one out.
import { copyBlock, elementCount, place, type Tensor, type TensorData, viewOf, zeroData } from '../core/tensor.ts';
import { type Axes, rowTimeAxis } from '../model/signature.ts';
import type { TokenText } from './words.ts';

/** A row of a tensor, without the batch axis: row-major `data` of shape `dims`. */
export interface TensorRow {
  readonly dims: readonly number[];
  readonly data: TensorData;
}

/** A caller's row of one graph input. */
export interface Part extends TensorRow {
  /** Time steps; 1 where the input has none. */
  readonly length: number;
  /** The text that its words were cut from, if the caller sent one. */
  readonly origin?: TokenText;
}

/** Whether each row of a batch is one run of values in which padding can only follow the steps. */
export function rowsAreRuns(axes: Axes): boolean {
  const time = rowTimeAxis(axes);
  return axes.batch === 0 && (time === null || time === 0);
}

/** Whether each row of a batch of shape `dims` is one run of values, whatever it holds: also where all axes before the batch are 1. */
export function rowsAreWhole(axes: Axes, dims: readonly number[]): boolean {
  if (rowsAreRuns(axes)) return true;
  return axes.batch !== null && rowTimeAxis(axes) === null && dims.slice(0, axes.batch).every(size => size === 1);
}

/** Writes a row into the batch at `index`; shorter than the batch's time axis, it leaves the rest as it is. */
export function putRow(target: Tensor, axes: Axes, index: number, row: TensorRow): void {
  const { batch } = axes;
  if (batch === null || rowsAreWhole(axes, target.dims)) {
    place(target.data, row.data, batch === null ? 0 : index * elementCount(target.dims.slice(batch + 1)));
    return;
  }
  const extent = row.dims.toSpliced(batch, 0, 1);
  const offset = index * elementCount(target.dims.slice(batch + 1));
  copyBlock({ data: row.data, dims: extent, offset: 0 }, { ...target, offset }, extent);
}

/** Takes the row at `index` out of a batch, cut to `length` time steps. A view where the layout allows, else a copy. */
export function takeRow(source: Tensor, axes: Axes, index: number, length: number): TensorRow {
  const { batch } = axes;
  const dims = batch === null ? [...source.dims] : source.dims.toSpliced(batch, 1);
  const time = rowTimeAxis(axes);
  if (time !== null) dims[time] = Math.min(dims[time], length);
  const count = elementCount(dims);
  if (batch === null ? time === null || time === 0 : rowsAreWhole(axes, source.dims)) {
    const start = batch === null ? 0 : index * elementCount(source.dims.slice(batch + 1));
    return { dims, data: viewOf(source.data, start, start + count) };
  }
  const extent = batch === null ? dims : dims.toSpliced(batch, 0, 1);
  const offset = batch === null ? 0 : index * elementCount(source.dims.slice(batch + 1));
  const data = zeroData(source.dtype, count);
  copyBlock({ ...source, offset }, { data, dims: extent, offset: 0 }, extent);
  return { dims, data };
}
