// Rows that run when nothing else waits: in runs as short as callers are near.
import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { patient } from '../../src/service/caller.ts';
import { IdleRows } from '../../src/service/idle-rows.ts';
import type { Model } from '../../src/service/model.ts';
import { echo, sequenceOf, valuesOf } from '../support/models/numbered.ts';
import { start } from '../support/runner/batcher.ts';

let nowMs = 0;
mock.method(performance, 'now', () => nowMs);

/** The sizes of the runs for so many rows of one step, where a row takes `rowMs`, and callers are in the way for `metMs` each time. */
async function runsOf(count: number, rowMs: number, metMs: number): Promise<number[]> {
  const { runner, batcher } = start({ rules: { batchSize: 64, paddedSteps: 4096, mixing: 'classes' } });
  batcher.places.times.observe(1, 1, rowMs);
  runner.onRun = run => {
    const runMs = run.size * rowMs;
    nowMs += runMs + metMs;
    setImmediate(() => runner.finish(0, echo(run.feeds), { runMs, busyMs: runMs }));
  };
  const idle = new IdleRows({ batcher } as unknown as Model, patient(60_000), nowMs + 60_000);
  const values = Array.from({ length: count }, (_, i) => i);
  const rows = await idle.of(values.map(value => sequenceOf(1, value)));
  assert.deepEqual(valuesOf(rows ?? []), values);
  assert.equal(idle.count, count);
  return runner.given.map(({ size }) => size);
}

test('where nobody else asks, runs grow from half a millisecond to four', async () => {
  const sizes = await runsOf(64, 1, 0);
  assert.equal(sizes[0], 1);
  assert.deepEqual(
    sizes,
    sizes.toSorted((a, b) => a - b),
  );
  assert.equal(sizes.at(-2), 4);
});

test('where callers come between, they stay as short as can be', async () => {
  assert.deepEqual(await runsOf(12, 1, 13), Array(12).fill(1));
});

test('rows that take next to no time run as many together as one run may hold', async () => {
  assert.deepEqual(await runsOf(40, 0.001, 13), [16, 16, 8]);
});
