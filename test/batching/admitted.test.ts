// What is admitted is counted to its bound, once; what was cancelled leaves memory with the count.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { Admitted } from '../../src/batching/admitted.ts';
import { EntryQueue } from '../../src/batching/queue.ts';
import { Submission } from '../../src/batching/submission.ts';
import { ServiceError } from '../../src/core/errors.ts';
import { sequenceOf } from '../support/models/numbered.ts';

test('room is bounded by sequences and by bytes, and given back once', () => {
  let released = 0;
  const admitted = new Admitted({ sequences: 3, bytes: 100 }, () => released++);
  const first = admitted.take(2, 60);
  assert.throws(() => admitted.take(2, 0), { code: 'OVERLOADED' });
  assert.throws(() => admitted.take(1, 41), { code: 'OVERLOADED' });
  const second = admitted.take(1, 40);
  assert.equal(admitted.sequences, 3);
  assert.throws(() => admitted.check(1), { code: 'OVERLOADED' });
  first();
  first();
  assert.deepEqual([admitted.sequences, released], [1, 1]);
  second();
  assert.deepEqual([admitted.sequences, released], [0, 2]);
  admitted.take(3, 100)();
});

test('who holds without taking room is known of all the same, however full it is', () => {
  const admitted = new Admitted({ sequences: 1, bytes: 1 }, () => {});
  const [full, none] = [admitted.take(1, 1), admitted.hold()];
  full();
  assert.deepEqual([admitted.sequences, admitted.idle], [0, false]);
  none();
  assert.equal(admitted.idle, true);
});

test('cancelled entries leave the queue at the end of the turn, though no runner is ever free', async () => {
  const queue = new EntryQueue({ batchSize: 8, paddedSteps: 1024, mixing: 'classes' });
  const waiting = Array.from({ length: 100 }, (_, i) => {
    const submission = new Submission(1, cancelled => cancelled && queue.sweepSoon());
    submission.rows.catch(() => {});
    queue.add({ sequence: sequenceOf(1 + (i % 9), i), submission, index: 0, enqueuedMs: i, orderMs: i });
    return submission;
  });
  for (const submission of waiting.slice(3)) submission.cancel(new ServiceError('CALLER_GONE', 'gone'));
  assert.equal(queue.size, 100);
  await turn();
  await turn();
  assert.equal(queue.size, 3);
});
