// How long runs take: the processor is asked only where the clock leaves a doubt.
import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { RunClock } from '../../src/runtime/run-clock.ts';

let nowMs = 0;
let computedUs = 0;
mock.method(performance, 'now', () => nowMs);
const asked = mock.method(process, 'cpuUsage', (before?: NodeJS.CpuUsage) => ({
  user: computedUs - (before?.user ?? 0),
  system: 0,
}));

/** A run that takes `ms` by the clock and computes `computedMs` of it: what is told, and how often the processor was asked. */
function timed(clock: RunClock, expectedMs: number | undefined, ms: number, computedMs: number) {
  const calls = asked.mock.callCount();
  const elapsed = clock.start(expectedMs);
  nowMs += ms;
  computedUs += 1000 * computedMs;
  return { ...elapsed(), asked: asked.mock.callCount() - calls };
}

test('a run of which nothing is foretold is timed by the processor', () => {
  for (const expected of [undefined, 0, Infinity]) {
    assert.deepEqual(timed(new RunClock(), expected, 50, 2), { runMs: 50, busyMs: 2, asked: 2 });
  }
});

test('one about as long as foretold is timed by the clock alone', () => {
  assert.deepEqual(timed(new RunClock(), 2, 2.5, 2), { runMs: 2.5, busyMs: 2.5, asked: 0 });
});

test('one much longer counts as foretold, and the next one is timed by the processor', () => {
  const clock = new RunClock();
  assert.deepEqual(timed(clock, 2, 50, 2), { runMs: 50, busyMs: 2, asked: 0 });
  assert.deepEqual(timed(clock, 2, 50, 30), { runMs: 50, busyMs: 30, asked: 2 }, 'it did compute longer');
  assert.deepEqual(timed(clock, 2, 2, 2), { runMs: 2, busyMs: 2, asked: 0 });
});

test('other threads of the process do not count beyond the clock', () => {
  assert.deepEqual(timed(new RunClock(), undefined, 3, 10), { runMs: 3, busyMs: 3, asked: 2 });
});
