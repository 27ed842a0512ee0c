// The scheduler of one model over a runner that does what the test says: admission, dispatch and failures.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BatchReport } from '../../src/batching/report.ts';
import { sequenceBytes } from '../../src/sequence/sequence.ts';
import { echo, numbered, numbersOf, sequenceOf, valuesOf } from '../support/models/numbered.ts';
import { codeOf, finish, gone, sizes, start, turn } from '../support/runner/batcher.ts';
import type { FakeRun } from '../support/runner/fake-runner.ts';

test('what arrives in one turn rides together, and every caller gets its own rows in its own order', async () => {
  const reports: BatchReport[] = [];
  const rules = { batchSize: 16, paddedSteps: 64, mixing: 'classes' } as const;
  const { runner, batcher } = start({ rules, onBatch: report => reports.push(report) });
  const submissions = [numbered(5, 7), numbered(6), numbered(8)].map(sequences => batcher.submit(sequences));
  assert.deepEqual(sizes(runner), []);
  await turn();
  assert.deepEqual(sizes(runner), [4]);
  assert.deepEqual(runner.given[0].fetches, ['y']);
  finish(runner);
  for (const submission of submissions) {
    const own = [[5, 7], [6], [8]][submissions.indexOf(submission)];
    assert.deepEqual(valuesOf(await submission.rows), own);
    assert.equal(submission.timing.batchSize, 4);
    assert.equal(submission.timing.runMs, 1);
  }
  assert.equal(batcher.pending, 0);
  assert.equal(reports.length, 1);
  const [{ size, steps, paddedSteps, queueMs, runMs }] = reports;
  assert.deepEqual([size, steps, paddedSteps, runMs], [4, 26, 32, 1]);
  assert.ok(queueMs >= 0);
});

test('an idle worker starts once half a batch is there, without waiting for the end of the turn', async () => {
  const { runner, batcher } = start();
  batcher.submit(numbered(5));
  assert.deepEqual(sizes(runner), []);
  batcher.submit(numbered(6));
  assert.deepEqual(sizes(runner), [2]);
  batcher.submit(numbered(7, 7));
  await turn();
  assert.deepEqual(sizes(runner), [2], 'a busy worker waits for a full batch');
});

test('admission is all or nothing, and the capacity is exact, in sequences', async () => {
  const { runner, batcher } = start({ capacity: { sequences: 5, bytes: 1e9 } });
  const first = batcher.submit(numbered(1, 1, 1));
  assert.throws(() => batcher.submit(numbered(1, 1, 1)), { code: 'OVERLOADED' });
  assert.equal(batcher.pending, 3);
  const second = batcher.submit(numbered(1, 1));
  assert.throws(() => batcher.submit(numbered(1)), {
    code: 'OVERLOADED',
    message: 'the queue has no room for this request; try again shortly',
  });
  await turn();
  finish(runner);
  await first.rows;
  assert.equal(batcher.pending, 2);
  batcher.submit(numbered(1, 1, 1)).rows.catch(() => {});
  assert.throws(() => batcher.submit(numbered(1)), { code: 'OVERLOADED' });
  second.cancel(gone);
  assert.equal(await codeOf(second), 'CALLER_GONE');
  assert.equal(batcher.pending, 3);
  batcher.submit(numbered(1, 1)).rows.catch(() => {});
});

test('the capacity is exact in bytes too', async () => {
  const [sequence] = numbered(10);
  const bytes = sequenceBytes(sequence);
  assert.equal(bytes, 40);
  const { batcher } = start({ capacity: { sequences: 1000, bytes: 3 * bytes } });
  const two = batcher.submit([sequence, sequence]);
  assert.throws(() => batcher.submit([sequence, sequence]), { code: 'OVERLOADED' });
  batcher.submit([sequence]);
  assert.throws(() => batcher.submit(numbered(1)), { code: 'OVERLOADED' });
  two.cancel(gone);
  await codeOf(two);
  batcher.submit([sequence, sequence]);
  assert.throws(() => batcher.submit(numbered(1)), { code: 'OVERLOADED' });
});

test('a busy worker is handed one more batch, and only if that is full', async () => {
  const { runner, batcher } = start();
  batcher.submit(numbered(5));
  await turn();
  batcher.submit(numbered(5, 5, 5));
  await turn();
  assert.deepEqual([sizes(runner), runner.waiting.length], [[1], 0]);
  batcher.submit(numbered(5, 5, 5, 5, 5, 5, 5));
  await turn();
  assert.deepEqual([sizes(runner), runner.waiting.length], [[1, 4], 1]);
  await turn();
  assert.deepEqual(sizes(runner), [1, 4]);
  finish(runner);
  await turn();
  assert.deepEqual([sizes(runner), runner.waiting.length], [[1, 4, 4], 1]);
  finish(runner);
  await turn();
  assert.deepEqual(sizes(runner), [1, 4, 4]);
  finish(runner);
  await turn();
  assert.deepEqual(sizes(runner), [1, 4, 4, 2]);
});

test('no batch exceeds its limits, and an idle worker never leaves an entry waiting', async () => {
  const { runner, batcher } = start({ workers: 3 });
  batcher.submit(numbered(60, 60, 60));
  await turn();
  assert.deepEqual(sizes(runner), [1, 1, 1]);
  batcher.submit(numbered(33));
  await turn();
  assert.deepEqual(sizes(runner), [1, 1, 1, 1], 'a single sequence that nothing fits beside is a full batch');
});

test('a run of one that fails fails its caller, and the log learns the cause', async () => {
  const causes: unknown[] = [];
  const { runner, batcher } = start({ onFailure: cause => causes.push(cause) });
  const submission = batcher.submit(numbered(3));
  await turn();
  const cause = new Error('a build path');
  runner.finish(0, cause);
  await assert.rejects(submission.rows, {
    code: 'INFERENCE_FAILED',
    message: 'the model could not be run on this batch',
    cause,
  });
  assert.deepEqual(causes, [cause]);
  const next = batcher.submit(numbered(9));
  await turn();
  finish(runner);
  assert.deepEqual(valuesOf(await next.rows), [9]);
});

test('a run of several that fails is run again one by one, and only the guilty fails', async () => {
  const causes: unknown[] = [];
  const { runner, batcher } = start({ onFailure: cause => causes.push(cause) });
  const cause = new Error('id 7 is out of range');
  const poisoned = (run: FakeRun) => numbersOf(run.feeds).includes(7);
  batcher.submit(numbered(30)); // keeps the worker busy, so that the others wait for each other
  await turn();
  const innocent = [[1, 2], [3]].map(values => batcher.submit(values.map(value => sequenceOf(3, value))));
  const guilty = batcher.submit([sequenceOf(3, 7)]);
  runner.autoplay(run => (poisoned(run) ? { error: cause } : { outputs: echo(run.feeds) }));
  finish(runner);
  const ends = await Promise.all([...innocent, guilty].map(codeOf));
  assert.deepEqual(ends, ['rows', 'rows', 'INFERENCE_FAILED']);
  assert.deepEqual(valuesOf(await innocent[0].rows), [1, 2]);
  assert.deepEqual(valuesOf(await innocent[1].rows), [3]);
  await assert.rejects(guilty.rows, { message: 'the model could not be run on this batch', cause });
  assert.deepEqual(causes, [cause], 'the log hears of the guilty alone');
  assert.deepEqual(sizes(runner), [1, 4, 1, 1, 1, 1]);
  await batcher.drain();
});

test('if every row of a failed run fails by itself too, every caller is told in the same words', async () => {
  const causes: unknown[] = [];
  const { runner, batcher } = start({ onFailure: cause => causes.push(cause) });
  const cause = new Error('a build path');
  runner.autoplay(() => ({ error: cause }));
  const submissions = [numbered(3), numbered(3, 3)].map(sequences => batcher.submit(sequences));
  for (const { rows } of submissions) {
    await assert.rejects(rows, {
      code: 'INFERENCE_FAILED',
      message: 'the model could not be run on this batch',
      cause,
    });
  }
  await batcher.drain();
  assert.ok(causes.length >= 2 && causes.every(heard => heard === cause));
});

test('an output without a row for every sequence is a failed run', async () => {
  const causes: unknown[] = [];
  const { runner, batcher } = start({ onFailure: cause => causes.push(cause) });
  runner.autoplay(() => ({ outputs: { y: { dtype: 'float32', dims: [3], data: new Float32Array(3) } } }));
  const submission = batcher.submit(numbered(3, 4));
  await assert.rejects(submission.rows, {
    code: 'INFERENCE_FAILED',
    message: 'the model did not answer every sequence',
  });
  assert.equal((causes[0] as Error).message, 'output "y" has shape [3] for 1 sequences');
  assert.equal(sizes(runner)[0], 2, 'it was a run of two that failed first');
  await batcher.drain();
});

test('a lost worker fails what it ran; what only waited there goes first when a worker is free', async () => {
  const { runner, batcher } = start();
  const [started, unstarted] = [numbered(5, 5, 5, 5), numbered(6, 6, 6, 6)].map(s => batcher.submit(s));
  const behind = batcher.submit(numbered(7));
  await turn();
  runner.crash(0);
  assert.equal(await codeOf(started), 'INFERENCE_FAILED');
  await turn();
  assert.deepEqual([sizes(runner), batcher.pending], [[4, 4], 5]);
  runner.revive(0);
  await turn();
  assert.deepEqual(sizes(runner), [4, 4, 4]);
  finish(runner);
  assert.deepEqual(valuesOf(await unstarted.rows), [6, 6, 6, 6]);
  finish(runner);
  assert.deepEqual(valuesOf(await behind.rows), [7]);
});

test('idle sequences run when nothing else waits, whoever came first', async () => {
  const { runner, batcher } = start();
  const busy = batcher.submit(numbered(5));
  await turn();
  const idle = batcher.submit(numbered(6, 6), { idle: true });
  const late = batcher.submit(numbered(7));
  finish(runner);
  assert.deepEqual(valuesOf(await busy.rows), [5]);
  await turn();
  finish(runner);
  assert.deepEqual(valuesOf(await late.rows), [7]);
  await turn();
  finish(runner);
  assert.deepEqual(valuesOf(await idle.rows), [6, 6]);
  assert.deepEqual(sizes(runner), [1, 1, 2]);
});
