// Worker threads that several models share: who comes when, who moves away, and what the end of one means for the others.
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import type { Tensors } from '../../src/core/tensor.ts';
import { randomNumbers } from '../../src/proof/samples.ts';
import { RunnerLost } from '../../src/runtime/runner.ts';
import { Threads } from '../../src/runtime/threads.ts';
import { WorkerPool, type WorkerPoolOptions } from '../../src/runtime/worker-pool.ts';
import { collate } from '../../src/sequence/collate.ts';
import { openFixture, randomSequences } from '../support/models/models.ts';
import { CRASH, CRASHING_WORKER } from '../support/runner/crash.ts';
import { GATED_WORKER, Gate } from '../support/runner/gate.ts';
import { until } from '../support/runner/until.ts';

const { signature, graphFile } = await openFixture('test/fixtures/models/external/1');
const { fetches } = signature;
const session = { graphFile, provider: 'cpu', intraOpThreads: 1 } as const;
const gate = new Gate();
const pools: WorkerPool[] = [];
// The threads of one test would obey the orders of the next.
afterEach(async () => {
  await gate.order({ type: 'pass' }, 0); // a run that a failed test still holds would hold up the end
  await Promise.all(pools.splice(0).map(pool => pool.close()));
});

async function open(threads: Threads, options: Partial<WorkerPoolOptions> = {}): Promise<WorkerPool> {
  const pool = await WorkerPool.open({ session, size: 1, threads, backoffMs: { first: 5, most: 20 }, ...options });
  pools.push(pool);
  return pool;
}

/** Feeds of so many sequences, by which the gate tells runs apart. */
function good(size: number): Tensors {
  const lengths = Array.from({ length: size }, (_, i) => 3 + i);
  return collate(signature, randomSequences(signature, lengths, randomNumbers(size)));
}

/** As a batcher does: runs so many batches of a size, each as soon as the pool takes it. */
function drive(pool: WorkerPool, size: number, times: number): Promise<void> {
  let left = times;
  return new Promise((resolve, reject) => {
    const next = () => {
      if (left === 0) resolve();
      else if (pool.idle > 0) {
        left--;
        pool.run(good(size), fetches).then(next, reject);
      } else pool.wanted();
    };
    pool.onFree = next;
    next();
  });
}

test('small models live in one thread and answer as in threads of their own, bit for bit', async () => {
  const threads = new Threads(4);
  const together = [await open(threads), await open(threads), await open(threads)];
  const alone = await WorkerPool.open({ session, size: 1 });
  assert.equal(threads.size, 1);
  for (const pool of together) {
    assert.deepEqual((await pool.run(good(3), fetches)).outputs, (await alone.run(good(3), fetches)).outputs);
  }
  await alone.close();
});

test('the sessions of one model are in different threads, and one that shall be alone has its own', async () => {
  const threads = new Threads(2);
  await open(threads, { size: 2 });
  await open(threads, { size: 2 });
  assert.equal(threads.size, 2);
  await open(threads, { size: 3 }); // more than may be shared, but no run of it shall wait for another
  assert.equal(threads.size, 3);
  const alone = await open(threads, { alone: true });
  assert.equal(threads.size, 4);
  await open(threads);
  assert.equal(threads.size, 4);
  await alone.close();
  assert.equal(threads.size, 3);
});

test('who shares a thread comes in turn, however much there is of the others', async () => {
  const threads = new Threads(1, GATED_WORKER);
  const [a, b] = [await open(threads), await open(threads)];
  await gate.order({ type: 'hold' });
  const ends = [drive(a, 1, 5)];
  await gate.started(1);
  ends.push(drive(b, 2, 3));
  const { runs } = gate;
  await gate.order({ type: 'pass' });
  await Promise.all(ends);
  await until('all are told', () => gate.runs.length === 7);
  assert.deepEqual([...runs, ...gate.runs], [1, 2, 1, 2, 1, 2, 1, 1]);
});

test('who has nothing to run any more lets the next one go', async () => {
  const threads = new Threads(1, GATED_WORKER);
  const [a, b, c] = [await open(threads), await open(threads), await open(threads)];
  await gate.order({ type: 'hold' });
  const first = a.run(good(1), fetches);
  await gate.started(1);
  b.wanted(); // and its callers leave
  const last = drive(c, 3, 1);
  await gate.order({ type: 'pass' });
  await Promise.all([first, last]);
  assert.equal((await b.run(good(2), fetches)).outputs.size.dims[0], 2);
});

test('a run that holds a thread holds up no other model: its seat moves, and the old session is closed later', async () => {
  const threads = new Threads(2, GATED_WORKER);
  let admitted = 0;
  const admit = async () => {
    admitted++;
  };
  const [a, b] = [await open(threads), await open(threads, { admit })];
  await gate.order({ type: 'hold' });
  const held = a.run(good(1), fetches);
  await gate.started(1);
  assert.deepEqual([threads.size, b.alive, b.idle, b.ahead], [1, 1, 0, 0]);
  await drive(b, 2, 2); // answered while the other still runs
  assert.deepEqual([threads.size, admitted], [2, 2]);
  await gate.order({ type: 'pass' }, 2);
  await held;
  await b.close();
  await until('its threads are gone', () => threads.size === 1);
  assert.equal((await a.run(good(4), fetches)).outputs.size.dims[0], 4);
});

test('a seat whose session cannot be opened elsewhere stays where it is', async () => {
  const threads = new Threads(2, GATED_WORKER);
  let tries = 0;
  const admit = async () => {
    if (++tries > 1) throw new Error('the weights have changed');
  };
  const [a, b] = [await open(threads), await open(threads, { admit })];
  await gate.order({ type: 'hold' });
  const held = a.run(good(1), fetches);
  await gate.started(1);
  const answered = drive(b, 2, 1);
  await until('it has tried', () => tries > 1);
  await gate.order({ type: 'pass' });
  await Promise.all([held, answered]);
  assert.equal(b.alive, 1);
});

test('where no thread is left to move to, a model waits for its turn', async () => {
  const threads = new Threads(1, GATED_WORKER);
  const [a, b] = [await open(threads), await open(threads)];
  await gate.order({ type: 'hold' });
  const held = a.run(good(1), fetches);
  await gate.started(1);
  const answered = drive(b, 2, 1);
  await gate.order({ type: 'pass' });
  await Promise.all([held, answered]);
  assert.equal(threads.size, 1);
});

test('a thread that ends fails the run in it alone; the others come back without a word and go on', async () => {
  const events: string[] = [];
  const told = (name: string) => (event: string) => events.push(`${name} ${event}`);
  const threads = new Threads(4, CRASHING_WORKER);
  const a = await open(threads, { onEvent: told('a') });
  const b = await open(threads, { onEvent: told('b') });
  const deadly = good(1);
  (deadly.x.data as Float32Array)[4] = CRASH;
  const dead = a.run(deadly, fetches);
  const answered = drive(b, 2, 3);
  await assert.rejects(dead, error => error instanceof RunnerLost && error.started);
  await answered;
  await until('both are back', () => a.alive + b.alive === 2 && events.length === 2);
  assert.deepEqual(events, ['a crashed', 'a returned']);
  for (const pool of [a, b]) assert.equal((await pool.run(good(3), fetches)).outputs.size.dims[0], 3);
});

test('a seat whose thread ends while it moves has one session afterwards, the one it moved to', async () => {
  const threads = new Threads(2, GATED_WORKER);
  const a = await open(threads);
  let lost: Promise<void> | undefined;
  let times = 0;
  const admit = async () => {
    if (++times !== 2) return;
    await gate.order({ type: 'crash' }, 2); // the new session is open, and only now the old one's thread ends
    await lost;
    await gate.order({ type: 'pass' }, threads.size);
  };
  const b = await open(threads, { admit });
  await gate.order({ type: 'hold' });
  lost = assert.rejects(a.run(good(1), fetches));
  await gate.started(1);
  await drive(b, 2, 1);
  await until('both are back', () => a.alive + b.alive === 2);
  assert.equal(times, 2);
  await Promise.all([a.close(), b.close()]);
  assert.equal(threads.size, 0);
});

test('a graph that the runtime refuses leaves the others in their thread', async () => {
  const threads = new Threads(1);
  const a = await open(threads);
  await assert.rejects(open(threads, { session: { ...session, graphFile: 'no/such.onnx' } }), /^LoadError/);
  assert.equal((await a.run(good(2), fetches)).outputs.size.dims[0], 2);
  await a.close();
  assert.equal(threads.size, 0);
});

test('closing waits for its own runs and for no other model’s; the last one ends the thread', async () => {
  const threads = new Threads(1, GATED_WORKER);
  const [a, b] = [await open(threads), await open(threads)];
  await gate.order({ type: 'hold' });
  const held = a.run(good(1), fetches);
  await gate.started(1);
  await b.close();
  assert.equal(threads.size, 1);
  await gate.order({ type: 'pass' });
  await held;
  await a.close();
  assert.equal(threads.size, 0);
});
