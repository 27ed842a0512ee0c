// One request's sequences, asked for and counted.
import type { SubmitOptions, Timing } from '../batching/submission.ts';
import type { Row } from '../sequence/collate.ts';
import type { Sequence } from '../sequence/sequence.ts';
import type { Caller } from './caller.ts';
import { submitAny } from './long.ts';
import type { Model } from './model.ts';
import type { Answered } from './submit.ts';

/** How a call went: what was run for it, and how long it took. */
export interface CallTiming extends Timing {
  readonly sequences: number;
  /** Time steps of all of them. */
  readonly steps: number;
}

/** @throws {ServiceError} what `submit` throws. */
export async function call(
  model: Model,
  sequences: readonly Sequence[],
  caller: Caller,
  options?: SubmitOptions,
): Promise<Answered & { readonly timing: CallTiming }> {
  const startMs = performance.now();
  let answered = false;
  try {
    const asked = submitAny(model, sequences, caller, options);
    model.recent.note(sequences[0]);
    const given = await asked;
    answered = true;
    observe(model, given.rows);
    const steps = sequences.reduce((sum, { longest }) => sum + longest, 0);
    return { ...given, timing: { ...given.timing, sequences: sequences.length, steps } };
  } finally {
    model.statistics.request(answered, performance.now() - startMs);
  }
}

/** A row that a head cannot decode is told to its caller, who asks for that head; the statistics go on without it. */
function observe({ drift }: Model, rows: readonly Row[]): void {
  try {
    drift?.observe(rows);
  } catch {}
}
