// Many sequences into one run and back: pad, tell the graph what is padding, start the state at zero; then split.
import { ServiceError } from '../core/errors.ts';
import { elementCount, place, type Tensor, type Tensors, zeros } from '../core/tensor.ts';
import { type Axes, type Feed, paddedSteps, rowTimeAxis, type Signature } from '../model/signature.ts';
import { BlockRow, stepsOf } from './block.ts';
import type { Part } from './rows.ts';
import { putRow, rowsAreWhole, type TensorRow, takeRow } from './rows.ts';
import type { Sequence } from './sequence.ts';

/** One sequence's place in a run's outputs, which all rows of the batch share. */
export interface Row {
  readonly outputs: Tensors;
  readonly index: number;
  readonly batchSize: number;
  readonly sequence: Sequence;
}

/** The feeds of one run, padded with zeros (empty strings) to the longest sequence; what sequences lack is filled in. */
export function collate(signature: Signature, sequences: readonly Sequence[]): Tensors {
  const { feeds } = signature;
  const times = longestOf(feeds, sequences);
  const tensors: Tensors = {};
  feeds.forEach((feed, f) => {
    const { tensor: info, axes } = feed;
    const first = sequences[0].parts[f];
    const dims = feedDims(feed, first, sequences.length, times[feed.of ?? f]);
    const tensor = zeros(info.dtype, dims);
    tensors[info.name] = tensor;
    if (axes.batch === null && first) {
      place(tensor.data, first.data, 0);
      return;
    }
    const stride = rowsAreWhole(axes, dims) ? elementCount(dims) / sequences.length : undefined;
    for (let b = 0; b < sequences.length; ) {
      const count = placeBlock({ tensor, feed, stride }, sequences, b, f);
      if (count === 0) placeRow({ tensor, feed, stride }, sequences[b], b, f);
      b += Math.max(1, count);
    }
  });
  return tensors;
}

interface Target {
  readonly tensor: Tensor;
  readonly feed: Feed;
  /** Values from one row to the next, where rows are runs. */
  readonly stride: number | undefined;
}

/** Places what one sequence has of a feed, or what says how long it is. */
function placeRow(
  { tensor, feed: { axes, role, of = -1, alone = 0 }, stride }: Target,
  sequence: Sequence,
  b: number,
  feed: number,
): void {
  const part = sequence.parts[feed];
  if (part && stride !== undefined) place(tensor.data, part.data, b * stride);
  else if (part) putRow(tensor, axes, b, part);
  else if (role === 'lengths') fill(tensor, b, 1, stepsOf(sequence, of));
  else if (role === 'control') fill(tensor, b, 1, alone);
  else if (role === 'mask') fillMask(tensor, axes, b, stepsOf(sequence, of));
}

/** Places the sequence at `b` and those that follow it in its block as one; says how many, 0 if they cannot be placed so. */
function placeBlock(
  { tensor, feed: { axes, role }, stride }: Target,
  sequences: readonly Sequence[],
  b: number,
  feed: number,
): number {
  const first = sequences[b];
  if (!(first instanceof BlockRow)) return 0;
  const count = first.neighbours(sequences, b);
  if (!first.brings(feed)) return role === 'control' ? 0 : count; // what no row brings is zeros
  const run = first.run(feed, axes, count);
  if (!run || stride === undefined || run.length !== count * stride) return 0;
  place(tensor.data, run, b * stride);
  return count;
}

/** The time steps of each feed's tensor: of the longest sequence, or their multiple, and where feeds are tied the same for all of them. */
function longestOf(feeds: readonly Feed[], sequences: readonly Sequence[]): number[] {
  const rootOf = (f: number): number => (feeds[f].timeOf === undefined ? f : rootOf(feeds[f].timeOf));
  const roots = feeds.map((_, f) => rootOf(f));
  const times = new Array<number>(feeds.length).fill(0);
  roots.forEach((root, f) => {
    for (const sequence of sequences) times[root] = Math.max(times[root], stepsOf(sequence, f));
  });
  return roots.map(root => paddedSteps(feeds[root], times[root]));
}

function feedDims({ tensor, axes, role }: Feed, part: Part | undefined, batch: number, time: number): number[] {
  let dims: number[];
  if (part) {
    dims = [...part.dims];
    const row = rowTimeAxis(axes);
    if (row !== null) dims[row] = time;
    if (axes.batch !== null) dims.splice(axes.batch, 0, batch);
    return dims;
  }
  if (role === 'lengths') return [axes.batch === null ? 1 : batch];
  if (role === 'mask') return axes.batch === null ? [time] : axes.batch === 0 ? [batch, time] : [time, batch];
  dims = tensor.dims.map(dim => (typeof dim === 'number' ? dim : 1));
  if (axes.batch !== null) dims[axes.batch] = batch;
  return dims;
}

function fillMask(mask: Tensor, axes: Axes, row: number, steps: number): void {
  if (axes.batch === 1) for (let t = 0; t < steps; t++) fill(mask, t * mask.dims[1] + row, 1, 1);
  else fill(mask, axes.batch === null ? 0 : row * mask.dims[1], steps, 1);
}

/** The float16 bits of 1. */
const HALF_ONE = 0x3c00;

function fill({ dtype, data }: Tensor, start: number, count: number, value: number): void {
  if (Array.isArray(data)) return; // the id of a sequence that nobody names is the empty text, which is there
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) data.fill(BigInt(value), start, start + count);
  else (data as Float32Array).fill(dtype === 'float16' ? HALF_ONE : value, start, start + count);
}

/**
 * The inverse of collate: each sequence's row of the outputs, in order. Rows are views, nothing is copied.
 * @throws {ServiceError} INFERENCE_FAILED if an output does not have one row per sequence.
 */
export function split(signature: Signature, outputs: Tensors, sequences: readonly Sequence[]): Row[] {
  const batchSize = sequences.length;
  for (const name in outputs) {
    const batch = signature.outputs.get(name)?.batch ?? null;
    if (batch !== null && outputs[name].dims[batch] !== batchSize) {
      const shape = `[${outputs[name].dims.join(', ')}]`;
      throw new ServiceError('INFERENCE_FAILED', 'the model did not answer every sequence', {
        cause: new Error(`output "${name}" has shape ${shape} for ${batchSize} sequences`),
      });
    }
  }
  return sequences.map((sequence, index) => ({ outputs, index, batchSize, sequence }));
}

/** A row of one output; where it has time steps, only as many as the feed `follows` has. */
export function rowOf(row: Row, tensor: string, axes: Axes, follows: number): TensorRow {
  return takeRow(row.outputs[tensor], axes, row.index, stepsOf(row.sequence, follows) || 1);
}
