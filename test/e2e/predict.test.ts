// The predict call: which heads, how much of a distribution, which version, how steps may be written, and what the
// reply's headers tell.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { after, before, describe, it } from 'node:test';
import { type Client, clientOf } from '../support/client/client.ts';
import { problemOf } from '../support/client/contract.ts';
import { mediaType, type Reply } from '../support/client/exchange.ts';
import type { Prediction } from '../support/models/golden.ts';
import { repositoryOf } from '../support/models/served-copies.ts';
import { FIXTURES, ROOT, startApp, type TestApp } from '../support/server/service.ts';

const LSTM = '/v1/models/lstm/predict';
const STEPS = '/v1/models/steps/predict';
const PAIR = '/v1/models/two-inputs/predict';
const signal = [
  [0.5, -0.25, 1],
  [1.5, 0.75, -1],
];

function predictionOf(reply: Reply): Prediction {
  assert.equal(reply.status, 200, reply.text);
  return JSON.parse(reply.text).predictions[0];
}

describe('predict', () => {
  let app: TestApp;
  let call: Client;
  const predict = (path: string, body: object) => call(path, { body });
  const one = async (path: string, body: object) => predictionOf(await predict(path, body));

  before(async () => {
    app = await startApp({ POLYHEAD_WORKERS: '1' });
    call = await clientOf(app);
  });
  after(() => app.close());

  it('answers every head, in the order of the manifest', async () => {
    const { heads, length } = await one(LSTM, { sequences: [signal] });
    assert.deepEqual(Object.keys(heads), ['alarm', 'kind', 'tags', 'level']);
    assert.equal(length, 2);
  });

  it('answers the heads asked for, in the order asked, with the same numbers', async () => {
    const every = await one(LSTM, { sequences: [signal] });
    const some = await one(LSTM, { sequences: [signal], heads: ['level', 'alarm'] });
    assert.deepEqual(Object.keys(some.heads), ['level', 'alarm']);
    assert.deepEqual(some.heads, { level: every.heads.level, alarm: every.heads.alarm });
  });

  it('tells all probabilities of heads per sequence by default, of heads per step the top one', async () => {
    const { heads } = await one(STEPS, { sequences: [signal] });
    assert.deepEqual(Object.keys(heads.fault.probabilities ?? {}), ['no', 'yes']);
    assert.deepEqual(
      heads.phase.steps?.map(step => Object.keys(step)),
      [
        ['label', 'probability'],
        ['label', 'probability'],
      ],
    );
  });

  it('tells as much as is asked for: all, top or none', async () => {
    const keys = async (probabilities: string) => {
      const { heads } = await one(STEPS, { sequences: [signal], probabilities });
      return [
        Object.keys(heads.fault),
        Object.keys(heads.phase.steps?.[1] ?? {}),
        Object.keys(heads.load.steps?.[0] ?? {}),
      ];
    };
    const value = ['value', 'unit'];
    const full = ['label', 'probability', 'probabilities'];
    assert.deepEqual(await keys('all'), [full, full, value]);
    assert.deepEqual(await keys('top'), [['label', 'probability'], ['label', 'probability'], value]);
    assert.deepEqual(await keys('none'), [['label'], ['label'], value]);
    const none = await one(LSTM, { sequences: [signal], probabilities: 'none', heads: ['tags'] });
    assert.deepEqual(Object.keys(none.heads.tags), ['labels']);
  });

  it('gives the probability of the label, and probabilities that sum to one', async () => {
    const { heads } = await one(STEPS, { sequences: [signal], probabilities: 'all' });
    for (const answer of [heads.fault, ...(heads.phase.steps ?? [])]) {
      const probabilities = answer.probabilities ?? {};
      const sum = Object.values(probabilities).reduce((total, p) => total + p, 0);
      assert.ok(Math.abs(sum - 1) < 1e-5, `they sum to ${sum}`);
      assert.equal(answer.probability, probabilities[answer.label ?? '']);
    }
  });

  it('takes the newest version unless one is named', async () => {
    const version = async (path: string) => JSON.parse((await predict(path, { sequences: [signal] })).text);
    const newest = await version(LSTM);
    const second = await version('/v1/models/lstm/versions/2/predict');
    const first = await version('/v1/models/lstm/versions/1/predict');
    assert.deepEqual([newest.version, first.version, second.version], ['2', '1', '2']);
    assert.deepEqual(newest.predictions, second.predictions);
    assert.notDeepEqual(newest.predictions, first.predictions);
  });

  it('reads steps as arrays and as objects in any order, mixed within a sequence', async () => {
    const arrays = await one(LSTM, { sequences: [signal] });
    const objects = await one(LSTM, { sequences: [[{ w: 1, u: 0.5, v: -0.25 }, signal[1]]] });
    assert.deepEqual(objects, arrays);
  });

  it('reads a category as its label and as its index', async () => {
    const a = [[0.5, 0.5]];
    const label = await one(PAIR, { sequences: [{ a, b: [[0.1, 3, 'line']] }] });
    const index = await one(PAIR, { sequences: [{ b: [{ offset: 0.1, count: 3, shape: 1 }], a }] });
    const other = await one(PAIR, { sequences: [{ a, b: [[0.1, 3, 'area']] }] });
    assert.deepEqual(index, label);
    assert.notDeepEqual(other, label);
  });

  it('answers sequences in the order of the request, whatever their lengths', async () => {
    const lengths = [3, 1, 9, 2, 40, 1, 64, 5];
    const sequences = lengths.map(length => Array.from({ length }, (_, t) => [length / 64, t / 64, 0.5]));
    const reply = await predict(STEPS, { sequences });
    const { predictions } = JSON.parse(reply.text) as { predictions: Prediction[] };
    assert.deepEqual(
      predictions.map(p => [p.length, p.heads.load.steps?.length]),
      lengths.map(length => [length, length]),
    );
    for (const [i, sequence] of sequences.entries()) {
      assert.deepEqual(await one(STEPS, { sequences: [sequence] }), predictions[i]);
    }
  });

  it('says what the request rode in', async () => {
    const reply = await predict(LSTM, { sequences: [signal, signal, signal] });
    const timing = /^queue;dur=([0-9.]+), run;dur=([0-9.]+)$/.exec(String(reply.headers['server-timing']));
    assert.ok(timing, String(reply.headers['server-timing']));
    const [queue, run] = timing.slice(1).map(Number);
    assert.ok(queue >= 0 && queue < 5000 && run > 0 && run < 5000, `${queue} ${run}`);
    assert.equal(reply.headers['x-batch-size'], '3');
    assert.equal(mediaType(reply), 'application/json');
    assert.equal(reply.headers['cache-control'], 'no-store');
  });

  it('answers every example.json as it stands', async () => {
    for (const { name, version } of app.service.models.all()) {
      const example = JSON.parse(readFileSync(`${FIXTURES}/${name}/${version}/example.json`, 'utf8'));
      const reply = await predict(`/v1/models/${name}/versions/${version}/predict`, example);
      assert.equal(reply.status, 200, reply.text);
      assert.equal(JSON.parse(reply.text).predictions.length, example.sequences.length);
    }
  });

  it('takes a content type with parameters', async () => {
    const headers = { 'content-type': 'application/json; charset=utf-8' };
    assert.equal((await call(LSTM, { body: { sequences: [signal] }, headers })).status, 200);
  });
});

describe('what the model list says', () => {
  let app: TestApp;
  let call: Client;
  before(async () => {
    const special = ['batch-mean', 'padded-last'].map(name => `test/fixtures/special/${name}`);
    const repository = repositoryOf(...special, 'test/fixtures/models/lstm', 'models/weather');
    app = await startApp({ POLYHEAD_MODEL_REPOSITORY: repository, POLYHEAD_EXECUTION_PROVIDER: 'cpu' });
    call = await clientOf(app);
  });
  after(() => app.close());

  it('lists every version with what was found out about batching it', async () => {
    const { models } = JSON.parse((await call('/v1/models')).text);
    const found = models.map((m: { name: string; version: string; certificate: { mixing: string } }) => [
      `${m.name}/${m.version}`,
      m.certificate.mixing,
    ]);
    assert.deepEqual(found, [
      ['batch-mean/1', 'alone'],
      ['lstm/1', 'classes'],
      ['lstm/2', 'classes'],
      ['padded-last/1', 'equal'],
      ['weather/1', 'classes'],
    ]);
  });

  it('describes the newest version of a model, and any version by its number', async () => {
    const get = async (path: string) => JSON.parse((await call(path)).text);
    const newest = await get('/v1/models/lstm');
    assert.deepEqual(newest, await get('/v1/models/lstm/versions/2'));
    assert.equal((await get('/v1/models/lstm/versions/1')).version, '1');
    const device = cpus()[0]?.model.trim() || 'unknown';
    assert.deepEqual(newest.executionProvider, { requested: 'cpu', got: 'cpu', device, fallback: false });
    assert.deepEqual(newest.limits, { batchSize: 64, paddedSteps: 16384, sequencesPerRequest: 512 });
    const manifest = JSON.parse(readFileSync(`${ROOT}models/weather/1/manifest.json`, 'utf8'));
    const weather = await get('/v1/models/weather');
    assert.equal(weather.digest.sha256, manifest.graph.sha256);
    assert.deepEqual(
      weather.inputs[0].features.map((f: { name: string }) => f.name),
      manifest.inputs[0].features.map((f: { name: string }) => f.name),
    );
  });

  it('knows no others', async () => {
    for (const path of ['/v1/models/none', '/v1/models/lstm/versions/3', '/v1/models/lstm/versions/latest']) {
      problemOf(await call(path), 404, 'MODEL_NOT_FOUND');
    }
  });
});
