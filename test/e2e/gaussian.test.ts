// A mean-and-variance model over REST, in the document and in the client's types; numbers by scipy.stats.norm (1.17.1).
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { type ApiDocument, generateTypes } from '../../client/src/generate.ts';
import { json } from '../support/client/continuing.ts';
import { inject } from '../support/client/exchange.ts';
import { assertClose } from '../support/models/close.ts';
import { onnxFile } from '../support/models/onnx-writer.ts';
import { temporaryFolder } from '../support/models/served-copies.ts';
import { startApp, type TestApp } from '../support/server/service.ts';

const FLOAT = 1;
const repository = temporaryFolder();
let app: TestApp;

/** What callers send is split into a mean and a variance, to be answered as it is. */
before(async () => {
  const graph = onnxFile({
    nodes: [{ op: 'Split', inputs: ['x'], outputs: ['mean', 'variance'], attributes: { axis: 1 } }],
    inputs: [{ name: 'x', type: FLOAT, dims: ['n', 2] }],
    outputs: ['mean', 'variance'].map(name => ({ name, type: FLOAT, dims: ['n', 1] })),
  });
  const manifest = {
    formatVersion: 1,
    graph: { file: 'model.onnx' },
    inputs: [{ name: 'x', tensor: 'x', kind: 'tensor', timeAxis: null, time: { maximum: 1 } }],
    heads: [{ name: 'level', tensor: 'mean', kind: 'gaussian', spread: 'variance', spreadAs: 'variance', unit: 'm' }],
  };
  mkdirSync(path.join(repository, 'normal/1'), { recursive: true });
  writeFileSync(path.join(repository, 'normal/1/model.onnx'), graph);
  writeFileSync(path.join(repository, 'normal/1/manifest.json'), JSON.stringify(manifest));
  app = await startApp({ POLYHEAD_MODEL_REPOSITORY: repository, POLYHEAD_WORKERS: '1' });
});
after(() => app?.close());

const predict = (sequences: unknown) =>
  json(inject(app.app, '/v1/models/normal/predict', { method: 'POST', body: { sequences } }));

test('an answer has a value, its deviation and its interval', async () => {
  const { predictions } = await predict([
    [1.25, 0.49],
    [0, -1],
  ]);
  const [{ heads }, odd] = predictions;
  assert.deepEqual(Object.keys(heads.level), ['value', 'sd', 'lower', 'upper', 'unit']);
  const expected = { value: 1.25, sd: 0.7, lower: 0.09860246113396909, upper: 2.4013975388660302 };
  for (const [name, number] of Object.entries(expected)) assertClose(heads.level[name], number, 1e-7);
  assert.deepEqual(odd.heads.level, { value: 0, sd: null, lower: null, upper: null, unit: 'm' });
});

test('the document and the client know its form', async () => {
  const document = (await json(inject(app.app, '/openapi.json'))) as ApiDocument;
  assert.match(generateTypes(document, 'a test'), /"?level"?: NormalHead<"m", null>;/);
});
