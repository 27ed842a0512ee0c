// One request's sequences on their way: queued together, bounded by a deadline, counted, given up if the caller goes.
import type { Wishes } from '../batching/batcher.ts';
import type { Ride } from '../batching/submission.ts';
import { ServiceError } from '../core/errors.ts';
import type { Row } from '../sequence/collate.ts';
import type { Sequence } from '../sequence/sequence.ts';
import type { LoadedModel } from './loaded-model.ts';

export interface Call<T> {
  readonly done: Promise<T>;
  /** The caller has gone: nothing of this call that has not started will run. */
  readonly abandon: () => void;
}

/** Queues all sequences or none. @throws {ServiceError} OVERLOADED at once; DEADLINE_EXCEEDED and others through `done`. */
export function call(
  model: LoadedModel,
  sequences: readonly Sequence[],
  timeoutMs: number,
  wishes?: Wishes,
): Call<{ readonly rows: readonly Row[]; readonly ride: Ride }> {
  const startMs = performance.now();
  const submission = model.batcher.submit(sequences, wishes);
  const deadline = setTimeout(() => {
    submission.cancel(new ServiceError('DEADLINE_EXCEEDED', `no answer within ${timeoutMs} ms`));
  }, timeoutMs);
  const count = (ok: boolean) => model.statistics.request(ok, performance.now() - startMs);
  submission.rows.then(
    () => count(true),
    () => count(false),
  );
  const done = submission.rows.finally(() => clearTimeout(deadline)).then(rows => ({ rows, ride: submission.ride }));
  const abandon = () => {
    // Every connection's end comes here; most calls have long been answered.
    if (!submission.settled) submission.cancel(new ServiceError('CALLER_GONE', 'the caller closed the connection'));
  };
  return { done, abandon };
}
