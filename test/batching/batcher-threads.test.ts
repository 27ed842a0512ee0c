// The scheduler over real threads and a real graph, some of whose batches kill their worker.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Batcher } from '../../src/batching/batcher.ts';
import { ServiceError } from '../../src/core/errors.ts';
import { randomNumbers } from '../../src/proof/samples.ts';
import { WorkerPool } from '../../src/runtime/worker-pool.ts';
import type { Row } from '../../src/sequence/collate.ts';
import { headDecoder } from '../../src/sequence/heads.ts';
import type { Sequence } from '../../src/sequence/sequence.ts';
import { between, openFixture, randomSequences } from '../support/models/models.ts';
import { CRASH, CRASHING_WORKER } from '../support/runner/crash.ts';

test('every caller gets its own answer bit for bit, or is told of the crash; nobody is left waiting', async () => {
  const { signature, graphFile } = await openFixture('test/fixtures/models/external/1');
  const crashes: string[] = [];
  const pool = await WorkerPool.open({
    session: { graphFile, provider: 'cpu', intraOpThreads: 1 },
    size: 2,
    workerFile: CRASHING_WORKER,
    backoffMs: { first: 2, most: 4 },
    onEvent: event => event === 'crashed' && crashes.push(event),
  });
  const sizes: number[] = [];
  const batcher = new Batcher({
    signature,
    runner: pool,
    rules: { batchSize: 8, paddedSteps: 256, mixing: 'classes' },
    capacity: { sequences: 10_000, bytes: 1e9 },
    onBatch: ({ size }) => sizes.push(size),
  });
  const decoders = signature.heads.map(head => headDecoder(head));
  const answersOf = (rows: readonly Row[]) => rows.map(row => decoders.map(decode => decode(row)));
  const random = randomNumbers(11);
  const requests: Sequence[][] = Array.from({ length: 150 }, () => {
    const lengths = Array.from({ length: between(random, 1, 6) }, () => between(random, 1, 40));
    return randomSequences(signature, lengths, random);
  });
  for (let i = 10; i < requests.length; i += 30) (requests[i][0].parts[0]?.data as Float32Array)[0] = CRASH;

  const ends = await Promise.allSettled(requests.map(sequences => batcher.submit(sequences).rows));
  await batcher.drain();
  assert.equal(batcher.pending, 0);
  assert.ok(Math.max(...sizes) === 8 && crashes.length > 0 && crashes.length <= 5, `${crashes.length} crashes`);
  let answered = 0;
  for (const [i, end] of ends.entries()) {
    const deadly = i % 30 === 10;
    if (end.status === 'rejected') {
      assert.ok(end.reason instanceof ServiceError);
      assert.equal(end.reason.code, 'INFERENCE_FAILED');
      continue;
    }
    assert.ok(!deadly, 'a sequence that kills its worker was answered');
    answered++;
    for (const [k, sequence] of requests[i].entries()) {
      const alone = await batcher.submit([sequence]).rows;
      assert.deepEqual(answersOf(end.value)[k], answersOf(alone)[0]);
    }
  }
  assert.ok(answered > 50, `${answered} of ${requests.length} answered`);
  await batcher.drain();
  await pool.close();
});
