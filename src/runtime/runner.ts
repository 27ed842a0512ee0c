// What the batcher needs of whatever runs a batch: a few methods, so that tests can stand in for threads.
import type { Tensors } from '../core/tensor.ts';

export interface RunResult {
  readonly outputs: Tensors;
  readonly runMs: number;
}

export interface Runner {
  /** Batches that would start at once. */
  readonly idle: number;
  /** Batches that a busy worker would take ahead, to start without waiting for this thread. */
  readonly ahead: number;
  /** Called whenever `idle` or `ahead` may have grown other than by a finished run. */
  onFree: () => void;
  /**
   * Runs one batch; the feeds are the caller's again at once. Call only while `idle + ahead > 0`.
   * @throws {RunnerLost} if the worker died; any other error is the run's own.
   */
  run(feeds: Tensors, fetches: readonly string[]): Promise<RunResult>;
  /** Waits for running batches, then ends the workers. */
  close(): Promise<void>;
}

/** The worker died. A batch that had not started may be run again. */
export class RunnerLost extends Error {
  override readonly name = 'RunnerLost';
  readonly started: boolean;

  constructor(message: string, started: boolean) {
    super(message);
    this.started = started;
  }
}
