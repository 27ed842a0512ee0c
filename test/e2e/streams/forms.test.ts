// Kept state is used only in the form that it was kept in: pairs in another order end it although every shape and every byte
// would fit; and a store that gives back less or more than was kept is not believed.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { stateBytes } from '../../../src/state/bytes.ts';
import { type Client, clientOf } from '../../support/client/client.ts';
import { json } from '../../support/client/continuing.ts';
import { problemOf } from '../../support/client/contract.ts';
import { inject } from '../../support/client/exchange.ts';
import { onnxFile } from '../../support/models/onnx-writer.ts';
import { temporaryFolder } from '../../support/models/served-copies.ts';
import { startApp, type TestApp } from '../../support/server/service.ts';

/** a and b of equal shape, which differ after every step: a adds the values up, b takes them away; y = a, z = b. */
const GRAPH = onnxFile({
  nodes: [
    { op: 'ReduceSum', inputs: ['x', 'axis'], outputs: ['s'], attributes: { keepdims: 0 } },
    { op: 'Add', inputs: ['a', 's'], outputs: ['next_a'] },
    { op: 'Sub', inputs: ['b', 's'], outputs: ['next_b'] },
    { op: 'Identity', inputs: ['next_a'], outputs: ['y'] },
    { op: 'Identity', inputs: ['next_b'], outputs: ['z'] },
  ],
  initializers: [{ name: 'axis', type: 7, dims: [1], raw: new Uint8Array(BigInt64Array.of(1n).buffer) }],
  inputs: [
    { name: 'x', type: 1, dims: ['n', 't', 1] },
    { name: 'a', type: 1, dims: ['n', 1] },
    { name: 'b', type: 1, dims: ['n', 1] },
  ],
  outputs: ['y', 'z', 'next_a', 'next_b'].map(name => ({ name, type: 1, dims: ['n', 1] })),
});
type Pair = readonly [input: string, output: string];
const GIVEN: Pair[] = [
  ['a', 'next_a'],
  ['b', 'next_b'],
];
const SWAPPED: Pair[] = [GIVEN[1], GIVEN[0]];
const BASE = '/v1/models/sums';

describe('kept state', () => {
  const repository = temporaryFolder();
  let app: TestApp;
  let call: Client;

  function write(state: readonly Pair[]): void {
    const folder = path.join(repository, 'sums/1');
    mkdirSync(folder, { recursive: true });
    writeFileSync(path.join(folder, 'model.onnx'), GRAPH);
    const manifest = {
      formatVersion: 1,
      graph: { file: 'model.onnx' },
      inputs: [{ name: 'x', tensor: 'x', kind: 'numeric', features: [{ name: 'x' }] }],
      heads: ['y', 'z'].map(name => ({ name, tensor: name, kind: 'regression' })),
      state: state.map(([input, output]) => ({ input, output, batchAxis: 0 })),
    };
    writeFileSync(path.join(folder, 'manifest.json'), JSON.stringify(manifest));
  }
  const control = async (action: 'load' | 'unload') => {
    const reply = await inject(app.app, `/v2/repository/models/sums/${action}`, { body: {} });
    assert.equal(reply.status, 200, reply.text);
  };
  const become = async (state: readonly Pair[]) => {
    write(state);
    await control('unload');
    await control('load');
    const pairs = app.service.models.get('sums').signature.state.map(pair => [pair.input.name, pair.output]);
    assert.deepEqual(pairs, state);
  };
  const openStream = async (): Promise<string> => (await json(call(`${BASE}/streams`, { method: 'POST' }), 201)).stream;
  const step = (stream: string, values: number[]) =>
    call(`${BASE}/streams/${stream}/steps`, { body: { sequence: values.map(value => [value]) } });
  const byToken = (values: number[], state: string | null) =>
    call(`${BASE}/predict`, { body: { sequences: [values.map(v => [v])], states: [state], returnState: true } });
  const infer = (values: number[], parameters: object) =>
    inject(app.app, '/v2/models/sums/infer', {
      body: { inputs: [{ name: 'x', datatype: 'FP32', shape: [1, values.length, 1], data: values }], parameters },
    });
  const told = ({ heads }: { heads: Record<string, { value: number }> }) => [heads.y.value, heads.z.value];

  before(async () => {
    write(GIVEN);
    app = await startApp({
      POLYHEAD_MODEL_REPOSITORY: repository,
      POLYHEAD_MODEL_CONTROL: 'explicit',
      POLYHEAD_WORKERS: '1',
    });
    call = await clientOf(app);
  });
  after(() => app.close());

  it('of pairs in another order is refused by stream, token and sequence, and used again in its own', async () => {
    const stream = await openStream();
    assert.deepEqual(told((await json(step(stream, [1, 2]))).prediction), [3, -3]);
    const [{ state: token }] = (await json(byToken([1, 2], null))).predictions;
    assert.equal((await infer([1, 2], { sequence_id: 9, sequence_start: true })).status, 200);
    await become(SWAPPED);
    problemOf(await step(stream, [4]), 409, 'STREAM_CONFLICT');
    problemOf(await byToken([4], token), 422, 'INVALID_STATE');
    const refused = await infer([4], { sequence_id: 9 });
    assert.equal(refused.status, 409, refused.text);
    await become(GIVEN);
    assert.deepEqual(told((await json(step(stream, [4]))).prediction), [7, -7]);
    assert.deepEqual(told((await json(byToken([4], token))).predictions[0]), [7, -7]);
    const { outputs } = JSON.parse((await infer([4], { sequence_id: 9 })).text);
    const of = (name: string) => outputs.find((output: { name: string }) => output.name === name).data;
    assert.deepEqual([of('y'), of('z')], [[7], [-7]]);
  });

  it('of any other size, or none, is refused where its store gives it back so', async () => {
    const { store } = app.service.streams;
    const bytes = stateBytes(app.service.models.get('sums').signature);
    assert.equal(bytes, 8);
    const whole = Buffer.alloc(bytes);
    whole.writeFloatLE(3);
    whole.writeFloatLE(-3, 4);
    const sizes = [0, 1, 4, bytes - 1, bytes + 1, 2 * bytes, 256, 512];
    for (const size of sizes) {
      const stream = await openStream();
      await json(step(stream, [1, 2]));
      const keep = async (state: Uint8Array) => store.commit(await store.hold(stream, 1000), state, 2);
      await keep(Buffer.concat([whole, Buffer.alloc(512)]).subarray(0, size));
      problemOf(await step(stream, [4]), 409, 'STREAM_CONFLICT');
      await keep(whole);
      assert.deepEqual(told((await json(step(stream, [4]))).prediction), [7, -7], `after ${size} bytes`);
    }
  });
});
