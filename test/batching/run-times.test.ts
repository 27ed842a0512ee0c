// How long a run is foretold to take: what was measured, what follows for other sizes, and how it is corrected.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RunTimes } from '../../src/batching/run-times.ts';
import { randomNumbers } from '../../src/proof/samples.ts';
import { between } from '../support/models/models.ts';

function timesOf(...runs: readonly [rows: number, steps: number, ms: number][]): RunTimes {
  const times = new RunTimes();
  for (const run of runs) times.observe(...run);
  return times;
}

test('nothing known is no short run', () => {
  assert.equal(new RunTimes().predict(1, 1), Infinity);
});

test('a size that never ran costs no more than a known one in proportion, and a smaller one no more than a larger', () => {
  const cases: [runs: [number, number, number][], size: [number, number], expected: number][] = [
    [[[4, 8, 2]], [4, 8], 2],
    [[[4, 8, 2]], [16, 8], 8],
    [[[4, 8, 2]], [4, 32], 8],
    [[[4, 8, 2]], [16, 32], 32],
    [[[4, 8, 2]], [1, 1], 2],
    [[[4, 8, 2]], [3, 8], 1.5],
    [
      [
        [4, 8, 2],
        [1, 8, 1],
      ],
      [32, 8],
      16,
    ],
    [
      [
        [4, 8, 2],
        [16, 8, 3],
      ],
      [32, 8],
      6,
    ],
    [[[5, 8, 2]], [8, 8], 3.2],
  ];
  for (const [runs, [rows, steps], expected] of cases) {
    assert.equal(timesOf(...runs).predict(rows, steps), expected, JSON.stringify([runs, rows, steps]));
  }
});

test('what a size was measured to take goes before what smaller ones make of it', () => {
  const times = timesOf([1, 8, 1], [1, 64, 60]); // attention: eight times the steps, sixty times the time
  assert.equal(times.predict(1, 64), 60);
  assert.ok(times.predict(1, 128) <= 120);
});

test('one slow run hardly moves it, one fast run does, and it follows a change that stays', () => {
  const times = timesOf([8, 8, 1]);
  times.observe(8, 8, 20);
  assert.ok(times.predict(8, 8) < 2.1, `${times.predict(8, 8)}`);
  times.observe(8, 8, 1);
  assert.ok(times.predict(8, 8) < 1.6);
  for (let i = 0; i < 200; i++) times.observe(8, 8, 5);
  assert.ok(Math.abs(times.predict(8, 8) - 5) < 0.1);
});

test('of a machine whose runs cost what rows and steps make of them, no run is foretold at half or at twice its time', () => {
  const cost = (rows: number, steps: number) => 0.05 + 0.001 * steps + 0.0015 * rows * steps;
  const random = randomNumbers(4);
  const times = new RunTimes();
  for (const steps of [1, 8, 32, 128]) {
    for (let rows = 1; rows <= 64; rows *= 2) times.observe(rows, steps, cost(rows, steps));
  }
  for (let i = 0; i < 2000; i++) {
    const [rows, steps] = [between(random, 1, 64), between(random, 1, 128)];
    const ratio = times.predict(rows, steps) / cost(rows, steps);
    if (i > 500) assert.ok(ratio > 0.5 && ratio < 2, `${rows} x ${steps}: ${ratio}`);
    times.observe(rows, steps, cost(rows, steps));
  }
});
