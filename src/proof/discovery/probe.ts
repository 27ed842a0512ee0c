// Runs a graph of which only the file is known, on small inputs made from its declared shapes.

import { elementCount, isFloat, type Tensor, type TensorData, type Tensors, zeros } from '../../core/tensor.ts';
import type { Graph, TensorInfo } from '../../model/onnx/graph.ts';
import type { Shown } from '../../model/shown.ts';
import type { Run } from '../../runtime/runner.ts';
import { randomNumbers } from '../samples.ts';

/** What the sizes that a graph leaves open, its whole numbers and its side inputs are filled with. */
export interface Filling {
  /** For every open size that is not a batch. */
  readonly steps: number;
  /** For whole numbers [batch], which may be lengths. */
  readonly counts: number;
  /** For inputs that hold one value. */
  readonly side: number;
  /** Whether texts, whole numbers and side inputs come from what is shown of them. */
  readonly given: boolean;
  /** Open sizes that are not `steps`. */
  readonly sizes?: ReadonlyMap<string, number>;
}

/** What an open size is filled with. */
export function sizeIn({ steps, sizes }: Filling, size: string): number {
  return sizes?.get(size) ?? steps;
}

/** The whole numbers that an input takes: ids of a table end where the graph refuses them. */
export interface Range {
  /** The largest; undefined if there is no end to be found. */
  readonly maximum: number | undefined;
}

/** What a graph without an end of its ids is filled with, where they are not lengths: 1 to this. */
const USUAL_MAXIMUM = 3;
/** Ids are tried up to here. */
const MOST_IDS = 2 ** 24;

const FILLINGS: readonly Filling[] = [5, 10, 2, 1, 16, 512].flatMap(steps => [
  { steps, counts: steps, side: 1, given: false },
  { steps, counts: 1, side: 1, given: false },
  { steps, counts: steps, side: 16000, given: false },
]);

/** The batch axis of each graph input; null where it has none. */
export type BatchAxes = ReadonlyMap<string, number | null>;

export class Probe {
  readonly graph: Graph;
  readonly #run: Run;
  readonly #fetches: readonly string[];
  /** By input; learnt by `learnRanges`. */
  readonly ranges = new Map<string, Range>();

  readonly #shown: ReadonlyMap<string, Shown>;

  constructor(graph: Graph, run: Run, shown: readonly Shown[] = []) {
    this.graph = graph;
    this.#run = run;
    this.#shown = new Map(shown.map(of => [of.input, of]));
    this.#fetches = graph.outputs.map(output => output.name);
  }

  /** Every output, or nothing if the graph cannot run on these feeds. */
  async attempt(feeds: Tensors): Promise<Tensors | undefined> {
    return this.#run(feeds, this.#fetches).catch(() => undefined);
  }

  /** The first filling on which the graph runs. */
  async filling(batch: BatchAxes): Promise<{ filling: Filling; outputs: Tensors } | undefined> {
    for (const filling of this.#fillings(batch)) {
      const outputs = await this.attempt(this.feeds(batch, filling));
      if (outputs) return { filling, outputs };
    }
    return undefined;
  }

  /** What golden answers and examples show of an input. */
  shownOf(input: string): Shown | undefined {
    return this.#shown.get(input);
  }

  /** What is shown comes first: its values at small sizes, then at its own. */
  #fillings(batch: BatchAxes): readonly Filling[] {
    if (this.#shown.size === 0) return FILLINGS;
    const sizes = new Map<string, number>();
    for (const info of this.graph.inputs) {
      const { dims = [] } = this.#shown.get(info.name) ?? {};
      for (const axis of openAxes(info)) {
        if (axis !== batch.get(info.name) && dims.length === info.dims.length)
          sizes.set(openSize(info, axis), dims[axis]);
      }
    }
    const [usual] = FILLINGS;
    const given = FILLINGS.map(filling => ({ ...filling, given: true }));
    return [...given, ...(sizes.size > 0 ? [{ ...usual, given: true, sizes }] : []), ...FILLINGS];
  }

  /**
   * Finds out which inputs hold ids, whole numbers within a table, by larger and larger ones until the graph refuses.
   * Floats are ids too where only their whole part matters, as Keras exports them.
   */
  async learnRanges(batch: BatchAxes, filling: Filling): Promise<void> {
    for (const info of this.graph.inputs) {
      if (this.ranges.has(info.name) || info.dims.length < 2) continue;
      const whole = info.dtype === 'int64' || info.dtype === 'int32';
      if (!whole && !(await this.#readsWholeParts(info, batch, filling))) continue;
      const maximum = await this.#largestId(info, batch, filling);
      this.ranges.set(info.name, { maximum });
      // A table takes any id at any place; what does not is a mask, or something else that counts.
      if (maximum !== undefined && !(await this.#takesEverywhere(info, maximum, batch, filling)))
        this.ranges.delete(info.name);
    }
  }

  async #readsWholeParts({ name, dtype }: TensorInfo, batch: BatchAxes, filling: Filling): Promise<boolean> {
    if (dtype !== 'float32' && dtype !== 'float64') return false;
    const feeds = this.feeds(batch, filling);
    const filled = (value: (i: number) => number) => {
      return this.attempt({ ...feeds, [name]: filledWith(feeds[name], value) });
    };
    const [ones, more, zeroes] = [await filled(() => 1), await filled(i => 1.1 + (i % 8) / 10), await filled(() => 0)];
    if (!ones || !more || !zeroes) return false;
    const same = (other: Tensors) => this.#fetches.every(output => sameNumbers(ones[output], other[output]));
    return same(more) && !same(zeroes);
  }

  async #largestId({ name }: TensorInfo, batch: BatchAxes, filling: Filling): Promise<number | undefined> {
    const feeds = this.feeds(batch, filling);
    const takes = async (id: number) => {
      const ids = filledWith(feeds[name], i => (i === 0 ? id : 0));
      return (await this.attempt({ ...feeds, [name]: ids })) !== undefined;
    };
    let [least, most] = [0, 1];
    while (await takes(most)) {
      [least, most] = [most, 2 * most];
      if (most > MOST_IDS) return undefined;
    }
    while (most - least > 1) {
      const middle = Math.floor((least + most) / 2);
      if (await takes(middle)) least = middle;
      else most = middle;
    }
    return least;
  }

  async #takesEverywhere({ name }: TensorInfo, id: number, batch: BatchAxes, filling: Filling): Promise<boolean> {
    const feeds = this.feeds(batch, filling);
    return (await this.attempt({ ...feeds, [name]: filledWith(feeds[name], () => id) })) !== undefined;
  }

  /**
   * One row for every input: random numbers, the same ones for the same `seed`; `sizes` overrides single open sizes.
   */
  feeds(batch: BatchAxes, filling: Filling, sizes: ReadonlyMap<string, number> = new Map(), seed = 0): Tensors {
    const feeds: Tensors = {};
    this.graph.inputs.forEach((info, i) => {
      const dims = info.dims.map((dim, axis) => {
        if (typeof dim === 'number') return dim;
        return batch.get(info.name) === axis
          ? 1
          : (sizes.get(openSize(info, axis)) ?? sizeIn(filling, openSize(info, axis)));
      });
      feeds[info.name] = {
        dtype: info.dtype,
        dims,
        data: this.#fill(info, dims, filling, randomNumbers(i + 1 + 1000 * seed)),
      };
    });
    return feeds;
  }

  #fill(info: TensorInfo, dims: readonly number[], filling: Filling, random: () => number): TensorData {
    const tensor = zeros(info.dtype, dims);
    const { values = [] } = (filling.given ? this.#shown.get(info.name) : undefined) ?? {};
    if (!Array.isArray(tensor.data)) return filledWith(tensor, this.#numbers(info, values, filling, random)).data;
    const text = () =>
      values.length > 0 ? `${values[Math.floor(random() * values.length)]}` : `w${Math.floor(random() * 100)}`;
    return tensor.data.map(text);
  }

  /** What an input's numbers are: those shown of it, those of its range, or any. */
  #numbers(info: TensorInfo, shown: Shown['values'], filling: Filling, random: () => number): () => number {
    const range = this.ranges.get(info.name);
    const known = shown.map(Number).filter(Number.isFinite);
    if (holdsOneValue(info)) return () => known[0] ?? filling.side;
    if (info.dtype === 'bool') return () => 1;
    // 0 is often a row of zeros
    if (range) return () => Math.min(1, range.maximum ?? 1) + Math.floor(random() * (range.maximum ?? USUAL_MAXIMUM));
    if (info.dtype === 'float16') return () => (random() < 0.5 ? 0x3800 : 0xb400); // 0.5 or -0.25
    if (isFloat(info.dtype)) return () => 2 * random() - 1;
    if (info.dims.length === 1) return () => (filling.sizes ? (known[0] ?? filling.counts) : filling.counts);
    return () => (known.length > 0 ? known[Math.floor(random() * known.length)] : Number(random() < 0.5));
  }
}

/** A tensor of numbers of the same shape and type, filled anew. */
function filledWith({ dtype, dims }: Tensor, value: (i: number) => number): Tensor {
  const tensor = zeros(dtype, dims);
  const { data } = tensor;
  const big = typeof data[0] === 'bigint';
  for (let i = 0; i < data.length; i++) data[i] = (big ? BigInt(value(i)) : value(i)) as never;
  return tensor;
}

function sameNumbers(one: Tensor, other: Tensor): boolean {
  return (
    one.dims.join() === other.dims.join() && Array.from<unknown>(one.data).every((value, i) => value === other.data[i])
  );
}

/** A name for a size that the graph leaves open: the same symbol is the same size. */
export function openSize({ name, dims }: TensorInfo, axis: number): string {
  const dim = dims[axis];
  return typeof dim === 'string' ? `=${dim}` : `${name}#${axis}`;
}

/** Axes of an input whose size the graph leaves open. */
export function openAxes({ dims }: TensorInfo): number[] {
  return dims.flatMap((dim, axis) => (typeof dim === 'number' ? [] : [axis]));
}

/** Whether an input holds one value, such as a sampling rate. */
export function holdsOneValue({ dims }: TensorInfo): boolean {
  return dims.length === 0 || (dims.length === 1 && dims[0] === 1);
}

/** Tensors of one row each, put together along an axis. */
export function joined(rows: readonly Tensor[], axis: number): Tensor {
  const [{ dtype, dims, data }] = rows;
  const inner = elementCount(dims.slice(axis));
  const result = zeros(dtype, dims.with(axis, rows.length));
  for (let outer = 0; outer * inner < data.length; outer++) {
    rows.forEach((row, r) => {
      const start = (outer * rows.length + r) * inner;
      for (let i = 0; i < inner; i++) result.data[start + i] = row.data[outer * inner + i];
    });
  }
  return result;
}
