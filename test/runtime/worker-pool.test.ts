// The pool over real threads and real sessions, and the one table of what every Runner does over it and over the fake.
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { LoadError } from '../../src/core/errors.ts';
import type { Tensors } from '../../src/core/tensor.ts';
import { randomNumbers } from '../../src/proof/samples.ts';
import { RunnerLost } from '../../src/runtime/runner.ts';
import { WorkerPool, type WorkerPoolOptions } from '../../src/runtime/worker-pool.ts';
import { collate } from '../../src/sequence/collate.ts';
import { openFixture, randomSequences } from '../support/models/models.ts';
import { refusalOf } from '../support/models/refusal.ts';
import { CRASH, CRASHING_WORKER } from '../support/runner/crash.ts';
import { FakeRunner } from '../support/runner/fake-runner.ts';
import { GATED_WORKER, Gate } from '../support/runner/gate.ts';
import { RUNNER_CASES, type RunnerUnderTest } from '../support/runner/runner-cases.ts';
import { until } from '../support/runner/until.ts';
import { ROOT } from '../support/server/service.ts';

const { signature, graphFile } = await openFixture('test/fixtures/models/external/1');
const fetches = signature.fetches;
const gate = new Gate();
const pools: WorkerPool[] = [];
after(async () => {
  await gate.order({ type: 'pass' }, 0); // a run that a failed test still holds would hold up the end
  await Promise.all(pools.map(pool => pool.close()));
});
const session = { graphFile, provider: 'cpu', intraOpThreads: 1 } as const;

async function open(size: number, options: Partial<WorkerPoolOptions> = {}): Promise<WorkerPool> {
  const pool = await WorkerPool.open({ session, size, backoffMs: { first: 5, most: 20 }, ...options });
  pools.push(pool);
  return pool;
}

function good(size = 1): Tensors {
  const lengths = Array.from({ length: size }, (_, i) => 3 + i);
  return collate(signature, randomSequences(signature, lengths, randomNumbers(size)));
}

function bad(): Tensors {
  return { ...good(), x: { dtype: 'float32', dims: [1, 3, 5], data: new Float32Array(15) } };
}

function deadly(): Tensors {
  const feeds = good();
  (feeds.x.data as Float32Array)[4] = CRASH;
  return feeds;
}

/** What a graph might answer, computed from the feeds. */
function judged({ x }: Tensors): Tensors {
  const data = x.data as Float32Array;
  const sum = data.reduce((total, value) => total + value, 0);
  const size = x.dims[0];
  const color = { dtype: 'float32', dims: [size, 4], data: new Float32Array(size * 4).fill(sum) } as const;
  return { color, size: { dtype: 'float32', dims: [size, 1], data: new Float32Array(size).fill(sum) } };
}

function fakeOf(workers: number): RunnerUnderTest {
  const runner = new FakeRunner(workers);
  runner.autoplay(run => {
    if ((run.feeds.x.data as Float32Array).includes(CRASH)) return 'crash';
    if (run.feeds.x.dims[2] !== 3) return { error: new Error('wrong dimensions') };
    const all = judged(run.feeds);
    return { outputs: Object.fromEntries(run.fetches.map(name => [name, all[name]])) };
  });
  return { runner, good, bad, deadly, fetches };
}

async function realOf(workers: number): Promise<RunnerUnderTest> {
  return { runner: await open(workers, { workerFile: CRASHING_WORKER }), good, bad, deadly, fetches };
}

for (const [kind, make] of Object.entries({ 'the fake runner': fakeOf, 'the worker pool': realOf })) {
  describe(kind, () => {
    for (const { name, workers, check } of RUNNER_CASES) {
      test(name, async () => {
        const subject = await make(workers);
        await check(subject);
        await subject.runner.close();
      });
    }
  });
}

test('batches run on several workers at the same time', async () => {
  const pool = await open(3, { workerFile: GATED_WORKER });
  await gate.order({ type: 'hold' }, 3);
  const runs = [1, 2, 3].map(size => pool.run(good(size), fetches));
  await gate.started(3);
  assert.deepEqual([pool.idle, pool.ahead, pool.alive], [0, 3, 3]);
  assert.deepEqual([...gate.runs].sort(), [1, 2, 3]);
  await gate.order({ type: 'pass' }, 3);
  const answered = await Promise.all(runs);
  assert.deepEqual(
    answered.map(({ outputs }) => outputs.size.dims[0]),
    [1, 2, 3],
  );
  await pool.close();
});

test('every worker gives the same bits for the same feeds', async () => {
  const pool = await open(3);
  const runs = await Promise.all(Array.from({ length: 3 }, () => pool.run(good(5), fetches)));
  for (const { outputs } of runs) assert.deepEqual(outputs, runs[0].outputs);
});

test('a batch waits in the mailbox of a busy worker and starts when that is done', async () => {
  const pool = await open(1, { workerFile: GATED_WORKER });
  await gate.order({ type: 'hold' });
  const runs = [pool.run(good(1), fetches), pool.run(good(2), fetches)];
  await gate.started(1);
  assert.deepEqual([gate.runs, pool.idle, pool.ahead], [[1], 0, 0]);
  await gate.order({ type: 'pass' });
  await Promise.all(runs);
  await gate.started(1); // the gate tells of a run by another way than the run's answer takes
  assert.deepEqual(gate.runs, [2]);
  await pool.close();
});

test('close waits for the running batch, and nothing is left alive', async () => {
  const pool = await open(2, { workerFile: GATED_WORKER });
  await gate.order({ type: 'hold' }, 2);
  const run = pool.run(good(2), fetches);
  await gate.started(1);
  let closed = 0;
  const closes = [pool.close(), pool.close()].map(close => close.then(() => closed++));
  await gate.order({ type: 'hold' }, 2);
  assert.equal(closed, 0);
  await gate.order({ type: 'pass' }, 2);
  assert.equal((await run).outputs.size.dims[0], 2);
  await Promise.all(closes);
  assert.equal(pool.alive, 0);
  await pool.close();
});

test('crashes are told, each return waits twice as long up to the most, and an answered run starts over', async () => {
  const events: string[] = [];
  const pool = await open(1, {
    workerFile: CRASHING_WORKER,
    backoffMs: { first: 4, most: 10 },
    onEvent: (event, detail) => events.push(`${event} ${detail}`),
  });
  const crash = async () => {
    await assert.rejects(pool.run(deadly(), fetches), error => error instanceof RunnerLost && error.started);
    assert.deepEqual([pool.alive, pool.idle, pool.ahead], [0, 0, 0]);
    await until('the worker is back', () => pool.alive === 1);
  };
  for (let i = 0; i < 3; i++) await crash();
  await pool.run(good(), fetches);
  await crash();
  const gone = 'crashed the worker thread ended';
  const expected = [4, 8, 10, 4].flatMap(ms => [gone, `returned after ${ms} ms`]);
  await until('all is told', () => events.length === expected.length);
  assert.deepEqual(events, expected);
});

test('a worker that dies while others live leaves the pool able to run', async () => {
  const pool = await open(2, { workerFile: CRASHING_WORKER, backoffMs: { first: 60_000, most: 60_000 } });
  await assert.rejects(pool.run(deadly(), fetches), RunnerLost);
  assert.deepEqual([pool.alive, pool.idle], [1, 1]);
  assert.equal((await pool.run(good(4), fetches)).outputs.size.dims[0], 4);
  await pool.close();
  assert.equal(pool.alive, 0);
});

test('feeds that cannot cross do not hold a worker', async () => {
  const pool = await open(1);
  const detached = good();
  const { buffer } = detached.x.data as Float32Array<ArrayBuffer>;
  structuredClone(buffer, { transfer: [buffer] });
  await assert.rejects(pool.run(detached, fetches));
  assert.equal(pool.idle, 1);
  assert.equal((await pool.run(good(2), fetches)).outputs.size.dims[0], 2);
});

test('a graph that the runtime refuses is a LoadError of one line, and no thread stays behind', async () => {
  const session = { provider: 'cpu', intraOpThreads: 1 } as const;
  const before = process.getActiveResourcesInfo().filter(kind => kind === 'MessagePort').length;
  for (const name of ['unknown-op', 'not-onnx', 'truncated', 'empty']) {
    const file = `${ROOT}test/fixtures/broken/${name}/1/model.onnx`;
    const text = await refusalOf(WorkerPool.open({ session: { ...session, graphFile: file }, size: 2 }));
    assert.match(text, /^the runtime refuses the graph: (?!Load model)/, name);
  }
  const gone = await refusalOf(WorkerPool.open({ session: { ...session, graphFile: 'no/such.onnx' }, size: 1 }));
  assert.match(gone, /^the runtime refuses the graph: .*such\.onnx failed.*$/);
  const now = () => process.getActiveResourcesInfo().filter(kind => kind === 'MessagePort').length;
  await until('the threads are gone', () => now() <= before);
});

test('a worker file that does not even start is a LoadError too', async () => {
  const session = { provider: 'cpu', intraOpThreads: 1, graphFile } as const;
  const workerFile = new URL('./no-such-worker.js', import.meta.url);
  await assert.rejects(WorkerPool.open({ session, size: 2, workerFile }), LoadError);
});
