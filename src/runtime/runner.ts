// What the batcher needs of whatever runs a batch: a few methods, so that tests can stand in for threads.
import type { Tensors } from '../core/tensor.ts';

export interface RunResult {
  readonly outputs: Tensors;
  readonly runMs: number;
  /** At most how much of that it computed; the rest it waited for a core. */
  readonly busyMs?: number;
  /** How long the batch waited behind another one of its worker, if it did. */
  readonly waitMs?: number;
}

/** One run of a graph: its inputs by name, and the names of the outputs that are wanted. */
export type Run = (feeds: Tensors, fetches: readonly string[]) => Promise<Tensors>;

/** Opens the graph so that it also gives these values from within it. */
export type Watch = (values: readonly string[]) => Promise<{ readonly run: Run; release(): Promise<void> }>;

export interface Runner {
  /** Batches that would start at once. */
  readonly idle: number;
  /** Batches that a busy worker would take ahead, to start without waiting for this thread. */
  readonly ahead: number;
  /** Called whenever `idle` or `ahead` may have grown other than by a finished run: what does not begin during the call may wait again. */
  onFree: () => void;
  /** A batch waits for a worker: one that works for others shall come to it in its turn. */
  wanted(): void;
  /**
   * Runs one batch; `feeds` must not change until it is done. Call only while `idle + ahead > 0`.
   * `expectedMs`: about how long it will take, by which the worker that is free first is found.
   * @throws {RunnerLost} if the worker died; any other error is the run's own.
   */
  run(feeds: Tensors, fetches: readonly string[], expectedMs?: number): Promise<RunResult>;
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
