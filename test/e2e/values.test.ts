// Inputs that take only some values: listed in the manifest, shown by its example, or by golden answers beside a graph without
// a manifest. The graphs read numbers out of texts, as Triton's simple_string does, and add them up.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { readVersion } from '../../src/model/version.ts';
import { prove } from '../../src/proof/prove.ts';
import { json } from '../support/client/continuing.ts';
import { inject } from '../support/client/exchange.ts';
import { onnxFile } from '../support/models/onnx-writer.ts';
import { refusalOf } from '../support/models/refusal.ts';
import { temporaryFolder } from '../support/models/served-copies.ts';
import { FLOAT, INT64, STRING, sumOf } from '../support/models/sum.ts';
import { startApp, type TestApp } from '../support/server/service.ts';

/** total [n, t, 1] = each step's sum of seven values, which the graph calls any number of them. */
const SIZED = onnxFile({
  nodes: [{ op: 'MatMul', inputs: ['x', 'ones'], outputs: ['total'] }],
  initializers: [{ name: 'ones', type: FLOAT, dims: [7, 1], floats: new Array(7).fill(1) }],
  inputs: [{ name: 'x', type: FLOAT, dims: ['n', 't', 'd'] }],
  outputs: [{ name: 'total', type: FLOAT, dims: ['n', 't', 1] }],
});

interface Given {
  readonly graph: Uint8Array;
  readonly input?: object;
  readonly golden?: object;
}
const golden = (dims: readonly number[], data: readonly unknown[], ...total: number[]) => ({
  formatVersion: 1,
  producer: 'by hand',
  tolerance: 1e-6,
  cases: [{ feeds: { x: { dims, data } }, outputs: { total } }],
});
const MODELS: Readonly<Record<string, Given>> = {
  codes: {
    graph: sumOf(STRING, ['n', 't']),
    input: { kind: 'token', values: ['1', '2', '10'], time: { maximum: 8 } },
  },
  spoken: {
    graph: sumOf(STRING, ['n', 't', 2]),
    input: { kind: 'tensor', example: [['5', '0.5'], ['7', '8']], time: { maximum: 8 } }, // biome-ignore format: a row a step
  },
  levels: {
    graph: sumOf(FLOAT, ['n', 't']),
    input: { kind: 'tensor', values: [0.1, 2, 4], example: [0.1, 4], time: { maximum: 8 } },
  },
  counts: {
    graph: sumOf(INT64, ['n', 't']),
    input: { kind: 'tensor', values: [-3, 7], time: { maximum: 8 } },
  },
  found: { graph: sumOf(STRING, ['n', 't']), golden: golden([1, 3], ['3', '4', '5'], 12) },
  sized: { graph: SIZED, golden: golden([1, 2, 7], [1, 2, 3, 4, 5, 6, 7, 0, 0, 0, 0, 0, 0, 9], 28, 9) },
};

const repository = temporaryFolder();
let app: TestApp;

function write(name: string, { graph, input, golden: answers }: Given): string {
  const folder = path.join(repository, name, '1');
  mkdirSync(folder, { recursive: true });
  const file = (base: string, content: unknown) => writeFileSync(path.join(folder, base), JSON.stringify(content));
  writeFileSync(path.join(folder, 'model.onnx'), graph);
  if (answers) file('golden.json', answers);
  if (!input) return folder;
  file('manifest.json', {
    formatVersion: 1,
    graph: { file: 'model.onnx' },
    inputs: [{ name: 'x', tensor: 'x', ...input }],
    heads: [{ name: 'total', tensor: 'total', kind: 'regression' }],
  });
  return folder;
}

before(async () => {
  for (const [name, given] of Object.entries(MODELS)) write(name, given);
  app = await startApp({ POLYHEAD_MODEL_REPOSITORY: repository, POLYHEAD_WORKERS: '1' });
});
after(() => app?.close());

const get = (url: string) => json(inject(app.app, url));
const post = (url: string, body: unknown, status = 200) => json(inject(app.app, url, { method: 'POST', body }), status);
const predict = (model: string, sequence: unknown, status = 200) =>
  post(`/v1/models/${model}/predict`, { sequences: [sequence] }, status);
const total = async (model: string, sequence: unknown) => {
  const { predictions } = await predict(model, sequence);
  const { value, values } = predictions[0].heads.total;
  return value ?? values[0];
};

test('graphs that take only some texts are tried with those, and serve', async () => {
  assert.equal(await total('codes', ['1', '10', '2']), 13);
  assert.equal(await total('spoken', [['1', '2'], ['3', '4.5']]), 10.5); // biome-ignore format: a row a step
  assert.equal(await total('levels', [0.1, 2]), 2.1);
  assert.equal(await total('counts', [7, -3, -3]), 1);
  // Nobody said what it takes but its golden answers.
  assert.equal(await total('found', ['11', '31']), 42);
  const { certificate, golden: checked } = await get('/v1/models/found');
  assert.deepEqual([certificate.axes.x, checked.cases], [{ batch: 0, time: 1 }, 1]);
});

test('golden answers tell the sizes that a graph leaves open', async () => {
  const { certificate, inputs } = await get('/v1/models/sized');
  assert.deepEqual(
    [certificate.axes.x, certificate.axes.total],
    [
      { batch: 0, time: 1 },
      { batch: 0, time: 1 },
    ],
  );
  assert.equal(inputs[0].openSize, 7);
  const step = [1, 1, 1, 1, 1, 1, 1];
  const { predictions } = await predict('sized', [step, step.map(one => 2 * one), step]);
  assert.deepEqual(predictions[0].heads.total.values, [[7], [14], [7]]);
});

test('a value that is not listed is refused by its place, on every skin', async () => {
  const cases: [model: string, sequence: unknown, pointer: string, detail: RegExp][] = [
    ['codes', ['1', '3'], '/sequences/0/1', /is "3", expected one of "1","2","10"$/],
    ['levels', [2, 0.2], '/sequences/0/1', /is 0\.2\d*, expected one of 0\.1,2,4$/],
    ['counts', [7, 8, 7], '/sequences/0/1', /is 8, expected one of -3,7$/],
  ];
  for (const [model, sequence, pointer, detail] of cases) {
    const { errors } = await predict(model, sequence, 422);
    assert.equal(errors[0].pointer, pointer);
    assert.match(errors[0].detail, detail);
  }
  const infer = (model: string, datatype: string, data: unknown[], status: number) =>
    post(`/v2/models/${model}/infer`, { inputs: [{ name: 'x', datatype, shape: [2, 2], data }] }, status);
  const { error } = await infer('codes', 'BYTES', ['1', '2', '10', 'x'], 400);
  assert.match(error, /input "x" value \[1, 1\] is "x", expected one of "1","2","10"/);
  assert.match((await infer('counts', 'INT64', [7, 7, 7, 0], 400)).error, /value \[1, 1\] is 0, expected one of -3,7/);
  assert.deepEqual((await infer('levels', 'FP32', [0.1, 4, 2, 2], 200)).outputs[0].data, [4.1, 4]);
});

test('explanations compare with a value that the graph takes', async () => {
  const request = { sequences: [['1', '10', '2']], method: 'occlusion', baseline: 'zero' };
  const { explanations } = await post('/v1/models/codes/explain', request);
  // Codes of no meaning are '1', the first that is listed: an empty text is no number.
  const { output, baselineOutput, attributions } = explanations[0].heads.total;
  assert.deepEqual([output, baselineOutput, attributions], [13, 3, [0, 9, 1]]);
});

test('documents show the example, and the values', async () => {
  const { paths } = await get('/openapi.json');
  const body = (model: string) => paths[`/v1/models/${model}/predict`].post.requestBody.content['application/json'];
  assert.deepEqual(body('spoken').example.sequences, [[['5', '0.5'], ['7', '8']]]); // biome-ignore format: one sequence
  assert.deepEqual(body('levels').example.sequences, [[0.1, 4]]);
  assert.deepEqual(body('found').example.sequences, [['3', '4', '5']]);
  const items = (model: string) => body(model).schema.properties.sequences.items.items;
  assert.deepEqual(items('codes').enum, ['1', '2', '10']);
  assert.deepEqual([items('counts').type, items('counts').enum], ['integer', [-3, 7]]);
  for (const model of Object.keys(MODELS)) await post(`/v1/models/${model}/predict`, body(model).example);
});

test('what a manifest says of values is checked when it is loaded', async () => {
  const never = () => Promise.reject(new Error('nothing is run'));
  const cases: [input: object, reason: RegExp][] = [
    [
      { kind: 'tensor', values: ['a'] },
      /^manifest\.json: inputs\[0\]\.values\[0\] is "a", expected a number in the range/,
    ],
    [
      { kind: 'tensor', values: [1], example: [1, 2] },
      /^manifest\.json: inputs\[0\]\.example\[1\] is 2, expected one of 1$/,
    ],
    [{ kind: 'tensor', example: 'x' }, /^manifest\.json: inputs\[0\]\.example is "x", expected an array$/],
  ];
  for (const [input, reason] of cases) {
    const folder = write('wrong', { graph: sumOf(FLOAT, ['n', 't']), input: { ...input, time: { maximum: 8 } } });
    const { graph, given } = await readVersion(folder);
    const candidate = { folder, graph, given, limits: { batchSize: 2, paddedSteps: 64 } };
    assert.match(await refusalOf(prove(candidate, never, never)), reason);
  }
});
