// Rows that a model answers when it has nothing else to do, a few at a time, until the time is up.
import { setTimeout as delay } from 'node:timers/promises';
import { ServiceError } from '../core/errors.ts';
import type { Row } from '../sequence/collate.ts';
import type { Sequence } from '../sequence/sequence.ts';
import { type Caller, callerGone } from './caller.ts';
import type { Model } from './model.ts';

/** What one run of idle rows may hold, so that a caller who comes meanwhile does not wait long for its end. */
const ROWS = 16;
const STEPS = 512;
/** How long to wait where the queue is full of callers. */
const PAUSE_MS = 10;

export class IdleRows {
  /** Rows answered so far. */
  count = 0;
  readonly #model: Model;
  readonly #caller: Caller;
  readonly #endMs: number;

  /** @param endMs on the clock of `performance.now()`. */
  constructor(model: Model, caller: Caller, endMs: number) {
    this.#model = model;
    this.#caller = caller;
    this.#endMs = endMs;
  }

  /**
   * The rows of the sequences, in order; undefined if the time does not suffice for all.
   * @throws {ServiceError} CALLER_GONE, INFERENCE_FAILED.
   */
  async of(sequences: readonly Sequence[]): Promise<Row[] | undefined> {
    const found: Row[] = [];
    while (found.length < sequences.length) {
      const { longest } = sequences[found.length];
      const room = Math.max(1, Math.min(ROWS, Math.floor(STEPS / longest)));
      const rows = await this.#run(sequences.slice(found.length, found.length + room));
      if (!rows) return undefined;
      found.push(...rows);
    }
    this.count += found.length;
    return found;
  }

  async #run(sequences: readonly Sequence[]): Promise<readonly Row[] | undefined> {
    const { batcher } = this.#model;
    for (;;) {
      if (this.#caller.gone()) throw callerGone();
      const leftMs = this.#endMs - performance.now();
      if (leftMs <= 0) return undefined;
      try {
        const submission = batcher.submit(sequences, { idle: true });
        const tooLate = new ServiceError('DEADLINE_EXCEEDED', 'the time for the explanation is up');
        const timer = setTimeout(() => submission.cancel(tooLate), leftMs);
        return await submission.rows.finally(() => clearTimeout(timer));
      } catch (error) {
        if (!(error instanceof ServiceError)) throw error;
        if (error.code === 'DEADLINE_EXCEEDED') return undefined;
        if (error.code !== 'OVERLOADED') throw error;
        await delay(PAUSE_MS);
      }
    }
  }
}
