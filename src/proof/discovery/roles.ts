// Which inputs are lengths, a mask or state, confirmed by what they do; what is not confirmed stays the caller's.

import { own } from '../../core/own.ts';
import { type DType, elementCount, isFloat, sliceAxis, type Tensors, zeros } from '../../core/tensor.ts';
import type { TensorInfo } from '../../model/onnx/graph.ts';
import { continuesCells, type RecurrentEnds, recurrentEnds } from '../../model/onnx/recurrent.ts';
import { differenceOf } from '../difference.ts';
import type { FoundAxes } from './axes.ts';
import { CLOSE, isConstantFrom } from './batch.ts';
import { type Lengths, stepsFrom } from './lengths.ts';
import { isStateOf, likeness, subsets } from './names.ts';
import { holdsOneValue, openAxes, openSize, type Probe } from './probe.ts';
import { saying } from './saying.ts';

export interface Roles {
  /** The lengths or mask input of a data input, by the data input's name. */
  readonly told: ReadonlyMap<string, { readonly input: string; readonly by: 'lengths' | 'mask' }>;
  readonly state: readonly { readonly input: string; readonly output: string; readonly batchAxis: number | null }[];
}

/** Steps of the first part of the sequences that are tried, where the graph takes so few; the whole is twice that. */
const SHORT = 3;
const MOST_PAIRINGS = 24;
/** Pairings of all sets of inputs together. */
const MOST_TRIED = 400;
const STATE_DTYPES: readonly DType[] = ['float32', 'float64', 'float16', 'int64', 'int32'];

/** What need not be found out. */
export interface KnownRoles {
  readonly controls: readonly string[];
  readonly pairs: readonly { readonly input: string; readonly output: string }[];
}

export async function findRoles(
  probe: Probe,
  found: FoundAxes,
  lengths: ReadonlyMap<string, Lengths>,
  { controls, pairs }: KnownRoles = { controls: [], pairs: [] },
): Promise<Roles> {
  const roles = new RoleProbe(probe, found, lengths);
  const told = new Map<string, { input: string; by: 'lengths' | 'mask' }>();
  const taken = new Set<string>([...controls, ...pairs.map(({ input }) => input)]);
  const { inputs } = probe.graph;
  const timed = inputs.filter(
    ({ name }) => found.inputs.get(name)?.time !== null && found.inputs.get(name)?.steps === 'any',
  );
  for (const by of ['lengths', 'mask'] as const) {
    for (const info of inputs.filter(input => mayBe(by, input, found) && !taken.has(input.name))) {
      for (const data of timed) {
        if (data === info || told.has(data.name) || taken.has(data.name)) continue;
        if (mayBe('mask', data, found) && isFloat(data.dtype)) continue; // a mask is not masked
        if (!(await roles.tells(data.name, info, by))) continue;
        told.set(data.name, { input: info.name, by });
        taken.add(info.name);
        break;
      }
    }
  }
  roles.told = told;
  const state = pairs.map(pair => ({ ...pair, batchAxis: found.inputs.get(pair.input)?.batch ?? null }));
  return { told, state: state.length > 0 ? state : await roles.state(taken) };
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

class RoleProbe {
  told: Roles['told'] = new Map();
  readonly #probe: Probe;
  readonly #found: FoundAxes;
  readonly #short: number;
  readonly #long: number;
  /** The whole number of steps for every size that is one. */
  readonly #longTimes: ReadonlyMap<string, number>;
  readonly #ends: RecurrentEnds;

  constructor(probe: Probe, found: FoundAxes, lengths: ReadonlyMap<string, Lengths>) {
    this.#probe = probe;
    this.#found = found;
    this.#ends = recurrentEnds(probe.graph.body);
    this.#short = [...lengths.values()].reduce((steps, each) => stepsFrom(steps, each), SHORT);
    this.#long = 2 * this.#short;
    this.#longTimes = new Map(
      probe.graph.inputs.flatMap(info => {
        const { time = null, steps } = found.inputs.get(info.name) ?? {};
        return time !== null && steps === 'any' ? [[openSize(info, time), this.#long] as const] : [];
      }),
    );
  }

  /**
   * Whether `info` tells which steps of `data` are valid: with it saying so many, more steps change nothing; and what it
   * says matters. An output per step has to show more, for a causal graph never sees what follows: that the graph does
   * look ahead when all steps are valid, or that the steps beyond are not read.
   */
  async tells(data: string, info: TensorInfo, by: 'lengths' | 'mask'): Promise<boolean> {
    const [short, long] = [this.#short, this.#long];
    const say = (steps: number, valid: number, other: Tensors = {}, one = 1) =>
      this.#at(steps, { ...other, [info.name]: saying(info, by, steps, valid, one) }, data);
    const [alone, padded, full] = [await say(short, short), await say(long, short), await say(long, long)];
    if (!alone || !padded || !full) return false;
    const changed = this.#changedAfter(short, data);
    const [paddedElse, fullElse] = [await say(long, short, changed), await say(long, long, changed)];
    const confirmed = this.#probe.graph.outputs.some(({ name }) => {
      if (!this.#same(alone, padded, name) || this.#same(padded, full, name)) return false;
      const time = this.#found.outputs.get(name)?.time ?? null;
      if (time === null) return true;
      const looksAhead = fullElse !== undefined && !this.#same(fullElse, full, name, 0, short);
      const reads = fullElse !== undefined && !this.#same(fullElse, full, name);
      const ignores = reads && paddedElse !== undefined && this.#same(paddedElse, padded, name);
      return looksAhead || ignores || isConstantFrom(padded[name], time, short);
    });
    if (!confirmed || by === 'lengths' || !isFloat(info.dtype)) return confirmed;
    // A float that weighs the steps is the caller's; one that is called a mask, or is read as yes or no, is a mask.
    if (/mask/i.test(info.name)) return true;
    const half = await say(long, short, {}, 0.5);
    return half !== undefined && this.#probe.graph.outputs.every(({ name }) => this.#same(half, padded, name));
  }

  /** An input's row with other numbers after the first steps. */
  #changedAfter(steps: number, name: string): Tensors {
    const { batch, filling, inputs } = this.#found;
    const [one, other] = [0, 1].map(seed => this.#probe.feeds(batch, filling, this.#longTimes, seed)[name]);
    const time = inputs.get(name)?.time ?? 0;
    const inner = elementCount(one.dims.slice(time + 1));
    for (let i = 0; i < one.data.length; i++) {
      if (Math.floor(i / inner) % one.dims[time] >= steps) one.data[i] = other.data[i];
    }
    return { [name]: one };
  }

  /** The pairing of inputs with outputs of their shape with which two runs give what one gives; one input stays the caller's. */
  async state(taken: ReadonlySet<string>): Promise<Roles['state']> {
    const { graph, ranges } = this.#probe;
    const outputs = await this.#at(this.#long, {});
    if (!outputs) return [];
    const rows = graph.inputs.filter(info => !taken.has(info.name) && !holdsOneValue(info));
    const candidates = rows.filter(info => {
      const batch = this.#found.inputs.get(info.name)?.batch ?? null;
      const fixed = info.dims.every((dim, axis) => axis === batch || typeof dim === 'number');
      const ids = ranges.get(info.name)?.maximum !== undefined;
      return STATE_DTYPES.includes(info.dtype) && fixed && !ids && info.dims.length > 1;
    });
    let tried = 0;
    for (let size = Math.min(candidates.length, rows.length - 1); size > 0; size--) {
      for (const chosen of subsets(candidates, size)) {
        for (const pairing of this.#pairings(chosen, outputs).slice(0, MOST_PAIRINGS)) {
          if (++tried > MOST_TRIED) return [];
          if (await this.#continues(chosen, pairing)) {
            return chosen.map((info, i) => ({
              input: info.name,
              output: pairing[i],
              batchAxis: this.#found.inputs.get(info.name)?.batch ?? null,
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
    const timed = [...this.#found.inputs.values()].some(({ time, steps }) => time !== null && steps === 'any');
    // One step a call cannot be cut in two: names have to speak for it too, or the graph's recurrent cells.
    const speaks = ({ name }: TensorInfo, i: number) =>
      isStateOf(name, pairing[i]) || continuesCells(this.#ends, name, pairing[i]);
    if (!timed && !inputs.every(speaks)) return false;
    const some = this.#probe.feeds(this.#found.batch, this.#found.filling);
    const start = Object.fromEntries(inputs.map(({ name, dtype }) => [name, zeros(dtype, some[name].dims)]));
    const other = Object.fromEntries(inputs.map(({ name }) => [name, some[name]]));
    const whole = await this.#at(this.#long, start);
    if (!whole) return false;
    const judged = this.#probe.graph.outputs.filter(({ name }) => !pairing.includes(name));
    const differ = (one?: Tensors, than?: Tensors) =>
      one !== undefined && than !== undefined && judged.some(({ name }) => !this.#same(one, than, name));
    const matters = async (steps: number) => differ(await this.#at(steps, start), await this.#at(steps, other));
    // A convolution forgets its state after a few steps, so the last of many may not tell; some graphs take no fewer.
    if (!(await matters(1)) && !(await matters(this.#long))) return false;
    const first = await this.#at(this.#short, start);
    if (!first) return false;
    const state = Object.fromEntries(inputs.map((info, i) => [info.name, first[pairing[i]]]));
    const second = await this.#at(timed ? this.#long : this.#short, state, undefined, timed ? this.#short : 0);
    if (!second) return false;
    if (!timed) return differ(second, first);
    return this.#probe.graph.outputs.every(({ name }) => this.#same(second, whole, name, this.#short));
  }

  /** Runs one row of so many steps (from `from` on); only inputs tied to `data` are cut, if it is given. */
  async #at(steps: number, given: Tensors, data?: string, from = 0): Promise<Tensors | undefined> {
    const { inputs, batch, filling } = this.#found;
    const counts = data === undefined ? steps - from : this.#short; // what may tell of another input stays
    const full = this.#probe.feeds(batch, { ...filling, counts }, this.#longTimes);
    const feeds: Tensors = {};
    const group = (name: string) => inputs.get(name)?.sameTimeAs ?? name;
    for (const [name, tensor] of Object.entries(full)) {
      const { time, steps: allowed } = inputs.get(name) ?? { time: null, steps: 1 };
      const cut = time !== null && allowed === 'any' && (data === undefined || group(name) === group(data));
      feeds[name] = own(given, name) ?? (cut ? sliceAxis(tensor, time, from, steps) : tensor);
    }
    for (const { input, by } of this.told.values()) {
      const info = this.#probe.graph.inputs.find(({ name }) => name === input) as TensorInfo;
      if (!own(given, input)) feeds[input] = saying(info, by, steps - from, steps - from);
    }
    return this.#probe.attempt(feeds);
  }

  /** Whether two runs agree on an output, over the steps that both have, at most so many; those of the second from `from` on. */
  #same(one: Tensors, other: Tensors, name: string, from = 0, most = Infinity): boolean {
    const { time } = this.#found.outputs.get(name) ?? { time: null };
    const [a, b] = [one[name], other[name]];
    if (time === null) return differenceOf(a, b, a.dtype) <= CLOSE;
    const steps = Math.min(a.dims[time], b.dims[time] - from, most);
    const later = sliceAxis(b, time, from, from + steps);
    return differenceOf(sliceAxis(a, time, 0, steps), later, a.dtype) <= CLOSE;
  }
}
