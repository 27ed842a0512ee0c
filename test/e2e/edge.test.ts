// At the edge: pages of other origins, the v1 protocol of TensorFlow Serving and KServe, and paths that are nearly right.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Paths } from '../../src/http/paths.ts';
import { type Client, clientOf } from '../support/client/client.ts';
import { problemOf } from '../support/client/contract.ts';
import { answerOf, inject, jsonBody } from '../support/client/v2.ts';
import { repositoryOf } from '../support/models/served-copies.ts';
import { startApp, type TestApp } from '../support/server/service.ts';

const PAGE = 'https://page.example';
const SEQUENCE = [
  [1, 2, 3],
  [4, 5, 6],
];
const REPOSITORY = repositoryOf('test/fixtures/models/lstm', 'test/fixtures/exporters/tl-packed');

describe('at the edge', () => {
  let app: TestApp;
  let call: Client;
  before(async () => {
    app = await startApp({
      POLYHEAD_MODEL_REPOSITORY: REPOSITORY,
      POLYHEAD_CORS_ORIGINS: `${PAGE}/`,
      POLYHEAD_API_KEYS: 'key-of-the-page-0123456789',
    });
    call = await clientOf(app);
  });
  after(() => app.close());
  const authorization = 'Bearer key-of-the-page-0123456789';

  it('a page of a named origin may ask without a key, call with one, and read headers and errors', async () => {
    const asked = { origin: PAGE, 'access-control-request-method': 'POST' };
    const preflight = await app.app.inject({
      method: 'OPTIONS',
      url: '/v1/models/lstm/predict',
      headers: { ...asked, 'access-control-request-headers': 'authorization,x-request-timeout-ms' },
    });
    assert.equal(preflight.statusCode, 204);
    assert.equal(preflight.headers['access-control-allow-origin'], PAGE);
    assert.match(String(preflight.headers['access-control-allow-headers']), /authorization.*x-request-timeout-ms/);
    const called = await call('/v1/models/lstm/predict', {
      headers: { origin: PAGE, authorization },
      body: { sequences: [SEQUENCE] },
    });
    assert.equal(called.status, 200);
    assert.equal(called.headers['access-control-allow-origin'], PAGE);
    assert.match(String(called.headers['access-control-expose-headers']), /server-timing/);
    const refused = await call('/v1/models', { headers: { origin: PAGE } });
    assert.equal(refused.status, 401);
    assert.equal(refused.headers['access-control-allow-origin'], PAGE);
  });

  it('no other origin is told that it may', async () => {
    const headers = { origin: 'https://elsewhere.example', authorization };
    const called = await call('/v1/models/lstm', { headers });
    assert.equal(called.headers['access-control-allow-origin'], undefined);
  });

  it('instances are sequences and predictions their heads, by model, version and label', async () => {
    const body = { sequences: [SEQUENCE, SEQUENCE.slice(0, 1)] };
    const own = await call('/v1/models/lstm/predict', { headers: { authorization }, body });
    const heads = JSON.parse(own.text).predictions.map((prediction: { heads: unknown }) => prediction.heads);
    for (const path of [
      '/v1/models/lstm:predict',
      '/v1/models/lstm/versions/2:predict',
      '/v1/models/lstm/labels/stable:predict',
    ]) {
      const reply = await call(path, {
        headers: { authorization },
        body: { signature_name: 'serving_default', instances: body.sequences },
      });
      assert.equal(reply.status, 200, reply.text);
      assert.deepEqual(JSON.parse(reply.text), { predictions: heads });
    }
  });

  it('and problems have the member that its clients read', async () => {
    const cases: [object, number, RegExp][] = [
      [{ instances: [[[1, 2]]] }, 422, /^instances\[0\]\[0\] has 2 features, expected 3$/],
      [{ sequences: [SEQUENCE] }, 400, /instances/],
    ];
    for (const [body, status, pattern] of cases) {
      const reply = await call('/v1/models/lstm:predict', { headers: { authorization }, body });
      assert.equal(reply.status, status);
      assert.match(JSON.parse(reply.text).error, pattern);
    }
    const none = await call('/v1/models/none:predict', { headers: { authorization }, body: { instances: [1] } });
    assert.match(JSON.parse(none.text).error, /no model of this name/);
    assert.equal(none.status, 404);
  });

  it('a slash at the end changes nothing', async () => {
    for (const path of ['/livez/', '/v1/models/', '/v1/models/lstm/', '/v2/health/ready/']) {
      const reply = await app.app.inject({ url: path, headers: { authorization } });
      assert.equal(reply.statusCode, 200, path);
    }
    const body = { sequences: [SEQUENCE] };
    assert.equal((await call('/v1/models/lstm/predict/', { headers: { authorization }, body })).status, 200);
  });

  it('a path that is nearly right is told the route that it is near', async () => {
    const reply = await call('/v1/models/lstm/predictions', { headers: { authorization }, body: {} });
    assert.match(
      problemOf(reply, 404, 'NOT_FOUND').detail,
      /nothing at this path; the nearest is POST \/v1\/models\/\{model\}\/predict$/,
    );
  });

  it('a vector is taken as a column, as NumpyCodec sends it', async () => {
    const x = { name: 'x', datatype: 'FP32', shape: [2, 2, 3], data: [1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6] };
    const lengths = { name: 'lengths', datatype: 'INT64', shape: [2], data: [2, 1] };
    const [flat, column] = await Promise.all(
      [[2], [2, 1]].map(async shape => {
        const { body, headers } = jsonBody([x, { ...lengths, shape }]);
        return answerOf(await inject(app, '/v2/models/lstm/infer', { body, headers: { ...headers, authorization } }));
      }),
    );
    assert.deepEqual(column.outputs, flat.outputs);
  });
});

it('without a setting no page of another origin may call', async () => {
  const app = await startApp({ POLYHEAD_MODEL_REPOSITORY: repositoryOf('test/fixtures/models/lstm') });
  try {
    const reply = await app.app.inject({ url: '/v1/models', headers: { origin: PAGE } });
    assert.equal(reply.headers['access-control-allow-origin'], undefined);
    assert.equal(reply.headers['access-control-allow-credentials'], undefined);
  } finally {
    await app.close();
  }
});

describe('the nearest route', () => {
  const paths = new Paths();
  for (const [method, url] of [
    ['GET', '/livez'],
    ['GET', '/v1/models'],
    ['GET', '/v1/models/:model'],
    ['POST', '/v1/models/:model/predict'],
    ['POST', '/v1/models/:model(^[^:/]+)::predict'],
    ['POST', '/v1/models/:model/explain'],
    ['GET', '/v2/health/ready'],
  ]) {
    paths.add(method, url);
  }
  const near: [method: string, path: string, route: string | undefined][] = [
    ['GET', '/livezz', 'GET /livez'],
    ['POST', '/v1/model/weather/predict', 'POST /v1/models/{model}/predict'],
    ['POST', '/models/weather/predict', 'POST /v1/models/{model}/predict'],
    ['POST', '/v1/models/weather/explan', 'POST /v1/models/{model}/explain'],
    ['GET', '/v2/health/readyz', 'GET /v2/health/ready'],
    ['GET', '/wp-content/plugins/some/thing/else.php', undefined],
  ];
  for (const [method, path, route] of near) {
    it(`to ${path} is ${route ?? 'none'}`, () => assert.equal(paths.nearest(method, path), route));
  }

  it('knows the methods of a path with a colon', () => {
    assert.deepEqual(paths.methods('/v1/models/weather:predict'), ['POST']);
    assert.deepEqual(paths.methods('/v1/models/weather/predict'), ['POST']);
  });

  it('costs little, however long the path', () => {
    const start = process.cpuUsage();
    for (let i = 0; i < 100; i++) paths.nearest('GET', `/${'a'.repeat(200)}${'/b'.repeat(4000)}`);
    const { user } = process.cpuUsage(start);
    assert.ok(user < 2e7, `${user} µs`); // comparing all segments would be minutes
  });
});
