// Which axis is batch and which is time, found by running the graph: names and symbols of an exporter are no contract.
import { LoadError } from '../../core/errors.ts';
import { isFloat, type Tensors } from '../../core/tensor.ts';
import { batchOfOutputs, hypotheses } from './batch.ts';
import { type BatchAxes, type Filling, openAxes, openSize, type Probe, sizeIn } from './probe.ts';

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

/** By how much an open size is tried to grow: some graphs take multiples only. */
const GROWTHS = [2, 1, 3, 4, 8, 16, 5, 10, 32, 512];

/** What a graph gave when some of its sizes had grown. */
interface Grown {
  readonly by: number;
  readonly outputs: Tensors;
}

/** @throws {LoadError} if the graph cannot be run on inputs made from its signature. */
export async function findAxes(probe: Probe): Promise<FoundAxes> {
  const { inputs, outputs } = probe.graph;
  for (const batch of hypotheses(inputs)) {
    const base = await probe.filling(batch);
    if (!base) continue;
    await probe.learnRanges(batch, base.filling);
    const found = await batchOfOutputs(probe, batch, base.filling);
    if (found) return withTime(probe, batch, base.filling, base.outputs, found);
  }
  // No axis holds rows, or a batch of one is baked in: every sequence is a run of its own.
  const none = new Map(inputs.map(({ name }) => [name, null]));
  const base = await probe.filling(none);
  if (!base)
    throw new LoadError(
      probe.graph.file,
      'cannot be run on inputs made from its signature alone; write a manifest that describes them',
    );
  await probe.learnRanges(none, base.filling);
  const noBatch = new Map(outputs.map(({ name }) => [name, null]));
  return withTime(probe, none, base.filling, base.outputs, noBatch);
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
  const vary = async (names: readonly string[]): Promise<Grown | undefined> => {
    for (const by of GROWTHS) {
      const sizes = new Map(names.map(name => [name, sizeIn(filling, name) + by]));
      const outputs = await probe.attempt(probe.feeds(batch, filling, sizes));
      if (outputs) return { by, outputs };
    }
    return undefined;
  };

  // A size varies by itself, or only together with the others of its kind, or not at all.
  const sizes = [...new Set(open)];
  const alone = new Map<string, Grown>();
  for (const name of sizes) {
    const grown = await vary([name]);
    if (grown) alone.set(name, grown);
  }
  const rest = sizes.filter(name => !alone.has(name));
  // Some sizes that vary by themselves, such as one that is broadcast, must follow when others grow.
  const together = rest.length > 0 ? ((await vary(rest)) ?? (await vary(sizes))) : undefined;
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
    const grown = varied(size);
    const key = alone.has(size) ? size : grown ? 'together' : size;
    const first = firstOf.get(key);
    let followed = first !== undefined;
    if (grown && first === undefined) {
      const { by, outputs } = grown;
      for (const [name, found] of foundOutputs) {
        const time = outputs[name].dims.findIndex((dim, a) => a !== found.batch && dim - base[name].dims[a] === by);
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
      steps: grown ? 'any' : sizeIn(filling, size),
      sameTimeAs: timed ? first : undefined,
    });
    if (timed && first === undefined) firstOf.set(key, info.name);
  }
  return { batch, filling, inputs: foundInputs, outputs: foundOutputs };
}
