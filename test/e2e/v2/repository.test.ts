// Model control: the index, loading a changed model under fire, refusing a bad one, and unloading what is in use.
import assert from 'node:assert/strict';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { after, before, describe, it } from 'node:test';
import { ConfigError } from '../../../src/config.ts';
import { listen } from '../../support/client/client.ts';
import { parseMetrics } from '../../support/client/prometheus.ts';
import { answerOf, binaryBody, errorOf, inject, jsonOf, send, type V2Call } from '../../support/client/v2.ts';
import { repositoryOf, threads } from '../../support/models/registries.ts';
import { GATED_WORKER, Gate } from '../../support/runner/gate.ts';
import { until } from '../../support/runner/until.ts';
import { configOf, startApp, type TestApp } from '../../support/server/service.ts';

const INFER = '/v2/models/m/infer';
const LOAD = '/v2/repository/models/m/load';
const UNLOAD = '/v2/repository/models/m/unload';
const X = { name: 'x', datatype: 'FP32', shape: [1, 2, 3], data: [1, 2, 3, 4, 5, 6] };
const BODY = binaryBody([X, { name: 'lengths', datatype: 'INT64', shape: [1], data: [2] }], {
  outputs: [{ name: 'alarm_logit' }, { name: 'level' }],
});

describe('model control', () => {
  const repository = repositoryOf({ 'm/1': 'test/fixtures/models/lstm/1', 'other/1': 'test/fixtures/models/plain/1' });
  let app: TestApp;
  let gate: Gate;
  const call = (path: string, options?: V2Call) => inject(app, path, options);
  const post = (path: string, body = '') => call(path, { method: 'POST', body });
  const index = async (body = '') => jsonOf(await post('/v2/repository/index', body));
  const answer = async () =>
    answerOf(await call(INFER, BODY))
      .outputs.map(({ bytes }) => bytes?.toString('hex'))
      .join();
  /** Publishes a version folder by a rename, in place of what was there. */
  const publish = (fixture: string) => {
    const fresh = repository.copy(fixture, '.fresh');
    rmSync(repository.at('m', '1'), { recursive: true });
    renameSync(fresh, repository.at('m', '1'));
  };
  before(async () => {
    gate = new Gate();
    app = await startApp(
      {
        POLYHEAD_MODEL_REPOSITORY: repository.root,
        POLYHEAD_WORKERS: '1',
        POLYHEAD_THREADS: '1',
        POLYHEAD_MODEL_CONTROL: 'explicit',
      },
      GATED_WORKER,
    );
  });
  after(() => app.close());

  it('is advertised', async () => {
    assert.ok(jsonOf(await call('/v2')).extensions.includes('model_repository'));
  });

  it('the index tells every version with all four fields', async () => {
    const entry = (name: string) => ({ name, version: '1', state: 'READY', reason: '' });
    for (const body of ['', '{}', '{"ready":false}', '{"ready":true}', '{"ready":null}']) {
      assert.deepEqual(await index(body), [entry('m'), entry('other')]);
    }
  });

  it('swaps a changed model while 32 connections ask it, without one failed request', async () => {
    const origin = await listen(app);
    const agent = new http.Agent({ keepAlive: true, maxSockets: 32 });
    const old = await answer();
    const before = threads();
    const seen = new Map<string, number>();
    let firing = true;
    let count = 0;
    const fire = async () => {
      while (firing) {
        const reply = await send(origin, INFER, { ...BODY, agent });
        const text = answerOf(reply)
          .outputs.map(({ bytes }) => bytes?.toString('hex'))
          .join();
        seen.set(text, (seen.get(text) ?? 0) + 1);
        count++;
      }
    };
    const shooters = Array.from({ length: 32 }, fire);
    await until('the fire has begun', () => count > 100);
    publish('test/fixtures/models/lstm/2');
    assert.deepEqual(jsonOf(await send(origin, LOAD, { method: 'POST', body: '{}', agent: new http.Agent() })), {});
    const atSwap = count;
    await until('the fire goes on', () => count > atSwap + 100);
    firing = false;
    await Promise.all(shooters);
    agent.destroy();
    const fresh = await answer();
    assert.notEqual(fresh, old);
    assert.deepEqual(new Set(seen.keys()), new Set([old, fresh]), 'an answer of neither model');
    await until('the old workers have ended', () => threads() === before);
    const { samples } = parseMetrics((await call('/metrics')).bytes.toString());
    assert.equal(samples.get('polyhead_workers_alive{model="m",version="1"}'), 1);
    assert.equal(samples.get('polyhead_pending_sequences{model="m",version="1"}'), 0);
  });

  it('leaves the old model serving when the new one is bad', async () => {
    const old = await answer();
    for (const bad of ['nan-weight', 'wrong-golden', 'truncated', 'not-onnx', 'wrong-heads']) {
      publish(`test/fixtures/broken/${bad}/1`);
      const refused = await post(LOAD);
      assert.equal(refused.status, 400);
      assert.match(JSON.parse(refused.bytes.toString()).error, /^the model was refused: m\/1: /);
      assert.equal(await answer(), old, bad);
      const [{ reason, ...entry }] = await index();
      assert.deepEqual(entry, { name: 'm', version: '1', state: 'READY' });
      assert.match(reason, /^m\/1: /, 'whoever may load a model is told why it was refused');
    }
    publish('test/fixtures/models/lstm/2');
    assert.equal((await post(LOAD)).status, 200);
    assert.equal(await answer(), old);
  });

  it('takes one load of a model at a time, and tells that it loads', async () => {
    assert.equal((await post(UNLOAD)).status, 200);
    const loads = [post(LOAD), post(LOAD), post(LOAD)];
    const seen = await until('it loads', async () =>
      (await index()).find((e: { name: string; state: string }) => e.name === 'm' && e.state === 'LOADING'),
    );
    assert.equal(seen.version, '1');
    for (const { status } of await Promise.all(loads)) assert.equal(status, 200);
    await answer();
  });

  it('adds a version, the newest of which answers, and takes away what the repository has no longer', async () => {
    const old = await answer();
    repository.copy('test/fixtures/models/lstm/1', 'm/2');
    assert.equal((await post(LOAD)).status, 200);
    assert.deepEqual(jsonOf(await call('/v2/models/m')).versions, ['1', '2']);
    assert.notEqual(await answer(), old);
    rmSync(repository.at('m', '2'), { recursive: true });
    assert.equal((await post(LOAD)).status, 200);
    assert.deepEqual(jsonOf(await call('/v2/models/m')).versions, ['1']);
    errorOf(await call('/v2/models/m/versions/2/infer', BODY), 404);
    assert.equal(await answer(), old);
  });

  it('unload: what is in flight is answered, what comes after is 404', async () => {
    await gate.order({ type: 'hold' });
    const held = call(INFER, BODY);
    await gate.started(1);
    const unloading = post(UNLOAD, '{"parameters":{"unload_dependents":false}}');
    await until('it is out of service', async () => (await call('/v2/models/m')).status === 404);
    errorOf(await call(INFER, BODY), 404);
    for (const suffix of ['', '/ready', '/config', '/stats', '/versions/1'])
      errorOf(await call(`/v2/models/m${suffix}`), 404);
    await gate.order({ type: 'pass' });
    answerOf(await held);
    assert.equal((await unloading).status, 200);
    assert.deepEqual((await index())[0], { name: 'm', version: '1', state: 'UNAVAILABLE', reason: 'unloaded' });
    assert.deepEqual(
      (await index('{"ready":true}')).map((e: { name: string }) => e.name),
      ['other'],
    );
    errorOf(await post(UNLOAD), 404);
    const { samples } = parseMetrics((await call('/metrics')).bytes.toString());
    assert.equal(samples.get('polyhead_workers_alive{model="m",version="1"}'), undefined);
    assert.equal((await post(LOAD)).status, 200);
    await answer();
  });

  it('refuses configurations and files from callers, and names that are none', async () => {
    for (const key of ['config', 'file:1/model.onnx']) {
      errorOf(await post(LOAD, JSON.stringify({ parameters: { [key]: 'e30=' } })), 400, /config and file:/);
    }
    for (const name of ['none', '..', '..%2F..%2Fm', '.fresh', '__proto__']) {
      errorOf(await post(`/v2/repository/models/${name}/load`), name === '..' ? 404 : 404);
      errorOf(await post(`/v2/repository/models/${name}/unload`), 404);
    }
    writeFileSync(repository.at('a-file'), '');
    errorOf(await post('/v2/repository/models/a-file/load'), 404);
    await answer();
  });
});

describe('model control beyond loopback', () => {
  it('needs keys', () => {
    const open = { HOST: '0.0.0.0', POLYHEAD_MODEL_CONTROL: 'explicit', POLYHEAD_AUTH: 'off' };
    assert.throws(
      () => configOf(open),
      (e: unknown) => e instanceof ConfigError && /MODEL_CONTROL=explicit .*needs POLYHEAD_API_KEYS/.test(e.message),
    );
    assert.equal(
      configOf({ HOST: '0.0.0.0', POLYHEAD_MODEL_CONTROL: 'explicit', POLYHEAD_API_KEYS: 'k'.repeat(16) }).modelControl,
      'explicit',
    );
    assert.equal(configOf({ POLYHEAD_MODEL_CONTROL: 'explicit' }).modelControl, 'explicit');
    assert.equal(configOf().modelControl, 'none');
  });
});
