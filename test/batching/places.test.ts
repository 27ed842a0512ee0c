// Where batches run: short ones on the asking thread, longer ones in a worker, and neither waits for the other.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RunTimes } from '../../src/batching/run-times.ts';
import { randomNumbers } from '../../src/proof/samples.ts';
import { between } from '../support/models/models.ts';
import { echo, numbered, numbersOf, valuesOf } from '../support/models/numbered.ts';
import { finish, start, turn } from '../support/runner/batcher.ts';
import { FakeRunner } from '../support/runner/fake-runner.ts';

const rules = { batchSize: 8, paddedSteps: 512, mixing: 'classes' } as const;

/** A batcher with one worker and a place on this thread, where a padded step takes 0.1 ms and 1 ms is the bound. */
function startBoth(options: Parameters<typeof start>[0] = {}) {
  const inline = new FakeRunner(1, false);
  const times = new RunTimes();
  for (let rows = 1; rows <= 8; rows *= 2) {
    for (let steps = 1; steps <= 64; steps *= 2) times.observe(rows, steps, 0.1 * rows * steps);
  }
  const { runner: worker, batcher } = start({ rules, inline: { runner: inline, times, boundMs: 1 }, ...options });
  return { worker, inline, batcher };
}

const given = (runner: FakeRunner) => runner.given.map(run => numbersOf(run.feeds));

test('a short batch runs on the asking thread, a longer one in the worker', async () => {
  const { worker, inline, batcher } = startBoth();
  batcher.submit(numbered(2, 2));
  await turn();
  batcher.submit(numbered(40));
  await turn();
  assert.deepEqual([given(inline), given(worker)], [[[2, 2]], [[40]]]);
});

test("while nothing is known of run times, everything is the worker's", async () => {
  const inline = new FakeRunner(1, false);
  const { runner, batcher } = start({ rules, inline: { runner: inline, times: new RunTimes(), boundMs: 1 } });
  batcher.submit(numbered(1));
  await turn();
  assert.deepEqual([given(inline), given(runner)], [[], [[1]]]);
});

test('short ones do not wait for a worker that is busy with a long one, nor behind long ones that wait for it', async () => {
  const { worker, inline, batcher } = startBoth();
  for (const length of [40, 41]) batcher.submit(numbered(length));
  await turn();
  batcher.submit(numbered(50));
  await turn();
  const short = batcher.submit(numbered(3));
  await turn();
  assert.deepEqual([given(worker), given(inline)], [[[40, 41]], [[3]]]);
  finish(inline);
  assert.deepEqual(valuesOf(await short.rows), [3]);
  finish(worker);
  await turn();
  assert.deepEqual(given(worker), [[40, 41], [50]]);
});

test('a short one waits for the asking thread rather than wake an idle worker', async () => {
  const { worker, inline, batcher } = startBoth();
  batcher.submit(numbered(2));
  await turn();
  batcher.submit(numbered(3));
  await turn();
  assert.deepEqual([given(worker), given(inline)], [[], [[2]]]);
  finish(inline);
  await turn();
  assert.deepEqual(given(inline), [[2], [3]]);
});

test('half a batch that would be long goes to the idle worker before the turn ends, a short one does not', async () => {
  const { worker, inline, batcher } = startBoth();
  batcher.submit(numbered(2, 2, 2, 2));
  assert.deepEqual([given(worker), given(inline)], [[], []]);
  await turn();
  batcher.submit(numbered(33, 33, 33, 33));
  assert.deepEqual([given(worker), given(inline)], [[[33, 33, 33, 33]], [[2, 2, 2, 2]]]);
});

test('a short run that waited long for a core is a short run still; one that computed long is none', async () => {
  const { worker, inline, batcher } = startBoth();
  for (let i = 0; i < 40; i++) {
    batcher.submit(numbered(2, 2));
    await turn();
    inline.finish(0, echo(inline.running[0].feeds), { runMs: 500, busyMs: 0.4 });
    await turn();
  }
  assert.deepEqual([inline.given.length, worker.given.length], [40, 0]);
  for (let i = 0; worker.given.length === 0; i++) {
    assert.ok(i < 100, 'it never went to the worker');
    batcher.submit(numbered(2, 2));
    await turn();
    if (worker.given.length === 0) inline.finish(0, echo(inline.running[0].feeds), { runMs: 500, busyMs: 500 });
    await turn();
  }
});

test('a batch that waits for company delays neither a full one nor another class', async () => {
  const { runner, batcher } = start({ rules: { ...rules, batchSize: 4 }, maxDelayMs: 100_000, workers: 2 });
  batcher.submit(numbered(60));
  await turn();
  batcher.submit(numbered(3, 3, 3, 3));
  await turn();
  assert.deepEqual(given(runner), [[3, 3, 3, 3]]);
  batcher.submit(numbered(60, 60, 60));
  await turn();
  assert.deepEqual(given(runner), [
    [3, 3, 3, 3],
    [60, 60, 60, 60],
  ]);
});

test('whatever the mix, every caller gets its own answer, from both places', async () => {
  const { worker, inline, batcher } = startBoth();
  const random = randomNumbers(8);
  for (const runner of [worker, inline]) runner.autoplay(run => ({ outputs: echo(run.feeds) }));
  const ends: Promise<unknown>[] = [];
  for (let i = 0; i < 500; i++) {
    const numbers = Array.from({ length: between(random, 1, 3) }, () => (random() < 0.8 ? between(random, 1, 4) : 200));
    ends.push(batcher.submit(numbered(...numbers)).rows.then(rows => assert.deepEqual(valuesOf(rows), numbers)));
    if (random() < 0.3) await turn();
  }
  await Promise.all(ends);
  await batcher.drain();
  assert.ok(inline.given.length > 0 && worker.given.length > 0);
  assert.equal(batcher.pending, 0);
});
