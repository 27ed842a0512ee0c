// What a caller waits for: all rows of its sequences, or one error. It settles exactly once.
import type { ServiceError } from '../core/errors.ts';
import type { Row } from '../sequence/collate.ts';

/** What a submission's sequences rode in; where they rode apart, the longest wait and run and the largest batch. */
export interface Ride {
  queueMs: number;
  runMs: number;
  batchSize: number;
}

export class Submission {
  /** One row per sequence, in the caller's order. */
  readonly rows: Promise<Row[]>;
  readonly ride: Ride = { queueMs: 0, runMs: 0, batchSize: 0 };
  readonly #rows: Row[];
  readonly #onSettled: () => void;
  #missing: number;
  #settled = false;
  #resolve!: (rows: Row[]) => void;
  #reject!: (error: ServiceError) => void;

  constructor(size: number, onSettled: () => void) {
    this.#missing = size;
    this.#rows = new Array(size);
    this.#onSettled = onSettled;
    this.rows = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  get settled(): boolean {
    return this.#settled;
  }

  deliver(index: number, row: Row, ride: Ride): void {
    if (this.#settled) return;
    this.#rows[index] = row;
    this.ride.queueMs = Math.max(this.ride.queueMs, ride.queueMs);
    this.ride.runMs = Math.max(this.ride.runMs, ride.runMs);
    this.ride.batchSize = Math.max(this.ride.batchSize, ride.batchSize);
    if (--this.#missing === 0) this.#settle(() => this.#resolve(this.#rows));
  }

  /** Gives up: entries still queued are never run, those running are run and forgotten. */
  cancel(error: ServiceError): void {
    if (!this.#settled) this.#settle(() => this.#reject(error));
  }

  #settle(outcome: () => void): void {
    this.#settled = true;
    this.#onSettled();
    outcome();
  }
}
