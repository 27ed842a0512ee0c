// What a model has done since it was loaded: requests, rows, runs, and where the time went.
import type { BatchReport } from '../batching/report.ts';

/** How often something happened, and how long it took in all. */
export interface Tally {
  readonly count: number;
  readonly milliseconds: number;
}

/** Runs of one batch size. */
export interface SizeStatistics {
  readonly size: number;
  readonly collate: Tally;
  readonly run: Tally;
  readonly split: Tally;
}

export class Statistics {
  /** Requests answered and failed, and their time from admission to answer. */
  success: Tally = NONE;
  fail: Tally = NONE;
  /** Waiting of the oldest sequence of each run. */
  queue: Tally = NONE;
  collate: Tally = NONE;
  run: Tally = NONE;
  split: Tally = NONE;
  /** Sequences that were run; one that ran in slices counts once. */
  sequences = 0;
  lastAnswer = 0;
  readonly #sizes = new Map<number, SizeStatistics>();

  request(ok: boolean, milliseconds: number): void {
    if (ok) {
      this.success = add(this.success, milliseconds);
      this.lastAnswer = Date.now();
    } else {
      this.fail = add(this.fail, milliseconds);
    }
  }

  batch({ size, sequences, queueMs, collateMs, runMs, splitMs }: BatchReport): void {
    this.sequences += sequences;
    this.queue = add(this.queue, queueMs);
    this.collate = add(this.collate, collateMs);
    this.run = add(this.run, runMs);
    this.split = add(this.split, splitMs);
    const of = this.#sizes.get(size) ?? { size, collate: NONE, run: NONE, split: NONE };
    this.#sizes.set(size, {
      size,
      collate: add(of.collate, collateMs),
      run: add(of.run, runMs),
      split: add(of.split, splitMs),
    });
  }

  /** By batch size, the smallest first. */
  sizes(): SizeStatistics[] {
    return [...this.#sizes.values()].sort((a, b) => a.size - b.size);
  }
}

const NONE: Tally = { count: 0, milliseconds: 0 };

function add({ count, milliseconds }: Tally, more: number): Tally {
  return { count: count + 1, milliseconds: milliseconds + more };
}
