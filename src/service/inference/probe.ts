// Runs a graph of which only the file is known, on small inputs made from its declared shapes.
import { type DType, elementCount, type Tensor, type TensorData, type Tensors, zeros } from '../../core/tensor.ts';
import type { Graph, TensorInfo } from '../../model/graph.ts';
import type { RunFeeds } from '../../proof/golden.ts';
import { randomNumbers } from '../samples.ts';

/** What the sizes that a graph leaves open, its whole numbers and its side inputs are filled with. */
export interface Filling {
  /** For every open size that is not a batch. */
  readonly steps: number;
  /** For whole numbers [batch], which may be lengths. */
  readonly counts: number;
  /** For inputs that hold one value. */
  readonly side: number;
}

const FILLINGS: readonly Filling[] = [5, 10, 2, 1, 16, 512].flatMap(steps => [
  { steps, counts: steps, side: 1 },
  { steps, counts: 1, side: 1 },
  { steps, counts: steps, side: 16000 },
]);

/** The batch axis of each graph input; null where it has none. */
export type BatchAxes = ReadonlyMap<string, number | null>;

export class Probe {
  readonly graph: Graph;
  readonly #run: RunFeeds;
  readonly #fetches: readonly string[];

  constructor(graph: Graph, run: RunFeeds) {
    this.graph = graph;
    this.#run = run;
    this.#fetches = graph.outputs.map(output => output.name);
  }

  /** Every output, or nothing if the graph cannot run on these feeds. */
  async attempt(feeds: Tensors): Promise<Tensors | undefined> {
    return this.#run(feeds, this.#fetches).catch(() => undefined);
  }

  /** The first filling on which the graph runs. */
  async filling(batch: BatchAxes): Promise<{ filling: Filling; outputs: Tensors } | undefined> {
    for (const filling of FILLINGS) {
      const outputs = await this.attempt(this.feeds(batch, filling));
      if (outputs) return { filling, outputs };
    }
    return undefined;
  }

  /** One row for every input: random numbers, the same ones each time; `sizes` overrides single open sizes. */
  feeds(batch: BatchAxes, filling: Filling, sizes: ReadonlyMap<string, number> = new Map()): Tensors {
    const feeds: Tensors = {};
    this.graph.inputs.forEach((info, i) => {
      const dims = info.dims.map((dim, axis) => {
        if (typeof dim === 'number') return dim;
        return batch.get(info.name) === axis ? 1 : (sizes.get(openSize(info, axis)) ?? filling.steps);
      });
      feeds[info.name] = { dtype: info.dtype, dims, data: fill(info, dims, filling, randomNumbers(i + 1)) };
    });
    return feeds;
  }
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

export function isFloat(dtype: DType): boolean {
  return dtype.startsWith('float');
}

function fill(info: TensorInfo, dims: readonly number[], filling: Filling, random: () => number): TensorData {
  const { data } = zeros(info.dtype, dims);
  const count = elementCount(dims);
  if (Array.isArray(data)) return data.map(() => `w${Math.floor(random() * 100)}`);
  const number = () => {
    if (holdsOneValue(info)) return filling.side;
    if (info.dtype === 'bool') return 1;
    if (info.dtype === 'float16') return random() < 0.5 ? 0x3800 : 0xb400; // 0.5 or -0.25
    if (isFloat(info.dtype)) return 2 * random() - 1;
    return info.dims.length === 1 ? filling.counts : Number(random() < 0.5);
  };
  for (let i = 0; i < count; i++) data[i] = (typeof data[0] === 'bigint' ? BigInt(number()) : number()) as never;
  return data;
}

/** Two copies of a tensor along an axis. */
export function twice(tensor: Tensor, axis: number): Tensor {
  const dims = tensor.dims.with(axis, 2);
  const inner = elementCount(tensor.dims.slice(axis));
  const result = zeros(tensor.dtype, dims);
  for (let outer = 0; outer * inner < tensor.data.length; outer++) {
    for (let i = 0; i < 2 * inner; i++) result.data[2 * outer * inner + i] = tensor.data[outer * inner + (i % inner)];
  }
  return result;
}
