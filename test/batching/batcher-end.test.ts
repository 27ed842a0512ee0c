// The scheduler of one model when callers leave, when batches wait for company, and at the end.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { EntryQueue } from '../../src/batching/queue.ts';
import type { BatchReport } from '../../src/batching/report.ts';
import { numbered, valuesOf } from '../support/models/numbered.ts';
import { codeOf, finish, gone, sizes, start, turn } from '../support/runner/batcher.ts';
import { until } from '../support/runner/until.ts';

test('cancelled callers are not run, and the queue does not outgrow its bound under endless cancelling', async (t: TestContext) => {
  const added = t.mock.method(EntryQueue.prototype, 'add');
  const { runner, batcher } = start({ capacity: { sequences: 50, bytes: 1e9 } });
  const kept = batcher.submit(numbered(9));
  await turn();
  const waiting = batcher.submit(numbered(3));
  const queue = added.mock.calls[0].this as EntryQueue;
  for (let i = 0; i < 5000; i++) {
    const submission = batcher.submit(numbered(2 + (i % 9), 20, 5));
    submission.cancel(gone);
    assert.equal(await codeOf(submission), 'CALLER_GONE');
    assert.ok(queue.size <= 50, `${queue.size} entries in a queue of 50`);
    if (i % 100 === 0) await turn();
  }
  assert.deepEqual([batcher.pending, sizes(runner)], [2, [1]]);
  finish(runner);
  await kept.rows;
  await turn();
  assert.deepEqual(sizes(runner), [1, 1]);
  finish(runner);
  assert.deepEqual(valuesOf(await waiting.rows), [3]);
  await batcher.drain();
});

test('drain ends when everything admitted is answered and nothing runs, cancelled runs included', async () => {
  const { runner, batcher } = start();
  await batcher.drain();
  const submission = batcher.submit(numbered(3));
  await turn();
  submission.cancel(gone);
  await codeOf(submission);
  let drained = false;
  const end = batcher.drain().then(() => {
    drained = true;
  });
  await turn();
  assert.deepEqual([drained, batcher.pending], [false, 0]);
  finish(runner);
  await end;
});

test('two who wait for the drain both see it', async () => {
  const { runner, batcher } = start();
  batcher.submit(numbered(3));
  await turn();
  const ends = [batcher.drain(), batcher.drain()];
  finish(runner);
  await Promise.all(ends);
});

test('with a delay, a batch that is not full waits for company, a full one does not', async () => {
  const { runner, batcher } = start({ maxDelayMs: 100_000 });
  const first = batcher.submit(numbered(5, 5));
  await turn();
  const second = batcher.submit(numbered(5));
  await turn();
  assert.deepEqual(sizes(runner), []);
  const third = batcher.submit(numbered(5, 6));
  await turn();
  assert.deepEqual(sizes(runner), [4]);
  finish(runner);
  await Promise.all([first.rows, second.rows]);
  const fourth = batcher.submit(numbered(5, 5, 5));
  await turn();
  assert.deepEqual(sizes(runner), [4, 4]);
  finish(runner);
  await Promise.all([third.rows, fourth.rows]);
});

test('a batch that nobody joins waits as long as the delay, and goes', async () => {
  const maxDelayMs = 250;
  const reports: BatchReport[] = [];
  const { runner, batcher } = start({ maxDelayMs, onBatch: report => reports.push(report) });
  const { rows } = batcher.submit(numbered(5));
  await until('the delay is over', () => runner.given.length === 1);
  finish(runner);
  await rows;
  assert.ok(reports[0].queueMs >= maxDelayMs - 1, `${reports[0].queueMs} ms`);
});
