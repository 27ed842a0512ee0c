// Where a batch runs: a short one on the thread that asks, where nobody must be woken, and a longer one in a worker.
import type { Runner } from '../runtime/runner.ts';
import type { Batch } from './queue.ts';
import { RunTimes } from './run-times.ts';

/** A runner on the asking thread, how long it may hold that thread, and what is known of how long runs take. */
export interface Inline {
  readonly runner: Runner;
  readonly times: RunTimes;
  readonly boundMs: number;
}

export class Places {
  readonly times: RunTimes;
  readonly #workers: Runner;
  readonly #inline?: Inline;

  constructor(workers: Runner, inline?: Inline) {
    this.#workers = workers;
    this.#inline = inline;
    this.times = inline?.times ?? new RunTimes();
  }

  /** Whether any batch could begin now. */
  get open(): boolean {
    return this.#workers.idle > 0 || this.#workers.ahead > 0 || (this.#inline?.runner.idle ?? 0) > 0;
  }

  /**
   * Where the batch can begin now, if anywhere. A short one waits for this thread rather than wake another; a busy worker
   * gets one more batch only if that is full: a small one would grow while it waits here.
   */
  of(batch: Batch): Runner | undefined {
    if (this.#inline && this.predict(batch) <= this.#inline.boundMs) {
      return this.#inline.runner.idle > 0 ? this.#inline.runner : undefined;
    }
    const { idle, ahead } = this.#workers;
    if (idle > 0 || (batch.full && ahead > 0)) return this.#workers;
    this.#workers.wanted();
    return undefined;
  }

  predict({ entries, paddedSteps }: Batch): number {
    return this.times.predict(entries.length, paddedSteps / entries.length);
  }
}
