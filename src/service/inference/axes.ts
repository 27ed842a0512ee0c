// Which axis is batch and which is time, found by running the graph: names and symbols of an exporter are no contract.
import { LoadError } from '../../core/errors.ts';
import type { Tensors } from '../../core/tensor.ts';
import type { TensorInfo } from '../../model/graph.ts';
import { differenceOf } from '../../proof/comparison.ts';
import { takeRow } from '../../sequence/rows.ts';
import {
  type BatchAxes,
  type Filling,
  holdsOneValue,
  isFloat,
  openAxes,
  openSize,
  type Probe,
  twice,
} from './probe.ts';

/** What was found out about one input. */
export interface InputAxes {
  readonly batch: number | null;
  readonly time: number | null;
  /** Whether its number of steps may be chosen, and its fixed number if not. */
  readonly steps: number | 'any';
  /** An earlier input that must have the same number of steps. */
  readonly sameTimeAs?: string;
}
export interface OutputAxes {
  readonly batch: number | null;
  readonly time: number | null;
  /** The input whose steps it has. */
  readonly follows?: string;
}
export interface FoundAxes {
  readonly batch: BatchAxes;
  readonly filling: Filling;
  readonly inputs: ReadonlyMap<string, InputAxes>;
  readonly outputs: ReadonlyMap<string, OutputAxes>;
}

/** Two copies of one row may differ by this: kernels sum in another order. */
export const CLOSE = 1e-4;
const MOST_HYPOTHESES = 256;

/** @throws {LoadError} if the graph cannot be run on inputs made from its signature, or its batch is baked to 1. */
export async function findAxes(probe: Probe): Promise<FoundAxes> {
  const { inputs, outputs } = probe.graph;
  for (const batch of hypotheses(inputs)) {
    const base = await probe.filling(batch);
    const found = base && (await batchOfOutputs(probe, batch, base.filling, base.outputs));
    if (base && found) return withTime(probe, batch, base.filling, base.outputs, found);
  }
  const baked = inputs.find(({ dims }) => dims.slice(0, -1).slice(0, 2).includes(1));
  if (baked) {
    const shape = baked.dims.map(dim => dim ?? '?').join(', ');
    throw new LoadError(
      `model.onnx: the batch of input "${baked.name}" is fixed to 1 (shape [${shape}]); export it with a dynamic batch axis`,
    );
  }
  const none = new Map(inputs.map(({ name }) => [name, null]));
  const base = await probe.filling(none);
  if (!base) {
    throw new LoadError(
      'model.onnx cannot be run on inputs made from its signature alone; describe it in a manifest.json',
    );
  }
  const noBatch = new Map(outputs.map(({ name }) => [name, null]));
  return withTime(probe, none, base.filling, base.outputs, noBatch);
}

/** Ways to choose a batch axis for every input, the likeliest first: early axes. */
function hypotheses(inputs: readonly TensorInfo[]): BatchAxes[] {
  let found: { batch: Map<string, number | null>; cost: number }[] = [{ batch: new Map(), cost: 0 }];
  for (const info of inputs) {
    const options = openAxes(info).length > 0 ? openAxes(info) : holdsOneValue(info) ? [null] : [];
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

/** Two copies of a row must give, on one axis of every output, twice what the row gives alone. */
async function batchOfOutputs(
  probe: Probe,
  batch: BatchAxes,
  filling: Filling,
  alone: Tensors,
): Promise<Map<string, number> | undefined> {
  const feeds = probe.feeds(batch, filling);
  for (const [name, axis] of batch) if (axis !== null) feeds[name] = twice(feeds[name], axis);
  const doubled = await probe.attempt(feeds);
  if (!doubled) return undefined;
  const found = new Map<string, number>();
  for (const { name } of probe.graph.outputs) {
    const [one, two] = [alone[name], doubled[name]];
    const axis = one.dims.findIndex((dim, a) => dim === 1 && one.dims.with(a, 2).join() === two.dims.join());
    if (axis < 0) return undefined;
    const axes = { batch: axis, time: null };
    const expected = takeRow(one, axes, 0, Infinity);
    for (const row of [0, 1]) {
      if (!(differenceOf(takeRow(two, axes, row, Infinity), expected, one.dtype) <= CLOSE)) return undefined;
    }
    found.set(name, axis);
  }
  return found;
}

/** Adds the time axes: sizes that may vary freely, and the output axes that follow them. */
async function withTime(
  probe: Probe,
  batch: BatchAxes,
  filling: Filling,
  base: Tensors,
  outputBatch: ReadonlyMap<string, number | null>,
): Promise<FoundAxes> {
  const { inputs } = probe.graph;
  const open = inputs.flatMap(info =>
    openAxes(info)
      .filter(axis => axis !== batch.get(info.name))
      .map(axis => openSize(info, axis)),
  );
  const longer = filling.steps + 2;
  const vary = (names: Iterable<string>) =>
    probe.attempt(probe.feeds(batch, filling, new Map([...names].map(name => [name, longer]))));

  // A size varies by itself, or only together with the others of its kind, or not at all.
  const alone = new Map<string, Tensors>();
  for (const name of new Set(open)) {
    const outputs = await vary([name]);
    if (outputs) alone.set(name, outputs);
  }
  const rest = [...new Set(open)].filter(name => !alone.has(name));
  const together = rest.length > 0 ? await vary(rest) : undefined;
  const varied = (name: string) => alone.get(name) ?? (rest.includes(name) ? together : undefined);

  const foundOutputs = new Map<string, OutputAxes>();
  for (const { name } of probe.graph.outputs) {
    foundOutputs.set(name, { batch: outputBatch.get(name) ?? null, time: null });
  }
  const foundInputs = new Map<string, InputAxes>();
  const firstOf = new Map<string, string>(); // by size, or 'together' for sizes that vary only together
  for (const info of inputs) {
    const own = batch.get(info.name) ?? null;
    const axes = openAxes(info).filter(axis => axis !== own);
    const rowRank = info.dims.length - (own === null ? 0 : 1);
    const axis = axes.find(a => varied(openSize(info, a))) ?? axes[0];
    if (axis === undefined) {
      const fixed = own === 0 && rowRank >= 2 ? info.dims[1] : null;
      foundInputs.set(info.name, { batch: own, time: fixed === null ? null : 1, steps: (fixed as number | null) ?? 1 });
      continue;
    }
    const size = openSize(info, axis);
    const outputs = varied(size);
    const key = alone.has(size) ? size : outputs ? 'together' : size;
    const first = firstOf.get(key);
    let followed = first !== undefined;
    if (outputs && first === undefined) {
      for (const [name, found] of foundOutputs) {
        const time = outputs[name].dims.findIndex((dim, a) => a !== found.batch && dim - base[name].dims[a] === 2);
        if (time < 0 || found.time !== null) continue;
        foundOutputs.set(name, { ...found, time, follows: info.name });
        followed = true;
      }
    }
    // [batch, n] floats that no output follows are samples of one step, not steps.
    const timed = rowRank >= 2 || !isFloat(info.dtype) || followed;
    foundInputs.set(info.name, {
      batch: own,
      time: timed ? axis : null,
      steps: outputs ? 'any' : filling.steps,
      sameTimeAs: timed ? first : undefined,
    });
    if (timed && first === undefined) firstOf.set(key, info.name);
  }
  return { batch, filling, inputs: foundInputs, outputs: foundOutputs };
}
