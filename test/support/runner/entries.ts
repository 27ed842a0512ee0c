// Queue entries without a batcher around them, for the tests of the queue.
import assert from 'node:assert/strict';
import { type Batch, type BatchRules, type Entry, EntryQueue } from '../../../src/batching/queue.ts';
import { Submission } from '../../../src/batching/submission.ts';
import { ServiceError } from '../../../src/core/errors.ts';

export const RULES: BatchRules = { batchSize: 4, paddedSteps: 64, mixing: 'classes' };
let clock = 0;

/** An entry of its own submission, with one input for each length. */
export function entryOf(...lengths: number[]): Entry {
  const parts = lengths.map(length => ({ length, dims: [length, 0], data: new Float32Array(0) }));
  const submission = new Submission(1, () => {});
  submission.rows.catch(() => {}); // nobody waits for a cancelled one
  const sequence = { parts, length: lengths[0], longest: Math.max(...lengths), batchKey: '' };
  const enqueuedMs = clock++;
  return { sequence, submission, index: 0, enqueuedMs, orderMs: enqueuedMs };
}

export const cancel = (entry: Entry) => entry.submission.cancel(new ServiceError('CALLER_GONE', 'gone'));
export const lengthsOf = (batch: Batch | undefined) => batch?.entries.map(entry => entry.sequence.longest);

export function queueOf(rules: BatchRules, entries: readonly Entry[]): EntryQueue {
  const queue = new EntryQueue(rules);
  for (const entry of entries) queue.add(entry);
  return queue;
}

/** Takes batches until nothing is left. */
export function drain(queue: EntryQueue): number[][] {
  const taken: number[][] = [];
  for (let batch = queue.next(); batch; batch = queue.next()) {
    queue.take(batch);
    taken.push(lengthsOf(batch) as number[]);
  }
  assert.equal(queue.size, 0);
  return taken;
}
