// Which axis of every tensor holds rows, if any: copies of rows, and rows that differ, tell.
import { sliceAxis, type Tensor, type Tensors } from '../../core/tensor.ts';
import type { TensorInfo } from '../../model/onnx/graph.ts';
import { takeRow } from '../../sequence/rows.ts';
import { differenceOf } from '../difference.ts';
import { type BatchAxes, type Filling, joined, openAxes, openSize, type Probe } from './probe.ts';

/** Two copies of one row may differ by this: kernels sum in another order. */
export const CLOSE = 1e-4;
const MOST_HYPOTHESES = 256;

/** Ways to choose a batch axis for every input, the likeliest first: early axes. */
export function hypotheses(inputs: readonly TensorInfo[]): BatchAxes[] {
  let found: { batch: Map<string, number | null>; cost: number }[] = [{ batch: new Map(), cost: 0 }];
  for (const info of inputs) {
    const options = openAxes(info).length > 0 ? openAxes(info) : [null];
    found = found
      .flatMap(({ batch, cost }) =>
        options.map(axis => ({ batch: new Map(batch).set(info.name, axis), cost: cost + (axis ?? 0) })),
      )
      .slice(0, MOST_HYPOTHESES);
  }
  return found
    .filter(({ batch }) => consistent(inputs, batch) && [...batch.values()].some(axis => axis !== null))
    .sort((a, b) => a.cost - b.cost)
    .map(({ batch }) => batch);
}

/** The same symbol cannot be the batch in one place and something else in another. */
function consistent(inputs: readonly TensorInfo[], batch: BatchAxes): boolean {
  const chosen = new Set(
    inputs.flatMap(info => {
      const axis = batch.get(info.name) ?? null;
      return axis === null ? [] : [openSize(info, axis)];
    }),
  );
  return inputs.every(info =>
    openAxes(info).every(axis => !chosen.has(openSize(info, axis)) || batch.get(info.name) === axis),
  );
}

/** Rows that a batch is tried with: by the seed of their numbers, and how many of them. */
const SEEDS = [0, 1, 2, 4, 5];

/**
 * The batch axis of every output, if the inputs' axes hold rows. Copies of a row must give, on one axis of every output,
 * copies of what the row gives alone: for several rows and lengths. Where the axis is a guess, rows that differ must not
 * notice each other either; where it is well founded, they may, and the certificate says so.
 */
export async function batchOfOutputs(
  probe: Probe,
  batch: BatchAxes,
  filling: Filling,
): Promise<Map<string, number> | undefined> {
  const [first, ...others] = SEEDS.map(seed => probe.feeds(batch, filling, undefined, seed));
  const twice = filling.sizes && new Map([...filling.sizes].map(([name, size]) => [name, 2 * size]));
  const longer = probe.feeds(batch, { ...filling, steps: 2 * filling.steps, sizes: twice }, undefined, 3);
  const found = await copiesOf(probe, batch, first, 2);
  if (!found) return undefined;
  for (const [feeds, copies] of [
    [others[0], 3],
    [others[1], 2],
    [longer, 2],
  ] as const) {
    if (feeds === longer && !(await probe.attempt(longer))) continue; // not a length that the graph takes
    const again = await copiesOf(probe, batch, feeds, copies);
    if (!again || [...found].some(([name, axis]) => again.get(name) !== axis)) return undefined;
  }
  return isGuess(probe.graph.inputs, batch) && (await rowsNotice(probe, batch, [first, ...others], found))
    ? undefined
    : found;
}

/** The axis of every output on which copies of a row give copies of its answer. */
async function copiesOf(
  probe: Probe,
  batch: BatchAxes,
  row: Tensors,
  copies: number,
): Promise<Map<string, number> | undefined> {
  const alone = await probe.attempt(row);
  const together = alone && (await probe.attempt(rowsTogether(batch, new Array<Tensors>(copies).fill(row))));
  if (!together) return undefined;
  const found = new Map<string, number>();
  for (const { name } of probe.graph.outputs) {
    const [one, many] = [alone[name], together[name]];
    const axis = one.dims.findIndex((dim, a) => dim === 1 && one.dims.with(a, copies).join() === many.dims.join());
    if (axis < 0) return undefined;
    for (let index = 0; index < copies; index++) if (!agrees(many, axis, index, one)) return undefined;
    found.set(name, axis);
  }
  return found;
}

/** Whether an axis is batch only because nothing else is left: no other size of its input is open, nor a fixed time. */
function isGuess(inputs: readonly TensorInfo[], batch: BatchAxes): boolean {
  return inputs.every(info => {
    const axis = batch.get(info.name) ?? null;
    if (axis === null) return true;
    const inner = info.dims.filter((dim, a) => a !== axis && a < info.dims.length - 1 && dim !== 1);
    return openAxes(info).length === 1 && inner.length === 0;
  });
}

/** Whether rows that differ change each other's answers. */
async function rowsNotice(
  probe: Probe,
  batch: BatchAxes,
  rows: readonly Tensors[],
  outputs: ReadonlyMap<string, number>,
): Promise<boolean> {
  const together = await probe.attempt(rowsTogether(batch, rows));
  if (!together) return true;
  for (const [index, row] of rows.entries()) {
    const alone = await probe.attempt(row);
    if (!alone) return true;
    for (const [name, axis] of outputs) if (!agrees(together[name], axis, index, alone[name])) return true;
  }
  return false;
}

/** One run's feeds of several rows; what has no batch axis is the first row's. */
function rowsTogether(batch: BatchAxes, rows: readonly Tensors[]): Tensors {
  return Object.fromEntries(
    Object.entries(rows[0]).map(([name, tensor]) => {
      const axis = batch.get(name) ?? null;
      return [
        name,
        axis === null
          ? tensor
          : joined(
              rows.map(row => row[name]),
              axis,
            ),
      ];
    }),
  );
}

function agrees(many: Tensor, batch: number, index: number, one: Tensor): boolean {
  const axes = { batch, time: null };
  const [row, alone] = [takeRow(many, axes, index, Infinity), takeRow(one, axes, 0, Infinity)];
  return differenceOf(row, alone, one.dtype) <= CLOSE;
}

/** Whether the steps of a row from `from` on are all alike. */
export function isConstantFrom(output: Tensor, time: number, from: number): boolean {
  const first = sliceAxis(output, time, from, from + 1);
  for (let step = from + 1; step < output.dims[time]; step++) {
    if (!(differenceOf(sliceAxis(output, time, step, step + 1), first, output.dtype) <= CLOSE)) return false;
  }
  return true;
}
