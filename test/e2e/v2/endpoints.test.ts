// Every endpoint of the Open Inference Protocol v2, with and without a version, and what is no endpoint of it.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { VERSION } from '../../../src/version.ts';
import { errorOf, inject, jsonOf, type V2Call } from '../../support/client/v2.ts';
import { repositoryOf } from '../../support/models/served-copies.ts';
import { startApp, type TestApp } from '../../support/server/service.ts';

const REPOSITORY = repositoryOf(
  'test/fixtures/models/lstm',
  'test/fixtures/models/two-inputs',
  'test/fixtures/exporters/oh-half',
);
const EXTENSIONS = [
  'binary_tensor_data',
  'model_configuration',
  'parameters',
  'schedule_policy',
  'sequence',
  'sequence(string_id)',
  'statistics',
];

describe('the endpoints of the protocol', () => {
  let app: TestApp;
  const call = (path: string, options?: V2Call) => inject(app, path, options);
  before(async () => {
    app = await startApp({ POLYHEAD_MODEL_REPOSITORY: REPOSITORY, POLYHEAD_WORKERS: '1' });
  });
  after(() => app.close());

  it('health: both keys in the body of ready', async () => {
    assert.deepEqual(jsonOf(await call('/v2/health/live')), { live: true });
    assert.deepEqual(jsonOf(await call('/v2/health/ready?probe=1')), { live: true, ready: true });
  });

  it('server metadata, at /v2 and /v2/', async () => {
    for (const path of ['/v2', '/v2/', '/v2?x=1']) {
      assert.deepEqual(jsonOf(await call(path)), { name: 'polyhead', version: VERSION, extensions: EXTENSIONS });
    }
  });

  it('models: names once each', async () => {
    assert.deepEqual(jsonOf(await call('/v2/models')), { models: ['lstm', 'oh-half', 'two-inputs'] });
  });

  it('model metadata: the newest version unless one is named, with the shapes of the graph', async () => {
    const metadata = jsonOf(await call('/v2/models/lstm'));
    assert.deepEqual(metadata, jsonOf(await call('/v2/models/lstm/versions/2')));
    const { inputs, outputs, ...rest } = metadata;
    assert.deepEqual(rest, { name: 'lstm', versions: ['1', '2'], platform: 'onnxruntime_onnx' });
    assert.deepEqual(inputs[0], { name: 'x', datatype: 'FP32', shape: [-1, -1, 3] });
    assert.deepEqual(inputs[1], { name: 'lengths', datatype: 'INT64', shape: [-1] });
    for (const { name, datatype, shape } of outputs) {
      assert.equal(typeof name, 'string');
      assert.equal(datatype, 'FP32');
      assert.equal(shape.indexOf(-1), /^[hc]n$/.test(name) ? 1 : 0);
    }
    const half = jsonOf(await call('/v2/models/oh-half'));
    assert.deepEqual(
      [...half.inputs, ...half.outputs].map(t => t.datatype),
      ['FP16', 'FP16', 'FP16'],
    );
  });

  it('model ready, configuration and statistics, per version too', async () => {
    for (const at of ['/v2/models/lstm', '/v2/models/lstm/versions/1', '/v2/models/lstm/versions/2']) {
      assert.deepEqual(jsonOf(await call(`${at}/ready`)), { name: 'lstm', ready: true });
      const config = jsonOf(await call(`${at}/config`));
      assert.equal(config.name, 'lstm');
      assert.equal(config.max_batch_size, 0); // its state has the batch on axis 1, which Triton cannot say
      assert.deepEqual(config.input[0], { name: 'x', data_type: 'TYPE_FP32', dims: [-1, -1, 3] });
      const { model_stats } = jsonOf(await call(`${at}/stats`));
      const versions = at.endsWith('1') ? ['1'] : at.endsWith('2') ? ['2'] : ['1', '2'];
      assert.deepEqual(
        model_stats.map((s: { version: string }) => s.version),
        versions,
      );
    }
    const half = jsonOf(await call('/v2/models/oh-half/config'));
    assert.equal(half.max_batch_size, 64);
    assert.deepEqual(half.input, [{ name: 'x', data_type: 'TYPE_FP16', dims: [-1, 3] }]);
    const all = jsonOf(await call('/v2/models/stats')).model_stats;
    assert.deepEqual(
      all.map((s: { name: string; version: string }) => `${s.name}/${s.version}`),
      ['lstm/1', 'lstm/2', 'oh-half/1', 'two-inputs/1'],
    );
  });

  it('HEAD wherever there is GET, with the same headers and no body', async () => {
    for (const path of [
      '/v2',
      '/v2/health/live',
      '/v2/health/ready',
      '/v2/models',
      '/v2/models/lstm',
      '/v2/models/lstm/ready',
      '/v2/models/lstm/versions/1/config',
      '/v2/models/stats',
    ]) {
      const [get, head] = [await call(path), await call(path, { method: 'HEAD' })];
      assert.equal(head.status, 200, path);
      assert.equal(head.bytes.length, 0);
      for (const name of ['content-type', 'content-length']) assert.equal(head.headers[name], get.headers[name], path);
    }
    assert.equal((await call('/v2/models/none', { method: 'HEAD' })).status, 404);
  });

  it('404 for what is not there, whatever it is called', async () => {
    const names = [
      'none',
      '__proto__',
      'constructor',
      'LSTM',
      'lstm%2F1',
      '..%2Flstm',
      '%00',
      '%E2%98%83',
      'a'.repeat(64),
      'a'.repeat(128),
      '%20lstm',
    ];
    for (const name of names) {
      for (const suffix of ['', '/ready', '/config', '/stats']) errorOf(await call(`/v2/models/${name}${suffix}`), 404);
      errorOf(await call(`/v2/models/${name}/infer`, { body: '{}' }), 404);
    }
    for (const version of ['3', '01', '1.0', '-1', 'latest', '__proto__', '%20', '1e0', '9'.repeat(100)]) {
      for (const suffix of ['', '/ready', '/config', '/stats'])
        errorOf(await call(`/v2/models/lstm/versions/${version}${suffix}`), 404);
      errorOf(await call(`/v2/models/lstm/versions/${version}/infer`, { body: '{}' }), 404);
    }
  });

  it('404 for endpoints that are not served, whatever is posted there', async () => {
    const paths = [
      '/v2/nothing',
      '/v2/logging',
      '/v2/trace/setting',
      '/v2/models/lstm/trace/setting',
      '/v2/models/lstm/generate',
      '/v2/models/lstm/generate_stream',
      '/v2/models/lstm/infer_stream',
      '/v2/models/lstm/versions',
      '/v2/models/lstm/versions/1/generate',
      '/v2/repository',
      '/v2/repository/own/index',
      '/v2/repository/models/lstm',
      '/v2/repository/models/lstm/versions/1/load',
      '/v2/systemsharedmemory/status',
      '/v2/cudasharedmemory/status',
    ];
    for (const path of paths) {
      errorOf(await call(path), 404);
      for (const type of [undefined, 'application/json', 'application/octet-stream', 'text/plain']) {
        const headers = type === undefined ? {} : { 'content-type': type };
        errorOf(await call(path, { body: '{', headers }), 404);
      }
    }
  });

  it('400 for a path that cannot be read', async () => {
    for (const path of [
      '/v2/models/%ZZ',
      '/v2/models/%',
      '/v2/models/%ff/infer',
      '/v2/%ZZ',
      `/v2/models/${'a'.repeat(129)}`,
    ])
      errorOf(await call(path), 400);
  });

  it('405 with Allow for another method, whatever is sent with it', async () => {
    const posts = [
      '/v2/models/lstm/infer',
      '/v2/models/lstm/versions/1/infer',
      '/v2/repository/index',
      '/v2/repository/models/lstm/load',
      '/v2/repository/models/lstm/unload',
    ];
    const gets = [
      '/v2',
      '/v2/health/live',
      '/v2/health/ready',
      '/v2/models',
      '/v2/models/stats',
      '/v2/models/lstm',
      '/v2/models/lstm/ready',
      '/v2/models/lstm/config',
      '/v2/models/lstm/versions/1/stats',
    ];
    const others = (allowed: string) => ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'].filter(m => m !== allowed);
    for (const [paths, allowed, allow] of [
      [posts, 'POST', /^POST$/],
      [gets, 'GET', /^GET, HEAD$|^HEAD, GET$/],
    ] as const) {
      for (const path of paths) {
        for (const method of others(allowed)) {
          for (const headers of [
            {},
            { 'content-type': 'application/octet-stream' },
            { 'content-type': 'application/json' },
          ]) {
            const body = ['GET', 'OPTIONS'].includes(method) ? undefined : '{';
            const reply = await call(path, { method, body, headers });
            errorOf(reply, 405, /^this path takes /);
            assert.match(reply.headers.allow ?? '', allow, `${method} ${path}`);
          }
        }
      }
    }
  });
});
