// The runner on its caller's thread over a real session: one run at a time, and an orderly end.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomNumbers } from '../../src/proof/samples.ts';
import { InlineRunner } from '../../src/runtime/inline-runner.ts';
import { WorkerPool } from '../../src/runtime/worker-pool.ts';
import { collate } from '../../src/sequence/collate.ts';
import { openFixture, randomSequences } from '../support/models/models.ts';

const { signature, graphFile } = await openFixture('test/fixtures/models/external/1');
const session = { graphFile, provider: 'cpu', intraOpThreads: 1 } as const;
const feeds = collate(signature, randomSequences(signature, [3, 4, 5], randomNumbers(3)));
const wrong = { ...feeds, x: { dtype: 'float32', dims: [1, 3, 5], data: new Float32Array(15) } } as const;

test('answers bit for bit what a worker answers', async () => {
  const pool = await WorkerPool.open({ session, size: 1 });
  const inline = await InlineRunner.open(session);
  const runs = [await pool.run(feeds, signature.fetches), await inline.run(feeds, signature.fetches)];
  assert.deepEqual(runs[1].outputs, runs[0].outputs);
  for (const { runMs, busyMs } of runs) assert.ok(busyMs !== undefined && busyMs >= 0 && busyMs <= runMs && runMs > 0);
  await Promise.all([pool.close(), inline.close()]);
});

test('one run at a time; a run that fails leaves it free, and closing waits for the one in progress', async () => {
  const inline = await InlineRunner.open(session);
  assert.deepEqual([inline.idle, inline.ahead], [1, 0]);
  const running = inline.run(feeds, signature.fetches);
  assert.equal(inline.idle, 0);
  await assert.rejects(inline.run(feeds, signature.fetches), /runs a batch already/);
  await running;
  await assert.rejects(inline.run(wrong, signature.fetches));
  assert.equal(inline.idle, 1);
  const last = inline.run(feeds, signature.fetches);
  const closed = inline.close();
  assert.equal(inline.idle, 0);
  assert.equal((await last).outputs.color.dims[0], 3);
  await closed;
  await inline.close();
});
