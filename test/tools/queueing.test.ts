// The simulation of a replica against closed formulas: Pollaczek and Khinchine's for one server, and limits of a batch server.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { capacity, simulate } from '../../tools/queueing.ts';

const near = (actual: number, wanted: number, share: number) =>
  assert.ok(Math.abs(actual - wanted) <= share * wanted, `${actual}, expected ${wanted}`);

/** Mean time in a queue with one server of fixed time: s + ρ s / (2 (1 - ρ)). */
function mD1(serviceUs: number, perSecond: number): number {
  const load = (serviceUs * perSecond) / 1e6;
  return (serviceUs + (load * serviceUs) / (2 * (1 - load))) / 1000;
}

it('one server waits as Pollaczek and Khinchine say, whichever of the two it is', () => {
  for (const load of [0.2, 0.5, 0.8]) {
    const perSecond = load * 10_000;
    const http = simulate({ httpUs: 100, runUs: 0, rowUs: 0, mostRows: 64 }, perSecond, 500_000);
    near(http.meanMs, mD1(100, perSecond), 0.02);
    const run = simulate({ httpUs: 0, runUs: 100, rowUs: 0, mostRows: 1 }, perSecond, 500_000);
    near(run.meanMs, mD1(100, perSecond), 0.02);
  }
});

it('a worker that takes all that waits is never behind for long: batches grow with the load', () => {
  const replica = { httpUs: 1, runUs: 1000, rowUs: 1, mostRows: 1_000_000 };
  const { meanRows, p99Ms } = simulate(replica, 50_000);
  near(meanRows, (50_000 * 1050) / 1e6, 0.05); // what arrives while one runs: n = λ (1000 + n) µs
  assert.ok(p99Ms < 2.3, `${p99Ms}`); // the rest of one run, and a whole one
  const alone = simulate(replica, 1);
  near(alone.meanMs, 1.002, 0.01);
});

it('capacity is where the bound is met', () => {
  const replica = { httpUs: 100, runUs: 200, rowUs: 5, mostRows: 64 };
  const most = capacity(replica, 5);
  assert.ok(simulate(replica, most, 100_000).p99Ms <= 5);
  assert.ok(simulate(replica, 1.03 * most, 100_000).p99Ms > 5);
});
