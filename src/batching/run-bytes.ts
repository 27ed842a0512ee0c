// What a run holds in its inputs and outputs, by its rows and steps: foretold from the runs before it, so that none is put together
// that holds more than a run may. What the graph needs in between is found out when the model is loaded (proof/reach.ts).
import { ARRAYS, type DType, elementCount, type Tensors } from '../core/tensor.ts';
import type { Axes, Signature } from '../model/signature.ts';
import type { Sequence } from '../sequence/sequence.ts';

/** Bytes of a row, and of each of its padded steps. */
export interface Rate {
  readonly row: number;
  readonly step: number;
}

/** The least and the most that were seen: how much a graph answers may depend on the values. */
interface Seen {
  readonly least: Rate;
  readonly most: Rate;
}

/** Sequences of one key bring the same side values and sizes, so one caller's trip count tells nothing of another's runs. */
const MOST_KEYS = 256;
/** A string's reference and the least of a string. */
const STRING_BYTES = 24;

export class RunBytes {
  /** The most of a run. */
  readonly mostBytes: number;
  readonly #signature: Signature;
  /** By batch key, the one seen last at the end. */
  readonly #seen = new Map<string, Seen>();
  /** The most of any key: what those are taken for that were not seen yet. */
  #any: Rate = { row: 0, step: 0 };

  constructor(signature: Signature, mostBytes: number) {
    this.#signature = signature;
    this.mostBytes = mostBytes;
  }

  /** A run that was made of sequences with this key. */
  observe(key: string, feeds: Tensors, outputs: Tensors): void {
    const rate = this.#rateOf(feeds, outputs);
    const before = this.#seen.get(key) ?? { least: rate, most: rate };
    const most = outer(Math.max, before.most, rate);
    this.#any = outer(Math.max, this.#any, rate);
    this.#seen.delete(key);
    this.#seen.set(key, { least: outer(Math.min, before.least, rate), most });
    if (this.#seen.size > MOST_KEYS) this.#seen.delete(this.#seen.keys().next().value as string);
  }

  /** What runs of sequences with this key are taken to hold. */
  rate(key: string): Rate {
    return this.#seen.get(key)?.most ?? this.#any;
  }

  /** Whether the sequence may run alone, as far as every run of its key before it tells. */
  fits({ batchKey, longest }: Sequence): boolean {
    const seen = this.#seen.get(batchKey);
    return !seen || bytesOf(seen.least, 1, longest) <= this.mostBytes;
  }

  #rateOf(feeds: Tensors, outputs: Tensors): Rate {
    const { feeds: known, outputs: axesOf } = this.#signature;
    let [rows, steps, fixed, timed] = [1, 1, 0, 0];
    const add = (tensor: Tensors[string], { batch, time }: Axes, isFeed: boolean) => {
      const { dims, dtype } = tensor;
      const bytes = elementCount(dims) * bytesEach(dtype);
      if (time === null) fixed += bytes;
      else timed += bytes;
      if (!isFeed) return;
      if (batch !== null) rows = Math.max(rows, dims[batch]);
      if (time !== null) steps = Math.max(steps, dims[time]);
    };
    for (const { tensor, axes } of known) add(feeds[tensor.name], axes, true);
    for (const [name, tensor] of Object.entries(outputs)) {
      const axes = axesOf.get(name);
      if (axes) add(tensor, axes, false);
    }
    return { row: fixed / rows, step: timed / (rows * steps) };
  }
}

/** What so many rows of so many steps hold. */
export function bytesOf({ row, step }: Rate, rows: number, longest: number): number {
  return rows * (row + step * longest);
}

function outer(pick: (a: number, b: number) => number, a: Rate, b: Rate): Rate {
  return { row: pick(a.row, b.row), step: pick(a.step, b.step) };
}

function bytesEach(dtype: DType): number {
  return dtype === 'string' ? STRING_BYTES : ARRAYS[dtype].BYTES_PER_ELEMENT;
}
