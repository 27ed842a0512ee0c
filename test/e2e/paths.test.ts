// Names, paths, methods and ids that are wrong or hostile, and bytes that are not HTTP.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Client, clientAt, listen } from '../support/client/client.ts';
import { problemOf } from '../support/client/contract.ts';
import { connect, mediaType, parseReply, send } from '../support/client/exchange.ts';
import { startApp, type TestApp } from '../support/server/service.ts';

const LSTM = '/v1/models/lstm/predict';
const body = { sequences: [[[1, 2, 3]]] };
const MODELS = [
  'none',
  'LSTM',
  '__proto__',
  'constructor',
  'toString',
  '..',
  '.',
  '%2e%2e',
  '..%2f..%2fetc',
  '%00',
  '%F0%9F%92%A9',
];
const VERSIONS = ['3', '01', '-1', '1.0', 'latest', '1e0', '__proto__', '%31%32'];
const MALFORMED = ['%', '%ZZ', '%e2%28%a1', '%FF'];
const UNKNOWN = ['/v1', '/v1//models', '/v3/health/ready', '/LIVEZ', '/.env', '//livez', '/favicon.ico'];
const IDS = [
  'a b',
  'x'.repeat(65),
  '../../etc/passwd',
  '<script>',
  '{"a":1}',
  'a,b',
  'a;b',
  '%0d%0aset-cookie:x',
  'é',
  "'",
];
const RAW: [name: string, bytes: string][] = [
  ['no HTTP at all', 'who goes there\r\n\r\n'],
  ['a TLS hello', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
  ['an unknown version', 'GET /livez HTTP/9.9\r\nhost: a\r\n\r\n'],
  ['a header without a colon', 'GET /livez HTTP/1.1\r\nhost: a\r\nbroken\r\n\r\n'],
  ['a space before a colon', `POST ${LSTM} HTTP/1.1\r\nhost: a\r\ncontent-length : 5\r\n\r\nhello`],
  ['two lengths', `POST ${LSTM} HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello!`],
  ['a negative length', `POST ${LSTM} HTTP/1.1\r\nhost: a\r\ncontent-length: -5\r\n\r\n`],
  [
    'length and chunks',
    `POST ${LSTM} HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
  ],
  ['headers without end', `GET /livez HTTP/1.1\r\nhost: a\r\n${'x-filler: y\r\n'.repeat(4000)}\r\n`],
  ['a header that is too large', `GET /livez HTTP/1.1\r\nhost: a\r\nx-filler: ${'y'.repeat(40_000)}\r\n\r\n`],
];

describe('paths, methods and ids', () => {
  let app: TestApp;
  let origin: string;
  let call: Client;
  before(async () => {
    app = await startApp({ POLYHEAD_WORKERS: '1' });
    origin = await listen(app);
    call = await clientAt(origin);
  });
  after(() => app.close());

  for (const name of MODELS) {
    it(`model ${name}`, async () => {
      problemOf(await call(`/v1/models/${name}/predict`, { body }), 404, 'MODEL_NOT_FOUND');
      problemOf(await call(`/v1/models/${name}`), 404, 'MODEL_NOT_FOUND');
    });
  }
  for (const version of VERSIONS) {
    it(`version ${version}`, async () => {
      problemOf(await call(`/v1/models/lstm/versions/${version}/predict`, { body }), 404, 'MODEL_NOT_FOUND');
      problemOf(await call(`/v1/models/lstm/versions/${version}`), 404, 'MODEL_NOT_FOUND');
    });
  }
  for (const name of MALFORMED) {
    it(`malformed escape ${name}`, async () => {
      problemOf(await call(`/v1/models/${name}/predict`, { body }), 400, 'INVALID_REQUEST');
    });
  }

  it('a model name beyond any allowed length', async () => {
    for (const length of [65, 128, 129, 10_000]) {
      for (const path of [`/v1/models/${'m'.repeat(length)}`, `/v1/models/lstm/versions/${'1'.repeat(length)}`]) {
        const reply = await call(path);
        assert.ok(reply.status === 400 || reply.status === 404, `${reply.status} for ${length}`);
        assert.ok(reply.text.length < 1000);
      }
    }
  });

  for (const path of UNKNOWN) {
    it(`unknown path ${path}`, async () => {
      problemOf(await call(path), 404, 'NOT_FOUND');
      problemOf(await call(path, { body }), 404, 'NOT_FOUND');
    });
  }

  const METHODS: [path: string, allowed: string, refused: string[]][] = [
    [LSTM, 'POST', ['GET', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'HEAD']],
    ['/v1/models/lstm/versions/1/predict', 'POST', ['GET', 'DELETE']],
    ['/v1/models', 'GET, HEAD', ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']],
    ['/livez', 'GET, HEAD', ['POST', 'DELETE']],
    ['/metrics', 'GET, HEAD', ['POST']],
    ['/openapi.json', 'GET, HEAD', ['POST']],
  ];
  for (const [path, allowed, refused] of METHODS) {
    for (const method of refused) {
      it(`${method} ${path}`, async () => {
        const reply = await call(path, { method, body: method === 'POST' ? body : undefined });
        assert.equal(reply.status, 405);
        assert.equal(String(reply.headers.allow).split(', ').sort().join(', '), allowed);
        if (method !== 'HEAD') problemOf(reply, 405, 'METHOD_NOT_ALLOWED');
      });
    }
  }

  it('a method that nothing here knows', async () => {
    for (const method of ['PROPFIND', 'TRACE', 'LOCK', 'QUERY']) {
      const { socket, ended } = await connect(
        origin,
        `${method} ${LSTM} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n`,
      );
      const { text } = await ended;
      socket.destroy();
      const reply = parseReply(text);
      assert.ok([400, 404, 405].includes(reply.status), `${method}: ${text}`);
      assert.equal(mediaType(reply), 'application/problem+json', `${method}: ${text}`);
    }
  });

  it('HEAD on what GET answers', async () => {
    for (const path of [
      '/livez',
      '/readyz',
      '/version',
      '/metrics',
      '/v1/models',
      '/v1/models/lstm',
      '/openapi.json',
    ]) {
      const reply = await call(path, { method: 'HEAD' });
      assert.deepEqual([reply.status, reply.text], [200, ''], path);
      assert.ok(Number(reply.headers['content-length']) > 0, path);
    }
  });

  it('echoes a harmless x-request-id, in errors too', async () => {
    for (const id of ['abc-123', 'A.b_c-9', 'x'.repeat(64)]) {
      const headers = { 'x-request-id': id };
      assert.equal((await call('/livez', { headers })).headers['x-request-id'], id);
      const reply = await call('/v1/models/none', { headers });
      assert.equal(problemOf(reply, 404, 'MODEL_NOT_FOUND').requestId, id);
    }
  });

  for (const id of IDS) {
    it(`replaces the x-request-id ${id.slice(0, 20)}`, async () => {
      const reply = await call('/v1/models/none', { headers: { 'x-request-id': id } });
      const { requestId } = problemOf(reply, 404, 'MODEL_NOT_FOUND');
      assert.match(requestId, /^[0-9a-f-]{36}$/);
    });
  }

  for (const [name, bytes] of RAW) {
    it(`bytes on the socket: ${name}`, async () => {
      const { ended } = await connect(origin, bytes);
      const { text } = await ended;
      const reply = parseReply(text);
      assert.ok(reply.status === 400 || reply.status === 431 || reply.status === 505, text);
      problemOf(reply, reply.status, 'INVALID_REQUEST');
      assert.equal(reply.headers.connection, 'close');
      assert.equal((await send(origin, '/livez')).status, 200);
    });
  }

  it('refuses a request without a host', async () => {
    const { ended } = await connect(origin, 'GET /livez HTTP/1.1\r\n\r\n');
    assert.match((await ended).text, /^HTTP\/1\.1 400 Bad Request\r\n/);
  });

  it('survives connections that are torn down at any point', async () => {
    const request = `POST ${LSTM} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 27\r\n\r\n${JSON.stringify(body)}`;
    for (let end = 0; end <= request.length; end += 10) {
      const { socket, ended } = await connect(origin, request.slice(0, end));
      socket.resetAndDestroy();
      await ended;
    }
    assert.equal((await call(LSTM, { body })).status, 200);
  });
});
