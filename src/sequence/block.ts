// The rows of one request's tensors as sequences that stay one block: a batch takes neighbours in one piece, and their
// answers lie side by side again. What a row holds is taken out only where somebody asks for it.
import { type Tensor, type Tensors, viewOf } from '../core/tensor.ts';
import { type Axes, rowTimeAxis, type Signature } from '../model/signature.ts';
import { type Part, rowsAreRuns, takeRow } from './rows.ts';
import { type Sequence, sequenceBuilder, sequenceBytes } from './sequence.ts';

export class Block {
  readonly rows: number;
  /** By feed; undefined is state, which then begins at zero. */
  readonly tensors: readonly (Tensor | undefined)[];
  /** Time steps of each feed, the same for every row; 0 where there is no tensor. */
  readonly steps: readonly number[];
  readonly sequences: readonly BlockRow[];
  readonly #axes: readonly Axes[];

  /** Of checked tensors with so many rows. */
  constructor(signature: Signature, tensors: Tensors, rows: number) {
    const { feeds, inputs } = signature;
    this.rows = rows;
    this.#axes = feeds.map(({ axes }) => axes);
    this.tensors = feeds.map(({ tensor: { name } }) => (Object.hasOwn(tensors, name) ? tensors[name] : undefined));
    const first = this.partsOf(0);
    this.steps = first.map(part => part?.length ?? 0);
    const built = sequenceBuilder(signature)(
      inputs.map(input => first[input.feed] as Part),
      ['inputs'],
    );
    const common = { ...built, bytes: sequenceBytes({ parts: first }) };
    this.sequences = Array.from(
      { length: rows },
      (_, index) => new BlockRow(this, index, common, index === 0 ? first : undefined),
    );
  }

  /** What a row holds of each feed. */
  partsOf(index: number): (Part | undefined)[] {
    return this.tensors.map((tensor, f): Part | undefined => {
      if (!tensor) return undefined;
      const row = takeRow(tensor, this.#axes[f], index, Infinity);
      const time = rowTimeAxis(this.#axes[f]);
      return { ...row, length: time === null ? 1 : row.dims[time] };
    });
  }
}

/** A row of a block. A copy of its members is a plain sequence, which belongs to no block. */
export class BlockRow implements Sequence {
  readonly length: number;
  readonly longest: number;
  readonly batchKey: string;
  readonly #block: Block;
  readonly #index: number;
  readonly #bytes: number;
  #parts?: (Part | undefined)[];

  constructor(
    block: Block,
    index: number,
    common: Pick<Sequence, 'length' | 'longest' | 'batchKey'> & { bytes: number },
    parts?: (Part | undefined)[],
  ) {
    this.#parts = parts;
    this.#block = block;
    this.#index = index;
    this.length = common.length;
    this.longest = common.longest;
    this.batchKey = common.batchKey;
    this.#bytes = common.bytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get parts(): readonly (Part | undefined)[] {
    this.#parts ??= this.#block.partsOf(this.#index);
    return this.#parts;
  }

  /** Time steps of a feed. */
  stepsOf(feed: number): number {
    return this.#block.steps[feed];
  }

  /** How many of the sequences from `from` on, this the first of them, are neighbours in one block. */
  neighbours(sequences: readonly Sequence[], from: number): number {
    let count = 1;
    for (; from + count < sequences.length; count++) {
      const next = sequences[from + count];
      if (!(next instanceof BlockRow) || next.#block !== this.#block || next.#index !== this.#index + count) break;
    }
    return count;
  }

  /** Whether it brings something of a feed; what it does not bring is state that begins at zero. */
  brings(feed: number): boolean {
    return this.#block.tensors[feed] !== undefined;
  }

  /** So many rows of a feed from this one on, one after another; undefined where they do not lie so. */
  run(feed: number, axes: Axes, count: number): Tensor['data'] | undefined {
    const tensor = this.#block.tensors[feed];
    if (!tensor || !rowsAreRuns(axes)) return undefined;
    const stride = tensor.data.length / this.#block.rows;
    return viewOf(tensor.data, this.#index * stride, (this.#index + count) * stride);
  }
}

/** Time steps that a sequence has of a feed; 0 where it has nothing of it. */
export function stepsOf(sequence: Sequence, feed: number): number {
  return sequence instanceof BlockRow ? sequence.stepsOf(feed) : (sequence.parts[feed]?.length ?? 0);
}
