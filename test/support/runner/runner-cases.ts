// What every Runner does, as one table of cases; the same table runs over the fake and over real threads.
import assert from 'node:assert/strict';
import type { Tensors } from '../../../src/core/tensor.ts';
import { type Runner, RunnerLost } from '../../../src/runtime/runner.ts';
import { until } from './until.ts';

/** A runner of so many workers, with the feeds that make it do what a case asks for. */
export interface RunnerUnderTest {
  readonly runner: Runner;
  /** Feeds of so many sequences that succeed. */
  good(size?: number): Tensors;
  /** Feeds that the graph refuses. */
  bad(): Tensors;
  /** Feeds that kill their worker. */
  deadly(): Tensors;
  readonly fetches: readonly string[];
}

export interface RunnerCase {
  readonly name: string;
  readonly workers: number;
  check(subject: RunnerUnderTest): Promise<void>;
}

export const RUNNER_CASES: readonly RunnerCase[] = [
  {
    name: 'answers what was fetched, one row for every sequence',
    workers: 1,
    async check({ runner, good, fetches }) {
      for (const size of [1, 3]) {
        const { outputs, runMs } = await runner.run(good(size), fetches);
        assert.deepEqual(Object.keys(outputs).sort(), [...fetches].sort());
        for (const name of fetches) assert.equal(outputs[name].dims[0], size);
        assert.ok(runMs >= 0);
      }
      const [only] = fetches;
      assert.deepEqual(Object.keys((await runner.run(good(), [only])).outputs), [only]);
    },
  },
  {
    name: 'leaves the feeds to the caller, who may change them at once',
    workers: 1,
    async check({ runner, good, fetches }) {
      const feeds = good(2);
      const first = await runner.run(feeds, fetches);
      const again = runner.run(feeds, fetches);
      (feeds.x.data as Float32Array).fill(0);
      assert.deepEqual((await again).outputs, first.outputs);
      assert.notDeepEqual((await runner.run(feeds, fetches)).outputs, first.outputs);
    },
  },
  {
    name: 'counts what is idle and what may be handed ahead',
    workers: 2,
    async check({ runner, good, fetches }) {
      const counts: [number, number][] = [[runner.idle, runner.ahead]];
      const runs: Promise<unknown>[] = [];
      for (let i = 0; i < 4; i++) {
        runs.push(runner.run(good(), fetches));
        counts.push([runner.idle, runner.ahead]);
      }
      assert.deepEqual(counts, [
        [2, 0],
        [1, 1],
        [0, 2],
        [0, 1],
        [0, 0],
      ]);
      await Promise.all(runs);
      assert.deepEqual([runner.idle, runner.ahead], [2, 0]);
    },
  },
  {
    name: 'refuses a batch that nobody is free to take, which then has not started',
    workers: 1,
    async check({ runner, good, fetches }) {
      const runs = [runner.run(good(), fetches), runner.run(good(), fetches)];
      await assert.rejects(runner.run(good(), fetches), error => error instanceof RunnerLost && !error.started);
      await Promise.all(runs);
    },
  },
  {
    name: 'answers the batches of a worker in the order given',
    workers: 1,
    async check({ runner, good, fetches }) {
      const order: number[] = [];
      const runs = [0, 1].map(i => runner.run(good(i + 1), fetches).then(() => order.push(i)));
      await Promise.all(runs);
      assert.deepEqual(order, [0, 1]);
    },
  },
  {
    name: 'fails a run that the graph refuses, and goes on',
    workers: 1,
    async check({ runner, good, bad, fetches }) {
      const refused = runner.run(bad(), fetches);
      const next = runner.run(good(2), fetches);
      await assert.rejects(refused, error => error instanceof Error && !(error instanceof RunnerLost));
      assert.equal((await next).outputs[fetches[0]].dims[0], 2);
      assert.equal(runner.idle, 1);
    },
  },
  {
    name: 'loses with a worker the batch it ran and the one that waited, then comes back and says so',
    workers: 1,
    async check({ runner, good, deadly, fetches }) {
      let freed = 0;
      runner.onFree = () => freed++;
      const [first, second] = await Promise.allSettled([runner.run(deadly(), fetches), runner.run(good(), fetches)]);
      for (const [lost, started] of [
        [first, true],
        [second, false],
      ] as const) {
        assert.ok(lost.status === 'rejected' && lost.reason instanceof RunnerLost);
        assert.equal(lost.reason.started, started);
      }
      assert.deepEqual([runner.idle, runner.ahead, freed], [0, 0, 0]);
      await until('the worker comes back', () => freed > 0);
      assert.equal(runner.idle, 1);
      assert.equal((await runner.run(good(3), fetches)).outputs[fetches[0]].dims[0], 3);
    },
  },
  {
    name: 'keeps the other workers running when one dies',
    workers: 2,
    async check({ runner, good, deadly, fetches }) {
      const lost = runner.run(deadly(), fetches);
      const kept = runner.run(good(2), fetches);
      await assert.rejects(lost, error => error instanceof RunnerLost && error.started);
      assert.equal((await kept).outputs[fetches[0]].dims[0], 2);
      assert.ok(runner.idle >= 1);
      assert.equal((await runner.run(good(), fetches)).outputs[fetches[0]].dims[0], 1);
    },
  },
  {
    name: 'close waits for what runs and for what waits behind it',
    workers: 2,
    async check({ runner, good, fetches }) {
      const settled: string[] = [];
      const runs = [1, 2, 3, 4].map(size => runner.run(good(size), fetches).then(() => settled.push('run')));
      await runner.close().then(() => settled.push('closed'));
      await Promise.all(runs);
      assert.deepEqual(settled, ['run', 'run', 'run', 'run', 'closed']);
      await assert.rejects(runner.run(good(), fetches), error => error instanceof RunnerLost && !error.started);
    },
  },
];
