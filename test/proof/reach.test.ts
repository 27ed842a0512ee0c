// How long sequences may be of a graph without a manifest: by what runs take, told by a scale of the test's own, and by
// this process's memory for a graph with attention.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it, test } from 'node:test';
import { heldTo, reachOf } from '../../src/proof/reach.ts';
import type { Run } from '../../src/runtime/runner.ts';
import { clientAt, listen } from '../support/client/client.ts';
import { problemOf } from '../support/client/contract.ts';
import { manifestOf, numericSignature } from '../support/models/models.ts';
import { onnxFile } from '../support/models/onnx-writer.ts';
import { temporaryFolder } from '../support/models/served-copies.ts';
import { startApp } from '../support/server/service.ts';

const MIB = 1024 * 1024;
const MOST = 65_536;
const signature = numericSignature([{ name: 'u' }], { minimum: 1, maximum: MOST });

/** What comes of a graph that takes so many bytes for so many steps, and which steps were run. */
async function reach(bytesOf: (steps: number) => number, takes: (steps: number) => boolean = () => true) {
  const tried: number[] = [];
  let held = 0;
  const run: Run = async ({ x }) => {
    const [, steps] = x.dims;
    tried.push(steps);
    if (!takes(steps)) throw new Error('no');
    held = Math.max(held, bytesOf(steps)); // as an arena: what was taken once is kept
    return {};
  };
  const found = await reachOf(signature, run, { most: MOST, mostBytes: 1024 * MIB }, () => 50 * MIB + held);
  return { ...found, tried };
}

test('memory that grows with the steps bounds nothing, and the longest is not run', async () => {
  assert.deepEqual(await reach(() => 0), { steps: MOST, tried: [1024] });
  assert.deepEqual(await reach(steps => 1024 * steps), { steps: MOST, tried: [1024, 2048, 4096] });
});

test('memory that grows with their square bounds them before it is taken', async () => {
  const { steps, why, tried } = await reach(n => 20 * n * n);
  assert.deepEqual(tried, [1024, 2048, 4096]); // 320 MiB, and four times that is too much
  assert.equal(steps, Math.floor(4096 * Math.sqrt(1024 / 320)));
  assert.equal(why, 'a run of 4096 took 320 MiB (POLYHEAD_RUN_BYTES)');
  for (const factor of [3, 10, 100, 500]) {
    const { steps, tried } = await reach(n => factor * n * n);
    assert.ok(factor * steps * steps <= 1024 * MIB, `${factor}: ${steps}`);
    assert.ok(factor * 4 * steps * steps > (1024 * MIB) / 4, `${factor}: ${steps}`);
    assert.ok(
      tried.every(n => factor * n * n <= 1024 * MIB),
      `${factor}: ${tried}`,
    );
  }
});

test('what one first run takes is not run longer, however much it is', async () => {
  assert.deepEqual((await reach(() => 5000 * MIB)).tried, [1024]);
  assert.equal((await reach(() => 5000 * MIB)).steps, 1024);
});

test('a graph that ends somewhere, as a table of positions does, is held to that', async () => {
  for (const end of [3, 512, 1024, 1500, 4095]) {
    const { steps, why } = await reach(
      () => 0,
      steps => steps <= end,
    );
    assert.equal(steps, end < 1024 ? end : MOST, `${end}`); // at 1024 steps without a byte more nothing further is tried
    if (end < 1024) assert.equal(why, `the graph cannot run ${end + 1}`);
    assert.equal(
      (
        await reach(
          n => 8192 * n,
          steps => steps <= end,
        )
      ).steps,
      end,
    );
  }
});

test('a manifest is held to it: every input, and all rows of a run together', () => {
  const time = { minimum: 1, maximum: MOST };
  const of = (name: string, maximum: number) => ({ kind: 'tensor', name, tensor: name, time: { ...time, maximum } });
  const { inputs, limits } = heldTo(manifestOf({ inputs: [of('x', MOST), of('z', 5)] }), 3000);
  assert.deepEqual(
    inputs.map(spec => (spec as { time: unknown }).time),
    [
      { minimum: 1, maximum: 3000 },
      { minimum: 1, maximum: 5 },
    ],
  );
  assert.equal(limits.paddedSteps, 3000);
});

/** x [batch, time, 8] attends to itself: scores [batch, time, time]. */
const ATTENTION = onnxFile({
  inputs: [{ name: 'x', type: 1, dims: ['batch', 'time', 8] }],
  outputs: [{ name: 'y', type: 1, dims: ['batch', 'time', 8] }],
  nodes: [
    { op: 'Transpose', inputs: ['x'], outputs: ['across'], attributes: { perm: [0, 2, 1] } },
    { op: 'MatMul', inputs: ['x', 'across'], outputs: ['scores'] },
    { op: 'Softmax', inputs: ['scores'], outputs: ['weights'] },
    { op: 'MatMul', inputs: ['weights', 'x'], outputs: ['y'] },
  ],
});

describe('a graph with attention and no manifest', {
  skip: process.platform !== 'linux' && 'memory is told otherwise',
}, () => {
  it('takes no sequences whose runs would need more than may be, and says so', async t => {
    const repository = temporaryFolder();
    const folder = path.join(repository, 'attention/1');
    mkdirSync(folder, { recursive: true });
    writeFileSync(path.join(folder, 'model.onnx'), ATTENTION);
    const app = await startApp({ POLYHEAD_MODEL_REPOSITORY: repository, POLYHEAD_RUN_BYTES: String(64 * MIB) });
    t.after(() => app.close());
    const { signature, limits, certificate } = app.service.models.get('attention');
    const { maximum } = (signature.inputs[0].spec as { time: { maximum: number } }).time;
    assert.ok(maximum >= 1024 && 4 * maximum * maximum <= 64 * MIB, `${maximum}`); // one matrix of scores at least
    assert.ok(limits.paddedSteps <= maximum);
    assert.match(
      certificate.warnings.join(),
      new RegExp(`sequences may have ${maximum} time steps: a run of \\d+ took \\d+ MiB`),
    );
    const call = await clientAt(await listen(app));
    const ask = (steps: number) =>
      call('/v1/models/attention/predict', { body: { sequences: [new Array(steps).fill(new Array(8).fill(0.5))] } });
    assert.equal((await ask(16)).status, 200);
    problemOf(await ask(maximum + 1), 422, 'INVALID_SEQUENCE');
  });
});
