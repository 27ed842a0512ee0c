// Streams, tokens and protocol sequences stay on the version that they began on, through loads and unloads of others.
import assert from 'node:assert/strict';
import { cpSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { randomNumbers, randomSequence } from '../../../src/proof/samples.ts';
import { type Client, clientOf } from '../../support/client/client.ts';
import { assertSame, Continuing, json, piece, restForm, v2Form } from '../../support/client/continuing.ts';
import { problemOf } from '../../support/client/contract.ts';
import { inject } from '../../support/client/exchange.ts';
import { repositoryOf } from '../../support/models/served-copies.ts';
import { ROOT, startApp, type TestApp } from '../../support/server/service.ts';

const BASE = '/v1/models/weather';

describe('a version that others join and leave', () => {
  const repository = repositoryOf('models/weather');
  let app: TestApp;
  let call: Client;
  let way: Continuing;
  const random = randomNumbers(21);

  const control = async (action: 'load' | 'unload') => {
    const reply = await inject(app.app, `/v2/repository/models/weather/${action}`, { body: {} });
    assert.equal(reply.status, 200, reply.text);
  };
  const versions = () => app.service.models.versions('weather');
  const infer = (sequence: typeof days, parameters: object) =>
    inject(app.app, '/v2/models/weather/infer', {
      body: { inputs: v2Form(way.model.signature, sequence), parameters },
    });
  let days: ReturnType<typeof randomSequence>;
  const part = (from: number, to: number) => piece(way.model.signature, days, from, to);
  const form = (from: number, to: number) => restForm(way.model.signature, part(from, to));
  const byToken = (more: object, base = BASE) =>
    call(`${base}/predict`, { body: { sequences: [form(4, 6)], probabilities: 'all', ...more } });

  let stream: string;
  let token: string;
  let whole: unknown;

  before(async () => {
    app = await startApp({
      POLYHEAD_MODEL_REPOSITORY: repository,
      POLYHEAD_MODEL_CONTROL: 'explicit',
      POLYHEAD_EXECUTION_PROVIDER: 'cpu',
      POLYHEAD_WORKERS: '1',
    });
    call = await clientOf(app);
    way = new Continuing(app.service.models.get('weather', '1'), call);
    days = randomSequence(way.model.signature, 10, random);
    whole = await way.whole(part(0, 6));
    stream = await way.openStream();
    await json(way.step(stream, part(0, 4)));
    ({ state: token } = await way.tokenStep(part(0, 4), null));
    assert.equal((await infer(part(0, 4), { sequence_id: 5, sequence_start: true })).status, 200);
    cpSync(path.join(ROOT, 'models/weather-gru/1'), path.join(repository, 'weather/2'), { recursive: true });
    await control('load');
  });
  after(() => app.close());

  it('serves the new version to whoever begins', async () => {
    assert.deepEqual(versions(), ['1', '2']);
    const opened = await json(call(`${BASE}/streams`, { method: 'POST' }), 201);
    assert.equal(opened.version, '2');
    assert.equal((await json(call(`${BASE}/versions/1/streams`, { method: 'POST' }), 201)).version, '1');
    assert.equal((await json(byToken({ returnState: true }))).version, '2');
    assert.equal((await json(byToken({ returnState: true, states: [null] }))).version, '2');
  });

  it('goes on with the old one by stream, token and sequence', async () => {
    const step = await json(way.step(stream, part(4, 6), 4));
    assert.equal(step.version, '1');
    assertSame(step.prediction.heads, whole, 0);
    assert.equal((await json(call(`${BASE}/streams/${stream}`))).version, '1');
    const carried = await json(byToken({ states: [token] }));
    assert.equal(carried.version, '1');
    assertSame(carried.predictions[0].heads, whole, 0);
    const { model_version, outputs } = await json(infer(part(4, 6), { sequence_id: 5 }));
    assert.equal(model_version, '1', 'the reply names a version that did not answer');
    const tensors = await json(
      inject(app.app, '/v2/models/weather/versions/1/infer', {
        body: { inputs: v2Form(way.model.signature, part(0, 6)) },
      }),
    );
    assert.deepEqual(outputs, tensors.outputs);
  });

  it('refuses a token on a version that it is not of', async () => {
    const problem = problemOf(
      await byToken({ states: [token] }, `${BASE}/versions/2`),
      422,
      'INVALID_STATE',
      '/states/0',
    );
    assert.match(problem.detail, /^states\[0\]: the state token belongs to another model, version or graph$/);
    assert.equal((await byToken({ states: [token] }, `${BASE}/versions/1`)).status, 200);
    const { predictions } = await json(byToken({ returnState: true }, `${BASE}/versions/2`));
    const both = { sequences: [form(0, 2), form(0, 2), form(0, 2)], states: [null, token, predictions[0].state] };
    problemOf(await call(`${BASE}/predict`, { body: both }), 422, 'INVALID_STATE', '/states/2');
  });

  it('goes on after its version was loaded again, the same graph', async () => {
    await control('load');
    const step = await json(way.step(stream, part(6, 8), 6));
    assertSame(
      step.prediction.heads,
      await json(call(`${BASE}/versions/1/predict`, { body: { sequences: [form(0, 8)], probabilities: 'all' } })).then(
        reply => reply.predictions[0].heads,
      ),
      0,
    );
  });

  it('stops with the reason when its version is gone, and goes on when that is back', async () => {
    const folder = path.join(repository, 'weather/1');
    renameSync(folder, `${repository}/../${path.basename(repository)}-away`);
    await control('load');
    assert.deepEqual(versions(), ['2']);
    const gone = problemOf(await way.step(stream, part(8, 10)), 409, 'STREAM_CONFLICT');
    assert.match(gone.detail, /began on version 1 of "weather", which is no longer loaded/);
    assert.equal((await json(call(`${BASE}/streams/${stream}`))).length, 8);
    problemOf(await byToken({ states: [token] }), 422, 'INVALID_STATE', '/states/0');
    assert.equal((await infer(part(4, 6), { sequence_id: 5 })).status, 409);
    cpSync(path.join(ROOT, 'models/weather-gru/1'), folder, { recursive: true });
    await control('load');
    const other = problemOf(await way.step(stream, part(8, 10)), 409, 'STREAM_CONFLICT');
    assert.match(other.detail, /version 1 of "weather", which is another graph by now/);
    const foreign = problemOf(await byToken({ states: [token] }), 422, 'INVALID_STATE', '/states/0');
    assert.match(foreign.detail, /another model, version or graph/);
    rmSync(folder, { recursive: true });
    renameSync(`${repository}/../${path.basename(repository)}-away`, folder);
    await control('load');
    assert.equal((await json(way.step(stream, part(8, 10), 8))).length, 10);
    assertSame((await json(byToken({ states: [token] }))).predictions[0].heads, whole, 0);
    await control('unload');
    problemOf(await way.step(stream, part(0, 1)), 409, 'STREAM_CONFLICT');
    problemOf(await byToken({ states: [token] }), 404, 'MODEL_NOT_FOUND');
  });
});
