// Control inputs, declared by a config.pbtxt or a manifest: what a graph is told of a call's place in its sequence, by
// protocol sequence, stream and plain request.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { json } from '../support/client/continuing.ts';
import { inject } from '../support/client/exchange.ts';
import { writeSequenceModels } from '../support/models/controlled.ts';
import { onnxFile } from '../support/models/onnx-writer.ts';
import { temporaryFolder } from '../support/models/served-copies.ts';
import { startApp, type TestApp } from '../support/server/service.ts';

const repository = temporaryFolder();
let app: TestApp;
before(async () => {
  writeSequenceModels(repository);
  writeTyped();
  app = await startApp({ POLYHEAD_MODEL_REPOSITORY: repository, POLYHEAD_WORKERS: '1' });
});
after(() => app?.close());

/** Flags of several types and an id that is a text, by a manifest: the id is told back. */
function writeTyped(): void {
  const [FLOAT, STRING, BOOL] = [1, 8, 9];
  const graph = onnxFile({
    nodes: [
      { op: 'Cast', inputs: ['last'], outputs: ['ended'], attributes: { to: FLOAT } },
      { op: 'Add', inputs: ['first', 'ended'], outputs: ['flags'] },
      { op: 'Add', inputs: ['x', 'flags'], outputs: ['y'] },
      { op: 'Identity', inputs: ['who'], outputs: ['said'] },
    ],
    inputs: [
      { name: 'x', type: FLOAT, dims: ['n', 1] },
      { name: 'first', type: FLOAT, dims: ['n', 1] },
      { name: 'last', type: BOOL, dims: ['n', 1] },
      { name: 'who', type: STRING, dims: ['n'] },
    ],
    outputs: [
      { name: 'y', type: FLOAT, dims: ['n', 1] },
      { name: 'said', type: STRING, dims: ['n'] },
    ],
  });
  const manifest = {
    formatVersion: 1,
    graph: { file: 'model.onnx' },
    inputs: [{ name: 'x', tensor: 'x', kind: 'tensor', timeAxis: null, time: { maximum: 1 } }],
    heads: [
      ...['y', 'said'].map(name => ({ name, tensor: name, kind: 'tensor' })),
      { name: 'number', tensor: 'y', kind: 'regression' },
    ],
    controls: [
      { input: 'first', kind: 'start', values: [-100, 100] },
      { input: 'last', kind: 'end' },
      { input: 'who', kind: 'id' },
    ],
  };
  mkdirSync(path.join(repository, 'typed/1'), { recursive: true });
  writeFileSync(path.join(repository, 'typed/1/model.onnx'), graph);
  writeFileSync(path.join(repository, 'typed/1/manifest.json'), JSON.stringify(manifest));
}

const post = (url: string, body?: unknown, status = 200) =>
  json(inject(app.app, url, { method: 'POST', body }), status);
const infer = (model: string, value: number, parameters?: object, status = 200) => {
  const datatype = model === 'typed' ? 'FP32' : 'INT32';
  const inputs = [{ name: model === 'typed' ? 'x' : 'INPUT', datatype, shape: [1, 1], data: [value] }];
  return post(`/v2/models/${model}/infer`, { inputs, parameters }, status);
};
const place = (sequence_id: number | string, start: boolean, end: boolean) => ({
  sequence_id,
  sequence_start: start,
  sequence_end: end,
});

test('sequences side by side are told their starts, ends and ids', async () => {
  const values = [0, 11, 7, 5, 3, 2, 0, 1];
  const walk = async (model: string, id: number, sign: number) => {
    const said: number[] = [];
    for (const [i, value] of values.entries()) {
      const { outputs } = await infer(model, sign * value, place(id, i === 0, i === values.length - 1));
      said.push(outputs[0].data[0]);
    }
    return said;
  };
  for (const [model, last] of [
    ['simple_sequence', 0],
    ['simple_dyna_sequence', 1],
  ] as const) {
    const [one, two] = await Promise.all([walk(model, 1001, 1), walk(model, 1002, -1)]);
    assert.deepEqual(one, [1, 11, 7, 5, 3, 2, 0, 1 + last * 1001]);
    assert.deepEqual(two, [1, -11, -7, -5, -3, -2, 0, -1 + last * 1002]);
  }
});

test('a sequence has to start, and its id to fit the graph', async () => {
  const { error } = await infer('simple_sequence', 1, place(7, false, false), 400);
  assert.match(error, /must specify the START flag/);
  const fault = await infer('simple_dyna_sequence', 1, place('seven', true, true), 400);
  assert.match(fault.error, /"CORRID" takes ids of type uint64: sequence_id must be a whole number/);
  // It was taken back, so that the next try is the first again.
  assert.deepEqual((await infer('simple_dyna_sequence', 1, place(7, true, false))).outputs[0].data, [2]);
});

test('values, types and texts are the manifest’s', async () => {
  const said: unknown[] = [];
  for (const [start, end] of [
    [true, false],
    [false, false],
    [false, true],
  ]) {
    const { outputs } = await infer('typed', 1, place('call-7', start, end));
    said.push(outputs.map(({ data }: { data: unknown[] }) => data[0]));
  }
  assert.deepEqual(said, [
    [101, 'call-7'],
    [-99, 'call-7'],
    [-98, 'call-7'],
  ]);
});

test('a stream starts with its first step; a request by itself is a whole sequence', async () => {
  const { stream } = await post('/v1/models/typed/streams', undefined, 201);
  const steps: unknown[] = [];
  for (let i = 0; i < 3; i++) {
    const { prediction } = await post(`/v1/models/typed/streams/${stream}/steps`, { sequence: [1] });
    steps.push([prediction.heads.y.values, prediction.heads.said.values]);
  }
  assert.deepEqual(steps, [
    [[101], stream],
    [[-99], stream],
    [[-99], stream],
  ]);
  const { predictions } = await post('/v1/models/typed/predict', { sequences: [[1]] });
  assert.deepEqual([predictions[0].heads.y.values, predictions[0].heads.said.values], [[102], '']);
  assert.deepEqual((await infer('simple_sequence', 5)).outputs[0].data, [6]);
  assert.deepEqual((await infer('simple_dyna_sequence', 5)).outputs[0].data, [6]);
  const outputs: { data: unknown[] }[] = (await infer('typed', 1)).outputs;
  assert.deepEqual(
    outputs.map(({ data }) => data),
    [[102], ['']],
  );
  const { explanations } = await post('/v1/models/typed/explain', {
    sequences: [[1]],
    heads: ['number'],
    baseline: 'zero',
  });
  assert.deepEqual([explanations[0].heads.number.output, explanations[0].heads.number.baselineOutput], [102, 101]);
});

test('who asks what a model takes is not told of what the server fills in', async () => {
  const get = (url: string) => json(inject(app.app, url));
  const { inputs } = await get('/v2/models/simple_dyna_sequence');
  assert.deepEqual(inputs, [{ name: 'INPUT', datatype: 'INT32', shape: [-1, 1] }]);
  const config = await get('/v2/models/simple_dyna_sequence/config');
  assert.deepEqual(config.max_batch_size, 8);
  assert.deepEqual(config.sequence_batching.control_input, [
    { name: 'START', control: [{ kind: 'CONTROL_SEQUENCE_START', int32_false_true: [0, 1] }] },
    { name: 'READY', control: [{ kind: 'CONTROL_SEQUENCE_READY', int32_false_true: [0, 1] }] },
    { name: 'END', control: [{ kind: 'CONTROL_SEQUENCE_END', int32_false_true: [0, 1] }] },
    { name: 'CORRID', control: [{ kind: 'CONTROL_SEQUENCE_CORRID', data_type: 'TYPE_UINT64' }] },
  ]);
  const { controls } = await get('/v1/models/simple_dyna_sequence');
  assert.deepEqual(controls, [
    { input: 'START', kind: 'start', values: [0, 1] },
    { input: 'READY', kind: 'ready', values: [0, 1] },
    { input: 'END', kind: 'end', values: [0, 1] },
    { input: 'CORRID', kind: 'id', values: [0, 1] },
  ]);
  const { paths } = await get('/openapi.json');
  assert.equal(
    paths['/v1/models/typed/predict'].post.description,
    "By a call's place in its sequence the server fills in `first` (start), `last` (end), `who` (id).",
  );
  const sent = {
    inputs: ['INPUT', 'START', 'READY'].map(name => ({ name, datatype: 'INT32', shape: [1, 1], data: [1] })),
  };
  assert.match((await post('/v2/models/simple_sequence/infer', sent, 400)).error, /unexpected inference input "START"/);
});
