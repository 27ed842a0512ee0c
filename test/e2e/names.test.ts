// Names that are words of the API or of the language, or come to the same where programs make names of them: each is reached, and a model has an
// operation of its own in the document.
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { OpenAPIV3_1 } from 'openapi-types';
import type { Manifest } from '../../src/model/manifest.ts';
import { listRepository } from '../../src/model/repository.ts';
import { readServing } from '../../src/model/serving.ts';
import { trySuccessor } from '../../src/service/compare.ts';
import type { Model } from '../../src/service/model.ts';
import { type Client, clientOf } from '../support/client/client.ts';
import { onnxFile } from '../support/models/onnx-writer.ts';
import { temporaryFolder } from '../support/models/served-copies.ts';
import { shippedFolder } from '../support/models/shipped.ts';
import { FIXTURES, startApp, type TestApp } from '../support/server/service.ts';

const WORDS = ['docs', 'ready', 'versions', 'predict', 'infer', 'streams'];
const ALIKE = ['w-1', 'w_1', 'W1', 'Version'];

describe('names that every object has', () => {
  const HEADS = ['constructor', 'toString', 'valueOf', 'hasOwnProperty', 'tried'];
  const [INT64] = [7];
  const repository = temporaryFolder();
  let app: TestApp;
  let call: Client;
  before(async () => {
    cpSync(shippedFolder('weather'), path.join(repository, 'constructor/1'), { recursive: true });
    for (const file of ['golden.json', 'example.json']) rmSync(path.join(repository, 'constructor/1', file));
    const manifest: Manifest = JSON.parse(readFileSync(`${shippedFolder('weather')}/manifest.json`, 'utf8'));
    manifest.heads.forEach((head, i) => {
      head.name = HEADS[i];
      if (head.kind === 'binary') head.labels = ['toString', 'constructor'];
    });
    const [input] = manifest.inputs;
    if (input.kind === 'numeric') for (const i of [0, 1, 2]) input.features[i].name = HEADS[i];
    writeFileSync(path.join(repository, 'constructor/1/manifest.json'), JSON.stringify(manifest));
    const graph = onnxFile({
      nodes: [{ op: 'Add', inputs: ['constructor', 'valueOf'], outputs: ['toString'] }],
      inputs: [
        { name: 'constructor', type: INT64, dims: ['n', 't'] },
        { name: 'valueOf', type: INT64, dims: [] },
      ],
      outputs: [{ name: 'toString', type: INT64, dims: ['n', 't'] }],
    });
    mkdirSync(path.join(repository, 'tensors/1'), { recursive: true });
    writeFileSync(path.join(repository, 'tensors/1/model.onnx'), graph);
    app = await startApp({ POLYHEAD_MODEL_REPOSITORY: repository, POLYHEAD_WORKERS: '1' });
    call = await clientOf(app);
  });
  after(() => app.close());

  it('may be those of heads, features and labels', async () => {
    const { example } = app.service.models.get('constructor');
    const { status, text } = await call('/v1/models/constructor/predict', { body: example });
    assert.equal(status, 200, text);
    assert.deepEqual(Object.keys(JSON.parse(text).predictions[0].heads), HEADS);
    const explain = (more: object) => call('/v1/models/constructor/explain', { body: { ...example, ...more } });
    const { explanations } = JSON.parse((await explain({ targets: { constructor: 'toString' }, steps: {} })).text);
    assert.deepEqual(Object.keys(explanations[0].heads), HEADS);
    assert.equal(explanations[0].heads.constructor.target, 'toString');
  });

  it('may be those of tensors', async () => {
    const body = { sequences: [{ constructor: [1, 2], valueOf: 3 }] };
    const { status, text } = await call('/v1/models/tensors/predict', { body });
    assert.equal(status, 200, text);
    assert.deepEqual(JSON.parse(text).predictions[0].heads.toString.values, [4, 5]);
  });

  it('are counted where versions are compared', async () => {
    const model = app.service.models.get('constructor');
    const decoders = model.signature.heads.map((_, i) => () => ({ value: i }));
    const other = new Proxy(model, { get: (of, key) => (key === 'decoders' ? decoders : of[key as keyof Model]) });
    const { tried, differences } = await trySuccessor(model, other);
    assert.ok(tried > 0);
    assert.deepEqual(differences, Object.fromEntries(HEADS.map(name => [name, tried])));
  });

  it('are no labels of versions', async () => {
    const home = path.join(repository, 'constructor');
    writeFileSync(path.join(home, 'serving.json'), '{"canary": {"version": "constructor", "share": 1}}');
    await assert.rejects(readServing(home), /canary\.version: there is no label "constructor"/);
  });
});

describe('names of models', () => {
  let app: TestApp;
  let call: Client;
  before(async () => {
    const repository = temporaryFolder();
    for (const name of [...WORDS, ...ALIKE])
      cpSync(`${FIXTURES}/lstm`, path.join(repository, name), { recursive: true });
    app = await startApp({
      POLYHEAD_MODEL_REPOSITORY: repository,
      POLYHEAD_EXECUTION_PROVIDER: 'cpu',
      POLYHEAD_WORKERS: '1',
    });
    call = await clientOf(app);
  });
  after(() => app.close());

  it('may be words of the API', async () => {
    for (const name of WORDS) {
      const { example } = app.service.models.get(name);
      const { status, text } = await call(`/v1/models/${name}/predict`, { body: example });
      assert.equal(status, 200, text);
      assert.equal(JSON.parse(text).model, name);
      for (const place of [`/v1/models/${name}`, `/v2/models/${name}`, `/v2/models/${name}/ready`]) {
        const reply = await call(place);
        assert.equal(reply.status, 200, place);
        assert.equal(JSON.parse(reply.text).name, name, place);
      }
    }
  });

  it('have operations that differ by more than case and signs', async () => {
    const { paths }: OpenAPIV3_1.Document = JSON.parse((await call('/openapi.json')).text);
    const operations = Object.values(paths ?? {}).flatMap(item => Object.values(item ?? {}));
    const ids = operations.map(operation => String((operation as OpenAPIV3_1.OperationObject).operationId));
    const bare = ids.map(id => id.replaceAll('_', '').toLowerCase());
    assert.deepEqual(bare, [...new Set(bare)]);
    for (const name of ALIKE) assert.ok(paths?.[`/v1/models/${name}/predict`]?.post, name);
  });

  it('may not be stats, which is a path of the protocol', async () => {
    const repository = temporaryFolder();
    mkdirSync(path.join(repository, 'stats'));
    const [{ fault }] = await listRepository(repository);
    assert.match(fault ?? '', /is no model name/);
  });
});
