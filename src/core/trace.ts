// Tracing as the house sees it: requests that are followed and batches that ran, and nothing of the library that tells of them.

/** A request that is followed. Only the tracer that made it reads more of it. */
export interface Trace {
  readonly traceId: string;
  /** Whether its spans will be sent: one that is not is known by its id alone. */
  readonly sampled: boolean;
}

export type TraceAttributes = Readonly<Record<string, string | number | undefined>>;

export interface RequestTrace extends Trace {
  /** The request's own place in its trace, as W3C's `traceresponse` has it. */
  readonly response: string;
  /** Once, when it has been answered. `fault`: the server's own failure, by a code of a closed list. */
  end(attributes: TraceAttributes, fault?: string): void;
}

/** A traced request that waited for a run, and since when. Moments are those of performance.now(). */
export interface TracedWait {
  readonly trace: Trace;
  readonly sinceMs: number;
}

/** One run of a batch in which traced requests took part. */
export interface TracedBatch {
  readonly model: string;
  readonly version: string;
  readonly waits: readonly TracedWait[];
  readonly size: number;
  readonly steps: number;
  readonly paddedSteps: number;
  /** When it was taken out of the queue, and when its worker began with it. */
  readonly takenMs: number;
  readonly startMs: number;
  readonly collateMs: number;
  readonly runMs: number;
  readonly splitMs: number;
  readonly endMs: number;
  /** Why the run failed, by a code of a closed list; its entries may have run again. */
  readonly fault?: string;
}

export interface Tracing {
  /**
   * Begins to follow a request, in its caller's trace if `headers` name one (W3C trace context). `attributes` is asked
   * only of what will be sent.
   */
  request(name: string, headers: Readonly<Record<string, unknown>>, attributes: () => TraceAttributes): RequestTrace;
  batch(batch: TracedBatch): void;
  /** Sends what is left, as far as that can be done soon. */
  close(): Promise<void>;
}
