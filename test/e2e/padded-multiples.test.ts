// Graphs that take only multiples of four time steps, and manifests that let sequences of other lengths be padded to one. The
// graphs double every step and add all up, so what they must answer is known.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { LoadError } from '../../src/core/errors.ts';
import { parseManifest } from '../../src/model/manifest.ts';
import { readVersion } from '../../src/model/version.ts';
import { prove } from '../../src/proof/prove.ts';
import { openSession } from '../../src/runtime/session.ts';
import { watcherOf } from '../../src/runtime/watched.ts';
import { json } from '../support/client/continuing.ts';
import { inject } from '../support/client/exchange.ts';
import { type NodeSpec, onnxFile, type TensorSpec } from '../support/models/onnx-writer.ts';
import { refusalOf } from '../support/models/refusal.ts';
import { temporaryFolder } from '../support/models/served-copies.ts';
import { startApp, type TestApp } from '../support/server/service.ts';

const [FLOAT, INT64] = [1, 7];
const whole = (name: string, ...values: bigint[]): TensorSpec => ({
  name,
  type: INT64,
  dims: [values.length],
  raw: new Uint8Array(BigInt64Array.from(values).buffer),
});

/** Steps in groups of four; `reduce` makes one number of what a row holds. */
function graphOf(reduce: string): Uint8Array {
  const nodes: NodeSpec[] = [
    { op: 'Reshape', inputs: ['x', 'groups'], outputs: ['grouped'] },
    { op: 'Add', inputs: ['grouped', 'grouped'], outputs: ['doubled'] },
    { op: 'Reshape', inputs: ['doubled', 'single'], outputs: ['steps'] },
    reduce === 'ReduceSum'
      ? { op: reduce, inputs: ['steps', 'inner'], outputs: ['total'], attributes: { keepdims: 0 } }
      : { op: reduce, inputs: ['steps'], outputs: ['total'], attributes: { keepdims: 0, axes: [1, 2] } },
  ];
  return onnxFile({
    nodes,
    initializers: [whole('groups', 0n, -1n, 4n), whole('single', 0n, -1n, 1n), whole('inner', 1n, 2n)],
    inputs: [{ name: 'x', type: FLOAT, dims: ['n', 't', 1] }],
    outputs: [
      { name: 'steps', type: FLOAT, dims: ['n', 't', 1] },
      { name: 'total', type: FLOAT, dims: ['n'] },
    ],
  });
}

/** The sum of every group of four: as many numbers as there are groups. */
const GROUPS = onnxFile({
  nodes: [
    { op: 'Reshape', inputs: ['x', 'groups'], outputs: ['grouped'] },
    { op: 'ReduceSum', inputs: ['grouped', 'inner'], outputs: ['sums'], attributes: { keepdims: 0 } },
  ],
  initializers: [whole('groups', 0n, -1n, 4n), whole('inner', 2n)],
  inputs: [{ name: 'x', type: FLOAT, dims: ['n', 't', 1] }],
  outputs: [{ name: 'sums', type: FLOAT, dims: ['n', 'groups'] }],
});

/** `time`: what a manifest says of it; without one, there is no manifest. */
function write(folder: string, graph: Uint8Array, time?: object): string {
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, 'model.onnx'), graph);
  if (!time) return folder;
  const manifest = {
    formatVersion: 1,
    graph: { file: 'model.onnx' },
    inputs: [{ name: 'signal', tensor: 'x', kind: 'numeric', time, features: [{ name: 'u' }] }],
    heads: [
      { name: 'steps', tensor: 'steps', kind: 'regression', per: 'step' },
      { name: 'total', tensor: 'total', kind: 'regression' },
    ],
  };
  writeFileSync(path.join(folder, 'manifest.json'), JSON.stringify(manifest));
  return folder;
}

const repository = temporaryFolder();
let app: TestApp;
before(async () => {
  write(path.join(repository, 'padded/1'), graphOf('ReduceSum'), { maximum: 64, multipleOf: 4, pad: true });
  write(path.join(repository, 'strict/1'), graphOf('ReduceSum'), { maximum: 64, multipleOf: 4 });
  write(path.join(repository, 'found/1'), graphOf('ReduceSum'));
  write(path.join(repository, 'found-mean/1'), graphOf('ReduceMean'));
  write(path.join(repository, 'found-groups/1'), GROUPS);
  app = await startApp({ POLYHEAD_MODEL_REPOSITORY: repository, POLYHEAD_WORKERS: '1' });
});
after(() => app?.close());

const post = (url: string, body: unknown, status = 200) => json(inject(app.app, url, { method: 'POST', body }), status);
/** 1 to `length`. */
const upTo = (length: number) => Array.from({ length }, (_, i) => i + 1);

test('sequences of any length are answered for their own steps, alone and together', async () => {
  const lengths = [1, 3, 4, 5, 8, 13, 64];
  const sequences = lengths.map(length => upTo(length).map(value => [value]));
  const { predictions } = await post('/v1/models/padded/predict', { sequences });
  for (const [i, length] of lengths.entries()) {
    const alone = await post('/v1/models/padded/predict', { sequences: [sequences[i]] });
    for (const { length: told, heads } of [predictions[i], alone.predictions[0]]) {
      assert.equal(told, length);
      const said = heads.steps.steps.map(({ value }: { value: number }) => value);
      assert.deepEqual(said, upTo(length).map(value => 2 * value)); // biome-ignore format: one thought
      assert.equal(heads.total.value, length * (length + 1));
    }
  }
});

test('tensors of protocol v2 are padded as well, and their answers cut', async () => {
  const inputs = [{ name: 'x', datatype: 'FP32', shape: [2, 5, 1], data: [...upTo(5), 0, 0, 0, 0, 1] }];
  const { outputs } = await post('/v2/models/padded/infer', { inputs });
  const [steps, total] = outputs;
  assert.deepEqual([steps.shape, steps.data], [[2, 5, 1], [2, 4, 6, 8, 10, 0, 0, 0, 0, 2]]); // biome-ignore format: shape, data
  assert.deepEqual(total.data, [30, 2]);
});

test('without it, and beyond the most steps, lengths are refused', async () => {
  const strict = await post('/v1/models/strict/predict', { sequences: [[[1], [2]]] }, 422);
  assert.match(strict.errors[0].detail, /has 2 time steps, expected a multiple of 4 from 1 to 64$/);
  const long = await post('/v1/models/padded/predict', { sequences: [upTo(65).map(value => [value])] }, 422);
  assert.match(long.errors[0].detail, /has 65 time steps, expected 1 to 64$/);
});

test('without a manifest, sequences are padded where that is harmless, and only there', async () => {
  const { inputs, certificate } = await json(inject(app.app, '/v1/models/found'));
  const { maximum, ...time } = inputs[0].time;
  assert.deepEqual([time, maximum % 4], [{ minimum: 1, multipleOf: 4, pad: true }, 0]);
  assert.equal(certificate.mixing, 'classes');
  const lengths = [1, 3, 4, 5, 13];
  const sequences = lengths.map(length => upTo(length).map(value => [value]));
  const { predictions } = await post('/v1/models/found/predict', { sequences });
  for (const [i, length] of lengths.entries()) {
    const { heads } = predictions[i];
    assert.deepEqual(heads.steps.values, upTo(length).map(value => [2 * value])); // biome-ignore format: one thought
    assert.deepEqual(heads.total.values, length * (length + 1));
  }
  for (const name of ['found-mean', 'found-groups']) {
    const strict = await json(inject(app.app, `/v1/models/${name}`));
    const { minimum, multipleOf, pad } = strict.inputs[0].time;
    assert.deepEqual([minimum, multipleOf, pad], [4, 4, undefined], name);
    const { errors } = await post(`/v1/models/${name}/predict`, { sequences: [sequences[1]] }, 422);
    assert.match(errors[0].detail, /has 3 time steps, expected a multiple of 4 from 4/);
  }
});

test('a graph whose answers change with padding is refused with what changed', async () => {
  const folder = write(`${temporaryFolder()}/m/1`, graphOf('ReduceMean'), { maximum: 64, multipleOf: 4, pad: true });
  const { graph, graphFile, given } = await readVersion(folder);
  const options = { graphFile, provider: 'cpu', intraOpThreads: 1 } as const;
  const session = await openSession(options);
  const limits = { batchSize: 16, paddedSteps: 1024 };
  const watch = watcherOf(options, graph);
  const refusal = await refusalOf(prove({ folder, graph, given, limits }, session.run, watch));
  assert.match(
    refusal,
    /^manifest\.json: time\.pad of input "signal": padding changes answers: output "total" of a sequence/,
  );
  await session.release();
});

test('a manifest that cannot be meant is refused', () => {
  const refused = (time: object, input: object = {}) => {
    try {
      parseManifest({
        formatVersion: 1,
        graph: { file: 'model.onnx' },
        inputs: [{ name: 'x', tensor: 'x', kind: 'numeric', time, features: [{ name: 'u' }], ...input }],
        heads: [{ name: 'y', tensor: 'y', kind: 'regression' }],
      });
    } catch (error) {
      assert.ok(error instanceof LoadError);
      return error.message;
    }
    return assert.fail('nothing was refused');
  };
  assert.match(refused({ maximum: 64, pad: true }), /time\.pad pads to time\.multipleOf, which is not given/);
  assert.match(refused({ maximum: 63, multipleOf: 4, pad: true }), /time\.maximum is no multiple of time\.multipleOf/);
});
