// A session on the thread that reads requests, for runs so short that handing them to a worker would cost more.
import type { Inline } from '../batching/places.ts';
import type { Proof } from '../proof/prove.ts';
import { measureRuns } from '../proof/run-times.ts';
import { InlineRunner } from '../runtime/inline-runner.ts';
import type { SessionOptions } from '../runtime/messages.ts';

/** For runs of at most `boundMs`; how long runs take is measured on it. */
export async function openInline(
  session: SessionOptions,
  { signature, limits, mixing }: Proof,
  boundMs: number,
): Promise<Inline> {
  const runner = await InlineRunner.open(session);
  const rows = mixing === 'alone' ? 1 : limits.batchSize;
  try {
    return { runner, boundMs, times: await measureRuns(signature, rows, runner, boundMs) };
  } catch (error) {
    await runner.close();
    throw error;
  }
}
