// What a caller asks of the batcher and waits for: all rows of its sequences, or one error. It settles exactly once.
import type { ServiceError } from '../core/errors.ts';
import type { Trace } from '../core/trace.ts';
import type { Mixing } from '../model/mixing.ts';
import type { Row } from '../sequence/collate.ts';

/** What a request may ask of the batcher. */
export interface SubmitOptions {
  /** Fetch the state outputs too. */
  readonly withState?: boolean;
  /** A narrower rule for this request than the model's. */
  readonly mixing?: Mixing;
  /** 1 is the most urgent; an entry of priority p is taken as if it had waited 1/p seconds longer. 0: not urgent. */
  readonly priority?: number;
  /** Run only when nothing else waits, and never beside what does. */
  readonly idle?: boolean;
  /** What is followed of its request, if it is. */
  readonly trace?: Trace;
  /** Room for it is already taken, by one who submits what it holds bit by bit. */
  readonly admitted?: boolean;
}

/** How long a submission waited and ran, and in what batch; where its sequences ran apart, the longest wait and run and the largest batch. */
export interface Timing {
  queueMs: number;
  runMs: number;
  batchSize: number;
}

export class Submission {
  /** One row per sequence, in the caller's order. */
  readonly rows: Promise<Row[]>;
  readonly timing: Timing = { queueMs: 0, runMs: 0, batchSize: 0 };
  readonly trace?: Trace;
  readonly #rows: Row[];
  readonly #onSettled: (cancelled: boolean) => void;
  /** Rows not yet delivered; each index is delivered once, whatever batch it ran in. */
  #missing: number;
  /** Once true it stays: rows that come later are dropped. */
  #settled = false;
  #resolve!: (rows: Row[]) => void;
  #reject!: (error: ServiceError) => void;

  constructor(size: number, onSettled: (cancelled: boolean) => void, trace?: Trace) {
    this.#missing = size;
    this.#rows = new Array(size);
    this.#onSettled = onSettled;
    this.trace = trace;
    this.rows = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  get settled(): boolean {
    return this.#settled;
  }

  deliver(index: number, row: Row, timing: Timing): void {
    if (this.#settled) return;
    this.#rows[index] = row;
    this.timing.queueMs = Math.max(this.timing.queueMs, timing.queueMs);
    this.timing.runMs = Math.max(this.timing.runMs, timing.runMs);
    this.timing.batchSize = Math.max(this.timing.batchSize, timing.batchSize);
    if (--this.#missing === 0) this.#settle(false, () => this.#resolve(this.#rows));
  }

  /** Gives up: entries still queued are never run, those running are run and forgotten. */
  cancel(error: ServiceError): void {
    if (!this.#settled) this.#settle(true, () => this.#reject(error));
  }

  /** The batcher's counters move before the caller hears of it, so that what the caller does next finds them right. */
  #settle(cancelled: boolean, outcome: () => void): void {
    this.#settled = true;
    this.#onSettled(cancelled);
    outcome();
  }
}
