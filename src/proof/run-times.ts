// How long short runs take and how much they hold, measured before the model serves: what may run on the thread that reads
// requests is known then, and how many sequences may share a run.
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { RunBytes } from '../batching/run-bytes.ts';
import { RunTimes } from '../batching/run-times.ts';
import type { Signature } from '../model/signature.ts';
import type { Run, Runner } from '../runtime/runner.ts';
import { collate } from '../sequence/collate.ts';
import { randomNumbers, randomSequence } from './samples.ts';

const LENGTHS = [1, 8, 32, 128];

/** Runs of 1, 2, 4, ... rows and of growing length, until they take longer than `boundMs`; each twice, the first is cold. */
export async function measureRuns(
  signature: Signature,
  batchSize: number,
  runner: Runner,
  boundMs: number,
): Promise<RunTimes> {
  const times = new RunTimes();
  const random = randomNumbers(11);
  for (const length of LENGTHS) {
    const sequence = randomSequence(signature, length, random);
    for (let rows = 1; rows <= batchSize; rows *= 2) {
      const feeds = collate(signature, new Array(rows).fill(sequence));
      await runner.run(feeds, signature.fetches);
      await nextTurn(); // others come in between
      const { runMs, busyMs = runMs } = await runner.run(feeds, signature.fetches);
      times.observe(rows, sequence.longest, busyMs);
      if (busyMs > boundMs) break;
    }
  }
  return times;
}

/** Lets `bytes` see one run of a few steps. */
export async function measureBytes(signature: Signature, run: Run, bytes: RunBytes): Promise<void> {
  const sequence = randomSequence(signature, LENGTHS[1], randomNumbers(12));
  const feeds = collate(signature, [sequence]);
  bytes.observe(sequence.batchKey, feeds, await run(feeds, signature.fetchesWithState));
}
