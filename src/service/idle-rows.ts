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
/** How long it may take, as foretold: shortest where callers were before it in the queue, a fifth longer after each run that met none. */
const RUN_MS = { least: 0.5, most: 4 };
/** A run that came so much later than foretold met callers. */
const MET_MS = 2;
/** How long to wait where the queue is full of callers. */
const PAUSE_MS = 10;

export class IdleRows {
  /** Rows answered so far. */
  count = 0;
  readonly #model: Model;
  readonly #caller: Caller;
  readonly #endMs: number;
  #runMs = RUN_MS.least;

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
      const { room, foretoldMs } = this.#roomFor(sequences[found.length]);
      const startMs = performance.now();
      const rows = await this.#run(sequences.slice(found.length, found.length + room));
      if (!rows) return undefined;
      const met = performance.now() - startMs > foretoldMs + MET_MS;
      this.#runMs = met ? RUN_MS.least : Math.min(RUN_MS.most, 1.2 * this.#runMs);
      found.push(...rows);
    }
    this.count += found.length;
    return found;
  }

  /** How many rows like this one a run may hold now, and how long it will take. */
  #roomFor({ longest }: Sequence): { room: number; foretoldMs: number } {
    const { times } = this.#model.batcher.places;
    let room = Math.max(1, Math.min(ROWS, Math.floor(STEPS / longest)));
    while (room > 1 && times.predict(room, longest) > this.#runMs) room = Math.floor(room / 2);
    return { room, foretoldMs: times.predict(room, longest) };
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
