// What a run holds is foretold from the runs before it: none is put together that would hold more than it may.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { RunBytes } from '../../src/batching/run-bytes.ts';
import type { Tensors } from '../../src/core/tensor.ts';
import { clientOf } from '../support/client/client.ts';
import { problemOf } from '../support/client/contract.ts';
import { numericSignature } from '../support/models/models.ts';
import { numbered, numbersOf, SIGNATURE, sequenceOf, valuesOf } from '../support/models/numbered.ts';
import { onnxFile } from '../support/models/onnx-writer.ts';
import { temporaryFolder } from '../support/models/served-copies.ts';
import { sizes, start, turn } from '../support/runner/batcher.ts';
import type { FakeRunner } from '../support/runner/fake-runner.ts';
import { startApp } from '../support/server/service.ts';

const MIB = 1024 * 1024;

/** x [rows, steps, 1] in; so many bytes of every row out, beside what is fed: 4 for a step and 8 for its length. */
function outputsOf({ x }: Tensors, bytes: number): Tensors {
  const [rows] = x.dims;
  const data = new Float32Array((rows * bytes) / 4);
  for (const [row, n] of numbersOf({ x }).entries()) data.fill(n, (row * bytes) / 4, ((row + 1) * bytes) / 4);
  return { y: { dtype: 'float32', dims: [rows, bytes / 4], data } };
}

/** Ends runs until there are none; each row answers so many bytes. */
async function finishAll(runner: FakeRunner, bytes: number): Promise<void> {
  for (await turn(); runner.running.length > 0; await turn()) {
    runner.finish(0, outputsOf(runner.running[0].feeds, bytes));
  }
}

const rules = { batchSize: 8, paddedSteps: 1000, mixing: 'classes' } as const;

test('sequences that together would hold more than a run may are split into runs that do not', async () => {
  const bytes = new RunBytes(SIGNATURE, 2500);
  const { runner, batcher } = start({ rules: { ...rules, bytes } });
  const first = batcher.submit(numbered(10));
  await finishAll(runner, 400); // a row of ten steps holds 400 + 4 x 10 + 8
  assert.deepEqual(bytes.rate(''), { row: 408, step: 4 });
  assert.deepEqual(valuesOf(await first.rows), [10]);
  const submission = batcher.submit(new Array(12).fill(sequenceOf(10, 7)));
  await finishAll(runner, 400);
  assert.deepEqual(sizes(runner), [1, 5, 5, 2]); // five hold 2240
  assert.deepEqual(valuesOf(await submission.rows), new Array(12).fill(7));
  // Longer ones hold more, and as many fewer share a run.
  const longer = batcher.submit(new Array(4).fill(sequenceOf(100, 3)));
  await finishAll(runner, 400);
  assert.deepEqual(sizes(runner).slice(4), [3, 1]); // three hold 2424
  assert.equal((await longer.rows).length, 4);
});

test('a batch that holds all it may counts as full, so that a busy worker takes it ahead', async () => {
  const bytes = new RunBytes(SIGNATURE, 1000);
  const { runner, batcher } = start({ rules: { ...rules, bytes } });
  batcher.submit(numbered(10));
  await finishAll(runner, 400);
  batcher.submit(new Array(4).fill(sequenceOf(10, 7)));
  await turn();
  assert.deepEqual([runner.running.length, runner.waiting.length], [1, 1]);
  assert.deepEqual(sizes(runner), [1, 2, 2]);
  await finishAll(runner, 400);
});

test('what a run holds is learnt by its side values; those not seen yet are taken for the most of any', () => {
  const bytes = new RunBytes(numericSignature([{ name: 'u' }]), 1000);
  const feeds = (rows: number, steps: number): Tensors => ({
    x: { dtype: 'float32', dims: [rows, steps, 1], data: new Float32Array(rows * steps) },
    lengths: { dtype: 'int64', dims: [rows], data: new BigInt64Array(rows) },
  });
  const sequence = (batchKey: string, length: number) => ({ ...sequenceOf(length, 1), batchKey });
  assert.deepEqual(bytes.rate('few'), { row: 0, step: 0 });
  assert.ok(bytes.fits(sequence('few', 1e9))); // nothing is known
  const see = (key: string, rows: number, each: number) => {
    const fed = feeds(rows, 5);
    bytes.observe(key, fed, outputsOf(fed, each));
  };
  see('few', 4, 40);
  see('many', 2, 4000);
  assert.deepEqual(bytes.rate('few'), { row: 48, step: 4 });
  assert.deepEqual(bytes.rate('many'), { row: 4008, step: 4 });
  assert.deepEqual(bytes.rate('other'), { row: 4008, step: 4 });
  assert.ok(bytes.fits(sequence('few', 5)));
  assert.ok(bytes.fits(sequence('few', 238)));
  assert.ok(!bytes.fits(sequence('few', 239))); // 48 + 4 x 239
  assert.ok(!bytes.fits(sequence('many', 1)));
  assert.ok(bytes.fits(sequence('other', 1)), 'it may well hold less');
  // How much is answered may depend on values: what was seen to be less is not refused.
  see('many', 1, 8);
  assert.ok(bytes.fits(sequence('many', 1)));
  assert.deepEqual(bytes.rate('many'), { row: 4008, step: 4 }, 'it may be more again');
  for (let i = 0; i < 300; i++) see(`caller ${i}`, 1, 8);
  assert.deepEqual(bytes.rate('few'), { row: 4008, step: 4 }, 'what was not met for long is forgotten');
});

const WIDE = 300_000;
/** x [batch, 1] in, y [batch, 300000] out, each its x: 1.2 MB a row. */
const GRAPH = onnxFile({
  inputs: [{ name: 'x', type: 1, dims: ['batch', 1] }],
  outputs: [{ name: 'y', type: 1, dims: ['batch', WIDE] }],
  initializers: [
    { name: 'ones', type: 7, dims: [2], raw: new Uint8Array(BigInt64Array.from([1n, BigInt(WIDE)]).buffer) },
  ],
  nodes: [{ op: 'Tile', inputs: ['x', 'ones'], outputs: ['y'] }],
});

test('a graph whose rows are wide runs few of them together, and a row that may not run alone is a 413 with its place', async t => {
  const repository = temporaryFolder();
  const folder = path.join(repository, 'wide/1');
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, 'model.onnx'), GRAPH);
  const input = { name: 'x', tensor: 'x', kind: 'tensor', timeAxis: null };
  const heads = [{ name: 'y', tensor: 'y', kind: 'tensor', per: 'sequence' }];
  const manifest = { formatVersion: 1, graph: { file: 'model.onnx' }, inputs: [input], heads };
  writeFileSync(path.join(folder, 'manifest.json'), JSON.stringify(manifest));
  const sequences = Array.from({ length: 6 }, (_, i) => [i / 8]);
  for (const [mostBytes, rows] of [
    [4 * MIB, 3],
    [MIB, 0],
  ]) {
    const app = await startApp({ POLYHEAD_MODEL_REPOSITORY: repository, POLYHEAD_RUN_BYTES: String(mostBytes) });
    t.after(() => app.close());
    const call = await clientOf(app);
    const reply = await call('/v1/models/wide/predict', { body: { sequences } });
    if (rows === 0) {
      const { detail } = problemOf(reply, 413, 'ANSWER_TOO_LARGE');
      assert.match(detail, /^sequence 0 alone would take more than the 1048576 bytes of inputs and outputs/);
      continue;
    }
    assert.equal(reply.status, 200, reply.text.slice(0, 500));
    const { predictions } = JSON.parse(reply.text);
    predictions.forEach(({ heads: { y } }: { heads: { y: { values: number[] } } }, i: number) => {
      assert.deepEqual([y.values.length, y.values[0], y.values[WIDE - 1]], [WIDE, i / 8, i / 8]);
    });
    const batch = Number(reply.headers['x-batch-size']);
    assert.ok(batch >= 1 && batch <= rows, `${JSON.stringify(reply.headers)}`);
  }
});
