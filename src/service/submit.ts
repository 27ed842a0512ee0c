// Sequences on their way: queued together, bounded by a deadline, given up if the caller goes.
import type { SubmitOptions, Timing } from '../batching/submission.ts';
import type { Row } from '../sequence/collate.ts';
import type { Sequence } from '../sequence/sequence.ts';
import { type Caller, callerGone, tooLate } from './caller.ts';
import type { Model } from './model.ts';

/** One row per sequence, in the same order. */
export interface Answered {
  readonly rows: readonly Row[];
  readonly timing: Timing;
}

/**
 * Queues all sequences or none and waits for their rows. What has not started when the caller leaves will not run.
 * @throws {ServiceError} OVERLOADED, DEADLINE_EXCEEDED, CALLER_GONE, INFERENCE_FAILED.
 */
export async function submit(
  { batcher }: Model,
  sequences: readonly Sequence[],
  caller: Caller,
  options?: SubmitOptions,
): Promise<Answered> {
  if (caller.gone()) throw callerGone();
  const submission = batcher.submit(sequences, caller.trace ? { ...options, trace: caller.trace } : options);
  const deadline = setTimeout(() => submission.cancel(tooLate(caller)), caller.timeoutMs);
  // Every connection's end comes here; most calls have long been answered.
  caller.onGone(() => {
    if (!submission.settled) submission.cancel(callerGone());
  });
  try {
    return { rows: await submission.rows, timing: submission.timing };
  } finally {
    clearTimeout(deadline);
  }
}
