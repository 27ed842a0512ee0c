// Which inputs are lengths, a mask or state, confirmed by what they do; what is not confirmed stays the caller's.

import { toFloat16 } from '../../core/float16.ts';
import { sliceAxis, type Tensor, type Tensors, zeroData, zeros } from '../../core/tensor.ts';
import type { TensorInfo } from '../../model/graph.ts';
import { differenceOf } from '../../proof/comparison.ts';
import { CLOSE, type FoundAxes } from './axes.ts';
import { isFloat, openAxes, openSize, type Probe } from './probe.ts';

export interface Roles {
  /** The lengths or mask input of a data input, by the data input's name. */
  readonly told: ReadonlyMap<string, { readonly input: string; readonly by: 'lengths' | 'mask' }>;
  readonly state: readonly { readonly input: string; readonly output: string; readonly batchAxis: number }[];
}

/** Steps of the sequences that are tried, and of their first part. */
const LONG = 6;
const SHORT = 3;
const MOST_PAIRINGS = 24;

export async function findRoles(probe: Probe, found: FoundAxes): Promise<Roles> {
  const experiment = new Experiment(probe, found);
  const told = new Map<string, { input: string; by: 'lengths' | 'mask' }>();
  const taken = new Set<string>();
  const { inputs } = probe.graph;
  const timed = inputs.filter(
    ({ name }) => found.inputs.get(name)?.time !== null && found.inputs.get(name)?.steps === 'any',
  );
  for (const by of ['lengths', 'mask'] as const) {
    for (const info of inputs.filter(input => mayBe(by, input, found) && !taken.has(input.name))) {
      for (const data of timed) {
        if (data === info || told.has(data.name) || taken.has(data.name)) continue;
        if (mayBe('mask', data, found) && isFloat(data.dtype)) continue; // a mask is not masked
        const confirmed = await experiment.tells(data.name, info, by);
        if (!confirmed && !(by === 'lengths' && /len/i.test(info.name))) continue;
        told.set(data.name, { input: info.name, by });
        taken.add(info.name);
        break;
      }
    }
  }
  experiment.told = told;
  return { told, state: await experiment.state(taken) };
}

/** Whether shape and type allow the role. */
function mayBe(role: 'lengths' | 'mask', { name, dtype, dims }: TensorInfo, found: FoundAxes): boolean {
  const axes = found.inputs.get(name);
  if (role === 'lengths') return (dtype === 'int64' || dtype === 'int32') && dims.length === 1 && axes?.batch === 0;
  const types = ['bool', 'int64', 'int32', 'float32', 'float64', 'float16'];
  return (
    types.includes(dtype) && dims.length === 2 && axes?.batch !== null && openAxes({ name, dtype, dims }).length === 2
  );
}

class Experiment {
  told: Roles['told'] = new Map();
  readonly #probe: Probe;
  readonly #found: FoundAxes;
  /** LONG for every size that is a number of steps. */
  readonly #longTimes: ReadonlyMap<string, number>;

  constructor(probe: Probe, found: FoundAxes) {
    this.#probe = probe;
    this.#found = found;
    this.#longTimes = new Map(
      probe.graph.inputs.flatMap(info => {
        const { time = null, steps } = found.inputs.get(info.name) ?? {};
        return time !== null && steps === 'any' ? [[openSize(info, time), LONG] as const] : [];
      }),
    );
  }

  /**
   * Whether `info` tells which steps of `data` are valid: with it saying 3, three more steps change nothing; and what it
   * says matters. Judged by outputs per sequence, since steps of a causal graph never see what follows.
   */
  async tells(data: string, info: TensorInfo, by: 'lengths' | 'mask'): Promise<boolean> {
    const say = (steps: number, valid: number) =>
      this.#at(steps, { [info.name]: saying(info, by, steps, valid) }, data);
    const [short, padded, full] = [await say(SHORT, SHORT), await say(LONG, SHORT), await say(LONG, LONG)];
    if (!short || !padded || !full) return false;
    return this.#probe.graph.outputs.some(({ name }) => {
      if (this.#found.outputs.get(name)?.time !== null) return false;
      return this.#same(short, padded, name) && !this.#same(padded, full, name);
    });
  }

  /** The pairing of float inputs with outputs of their shape with which two runs give what one gives. */
  async state(taken: ReadonlySet<string>): Promise<Roles['state']> {
    const { graph } = this.#probe;
    const outputs = await this.#at(LONG, {});
    if (!outputs) return [];
    const candidates = graph.inputs.filter(info => {
      const axes = this.#found.inputs.get(info.name);
      const fixed = info.dims.every((dim, axis) => axis === axes?.batch || typeof dim === 'number');
      return isFloat(info.dtype) && axes?.batch !== null && fixed && info.dims.length > 1 && !taken.has(info.name);
    });
    for (let size = candidates.length; size > 0; size--) {
      for (const chosen of subsets(candidates, size)) {
        for (const pairing of this.#pairings(chosen, outputs).slice(0, MOST_PAIRINGS)) {
          if (await this.#continues(chosen, pairing)) {
            return chosen.map((info, i) => ({
              input: info.name,
              output: pairing[i],
              batchAxis: this.#found.inputs.get(info.name)?.batch ?? 0,
            }));
          }
        }
      }
    }
    return [];
  }

  /** Ways to give each input an output of its shape, those of like names first. */
  #pairings(inputs: readonly TensorInfo[], outputs: Tensors): string[][] {
    let pairings: string[][] = [[]];
    for (const info of inputs) {
      const axes = this.#found.inputs.get(info.name);
      const dims = info.dims.map((dim, axis) => (axis === axes?.batch ? 1 : dim)).join();
      const fitting = this.#probe.graph.outputs
        .filter(({ name, dtype }) => dtype === info.dtype && outputs[name].dims.join() === dims)
        .filter(({ name }) => this.#found.outputs.get(name)?.batch === axes?.batch)
        .sort((a, b) => likeness(info.name, b.name) - likeness(info.name, a.name));
      pairings = pairings.flatMap(p => fitting.filter(o => !p.includes(o.name)).map(o => [...p, o.name]));
    }
    return pairings;
  }

  async #continues(inputs: readonly TensorInfo[], pairing: readonly string[]): Promise<boolean> {
    const start: Tensors = {};
    const other: Tensors = {};
    for (const info of inputs) {
      const { dtype, dims } = this.#probe.feeds(this.#found.batch, this.#found.filling)[info.name];
      start[info.name] = zeros(dtype, dims);
      other[info.name] = {
        dtype,
        dims,
        data: this.#probe.feeds(this.#found.batch, this.#found.filling)[info.name].data,
      };
    }
    const whole = await this.#at(LONG, start);
    const elsewhere = await this.#at(LONG, other);
    if (!whole || !elsewhere) return false;
    const judged = this.#probe.graph.outputs.filter(({ name }) => !pairing.includes(name));
    if (judged.every(({ name }) => this.#same(whole, elsewhere, name))) return false; // the state does not matter
    const timed = [...this.#found.inputs.values()].some(axes => axes.time !== null);
    if (!timed) return inputs.every((info, i) => likeness(info.name, pairing[i]) > 0 || inputs.length === 1);
    const first = await this.#at(SHORT, start);
    if (!first) return false;
    const state = Object.fromEntries(inputs.map((info, i) => [info.name, first[pairing[i]]]));
    const second = await this.#at(LONG, state, undefined, SHORT);
    return (
      second !== undefined && this.#probe.graph.outputs.every(({ name }) => this.#same(second, whole, name, SHORT))
    );
  }

  /** Runs one row of so many steps (from `from` on); only inputs tied to `data` are cut, if it is given. */
  async #at(steps: number, given: Tensors, data?: string, from = 0): Promise<Tensors | undefined> {
    const { inputs, batch, filling } = this.#found;
    const full = this.#probe.feeds(batch, { ...filling, counts: steps - from }, this.#longTimes);
    const feeds: Tensors = {};
    const group = (name: string) => inputs.get(name)?.sameTimeAs ?? name;
    for (const [name, tensor] of Object.entries(full)) {
      const { time, steps: allowed } = inputs.get(name) ?? { time: null, steps: 1 };
      const cut = time !== null && allowed === 'any' && (data === undefined || group(name) === group(data));
      feeds[name] = given[name] ?? (cut ? sliceAxis(tensor, time, from, steps) : tensor);
    }
    for (const { input, by } of this.told.values()) {
      const info = this.#probe.graph.inputs.find(({ name }) => name === input) as TensorInfo;
      if (!given[input]) feeds[input] = saying(info, by, steps - from, steps - from);
    }
    return this.#probe.attempt(feeds);
  }

  /** Whether two runs agree on an output, over the steps that both have; those of the second from `from` on. */
  #same(one: Tensors, other: Tensors, name: string, from = 0): boolean {
    const { time } = this.#found.outputs.get(name) ?? { time: null };
    const [a, b] = [one[name], other[name]];
    if (time === null) return differenceOf(a, b, a.dtype) <= CLOSE;
    const steps = Math.min(a.dims[time], b.dims[time] - from);
    const later = sliceAxis(b, time, from, from + steps);
    return differenceOf(sliceAxis(a, time, 0, steps), later, a.dtype) <= CLOSE;
  }
}

/** Lengths or a mask for one row of `steps` steps of which `valid` are real. */
function saying({ dtype, dims }: TensorInfo, by: 'lengths' | 'mask', steps: number, valid: number): Tensor {
  if (by === 'lengths') {
    const data = zeroData(dtype, 1);
    data[0] = (typeof data[0] === 'bigint' ? BigInt(valid) : valid) as never;
    return { dtype, dims: [1], data };
  }
  const data = zeroData(dtype, steps);
  const one = dtype === 'int64' ? 1n : dtype === 'float16' ? toFloat16(1) : 1;
  for (let i = 0; i < valid; i++) data[i] = one as never;
  return { dtype, dims: dims.length === 2 ? [1, steps] : [steps], data };
}

/** How much two names have in common: their stems without direction and number, or their first letter. */
function likeness(one: string, other: string): number {
  const stem = (name: string) => name.toLowerCase().replace(/(initial|init|prev|next|new|out|in|[^a-z]|n$|t$)/g, '');
  if (stem(one) !== '' && stem(one) === stem(other)) return 2;
  return one[0].toLowerCase() === other[0].toLowerCase() ? 1 : 0;
}

function subsets<T>(items: readonly T[], size: number): T[][] {
  if (size === 0) return [[]];
  return items.flatMap((item, i) => subsets(items.slice(i + 1), size - 1).map(rest => [item, ...rest]));
}
