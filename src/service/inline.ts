// A session on the thread that reads requests, for runs so short that handing them to a worker would cost more.
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Inline } from '../batching/places.ts';
import type { Tensors } from '../core/tensor.ts';
import type { Signature } from '../model/signature.ts';
import { checkGolden } from '../proof/golden.ts';
import type { Proof } from '../proof/prove.ts';
import { measureRuns } from '../proof/run-times.ts';
import { InlineRunner } from '../runtime/inline-runner.ts';
import type { SessionOptions } from '../runtime/messages.ts';

/** For runs of at most `boundMs`; how long runs take is measured on it. @throws {LoadError} if a golden answer is off. */
export async function openInline(session: SessionOptions, proof: Proof, boundMs: number): Promise<Inline> {
  const { signature, limits, mixing } = proof;
  const runner = await InlineRunner.open(session);
  const rows = mixing === 'alone' ? 1 : limits.batchSize;
  try {
    const inline = { runner, boundMs, times: await measureRuns(signature, rows, runner, boundMs) };
    await recheckInTurns(proof, inline);
    return inline;
  } catch (error) {
    await runner.close();
    throw error;
  }
}

/**
 * Answers the golden sequences as every worker does before it serves, each in a turn of its own, so that this thread holds up
 * nobody longer than a run takes. Those that are too long to be run here are left to the workers, but for the shortest.
 * @throws {LoadError} at the first answer that is off.
 */
export async function recheckInTurns(
  { signature, goldenCases }: Pick<Proof, 'signature' | 'goldenCases'>,
  { runner, times, boundMs }: Inline,
): Promise<void> {
  if (!goldenCases) return;
  const msOf = ({ feeds }: { feeds: Tensors }) => times.predict(...sizeOf(signature, feeds));
  const most = Math.max(boundMs, Math.min(...goldenCases.cases.map(msOf)));
  await checkGolden(
    goldenCases,
    async (feeds, fetches) => {
      await nextTurn();
      return (await runner.run(feeds, fetches)).outputs;
    },
    one => msOf(one) <= most,
  );
}

/** The rows and steps of a run. */
function sizeOf({ feeds: known }: Signature, feeds: Tensors): [rows: number, steps: number] {
  const along = (axis: 'batch' | 'time') =>
    Math.max(1, ...known.map(({ tensor, axes }) => feeds[tensor.name]?.dims[axes[axis] ?? -1] ?? 1));
  return [along('batch'), along('time')];
}
