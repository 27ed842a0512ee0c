// TLS from files that change, quotas by caller, proxies that are believed, and the line that is logged for a request.
import assert from 'node:assert/strict';
import { copyFileSync, readFileSync } from 'node:fs';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { pino } from 'pino';
import { buildApp } from '../../src/app.ts';
import { tlsOptions } from '../../src/http/tls.ts';
import { Service } from '../../src/service/service.ts';
import { VERSION } from '../../src/version.ts';
import { temporaryFolder } from '../support/models/served-copies.ts';
import { until } from '../support/runner/until.ts';
import { configOf, ROOT, startApp } from '../support/server/service.ts';

const TLS = `${ROOT}test/fixtures/tls`;
const pem = (name: string) => readFileSync(`${TLS}/${name}`);

async function startTls(t: TestContext, env: Record<string, string> = {}) {
  const folder = temporaryFolder();
  const install = (name: string) => {
    for (const kind of ['key', 'pem']) copyFileSync(`${TLS}/${name}.${kind}`, `${folder}/server.${kind}`);
  };
  install('first');
  const files = { POLYHEAD_TLS_CERT: `${folder}/server.pem`, POLYHEAD_TLS_KEY: `${folder}/server.key` };
  const { app, close } = await startApp({ ...files, ...env });
  t.after(close);
  await app.listen({ port: 0, host: '127.0.0.1' });
  const { port } = app.server.address() as AddressInfo;
  /** The status of /livez and the name in the server's certificate, on a connection of its own. */
  const ask = (options: https.RequestOptions = {}) =>
    new Promise<{ status?: number; name: string }>((resolve, reject) => {
      const agent = new https.Agent({ keepAlive: false });
      const request = https.get(
        { port, host: '127.0.0.1', path: '/livez', ca: pem('ca.pem'), agent, ...options },
        reply => {
          const { CN } = (reply.socket as TLSSocket).getPeerCertificate().subject;
          reply.resume().on('end', () => resolve({ status: reply.statusCode, name: `${CN}` }));
        },
      );
      request.on('error', reject);
    });
  return { install, ask };
}

describe('TLS', () => {
  it('takes a renewed certificate without a restart', async t => {
    const { install, ask } = await startTls(t);
    assert.deepEqual(await ask(), { status: 200, name: 'first.test' });
    install('second');
    await until('the second certificate', async () => (await ask()).name === 'second.test', 60_000);
  });

  it('asks callers for a certificate where an authority is named', async t => {
    const { ask } = await startTls(t, { POLYHEAD_TLS_CLIENT_CA: `${TLS}/client-ca.pem` });
    await assert.rejects(ask());
    assert.equal((await ask({ cert: pem('client.pem'), key: pem('client.key') })).status, 200);
    await assert.rejects(ask({ cert: pem('first.pem'), key: pem('first.key') }), 'of another authority');
  });

  it('does not take a key of another certificate', () => {
    const files = { tlsCert: `${TLS}/first.pem`, tlsKey: `${TLS}/second.key`, tlsClientCa: '' };
    assert.throws(() => tlsOptions(files), /key/i);
  });
});

describe('quotas', () => {
  it('count requests by key, tell what is left, and refuse with 429 what is over', async t => {
    const keys = ['a-key-of-sixteen-characters', 'another-key-of-sixteen'];
    const { app, close } = await startApp({ POLYHEAD_QUOTA_PER_MINUTE: '3', POLYHEAD_API_KEYS: keys.join() });
    t.after(close);
    const ask = (key: string) => app.inject({ url: '/v1/models', headers: { authorization: `Bearer ${key}` } });
    for (const left of ['2', '1', '0']) {
      const reply = await ask(keys[0]);
      assert.deepEqual([reply.statusCode, reply.headers['ratelimit-remaining']], [200, left]);
    }
    const refused = await ask(keys[0]);
    assert.deepEqual([refused.statusCode, refused.json().code], [429, 'QUOTA_EXCEEDED']);
    assert.ok(Number(refused.headers['retry-after']) > 1);
    assert.equal((await ask(keys[1])).statusCode, 200, 'another caller');
    assert.equal((await app.inject('/readyz')).statusCode, 200, 'probes have none');
    assert.equal((await app.inject('/v1/models')).statusCode, 401, 'and no key is no caller');
  });

  it('are one for all keys of a name, however the header is written; where no keys are set it opens none', async t => {
    const [old, fresh] = ['an-old-key-of-caller', 'a-fresh-key-of-caller'];
    const env = {
      POLYHEAD_QUOTA_PER_MINUTE: '4',
      POLYHEAD_API_KEYS: `caller:${old},caller:${fresh},other:${'x'.repeat(16)}`,
    };
    const { app, close } = await startApp(env);
    t.after(close);
    const ask = (authorization: string) => app.inject({ url: '/v1/models', headers: { authorization } });
    for (const header of [`Bearer ${old}`, `bearer ${old}`, `BEARER ${fresh}`, `Bearer caller:${fresh}`])
      assert.equal((await ask(header)).statusCode, 200, header);
    for (const header of [`bEARER ${old}`, `Bearer ${fresh}`])
      assert.equal((await ask(header)).statusCode, 429, header);
    assert.equal((await ask(`Bearer ${'x'.repeat(16)}`)).headers['ratelimit-remaining'], '3');
    const open = await startApp({ POLYHEAD_QUOTA_PER_MINUTE: '1' });
    t.after(open.close);
    const freely = (authorization: string) => open.app.inject({ url: '/v1/models', headers: { authorization } });
    assert.deepEqual([(await freely('Bearer a')).statusCode, (await freely('Bearer b')).statusCode], [200, 429]);
  });

  it('are counted by the configured name of the key, which stands in that metric and in no answer', async t => {
    const keys = { secretive: 'a-key-of-a-caller', scraper: 'a-key-of-prometheus' };
    const [SECRETIVE, SCRAPER] = Object.values(keys);
    const { app, close } = await startApp({
      POLYHEAD_QUOTA_PER_MINUTE: '2',
      POLYHEAD_API_KEYS: `secretive:predict:${SECRETIVE},scraper:metrics:${SCRAPER},a-key-without-a-name`,
    });
    t.after(close);
    const told: string[] = [];
    const ask = async (key: string | undefined, url = '/v1/models', method: 'GET' | 'POST' = 'GET') => {
      const headers = { 'x-request-id': 'one', ...(key ? { authorization: `Bearer ${key}` } : {}) };
      const reply = await app.inject({ url, method, headers });
      told.push(JSON.stringify(reply.headers) + reply.payload);
      return reply.statusCode;
    };
    for (const key of [SECRETIVE, `secretive:predict:${SECRETIVE}`, 'a-key-without-a-name', 'a-key-without-a-name'])
      assert.equal(await ask(key), 200);
    for (const key of [SECRETIVE, SECRETIVE, `secretive:predict:${SECRETIVE}`, 'a-key-without-a-name'])
      assert.equal(await ask(key), 429);
    for (const key of ['nobody-knows-this-key', 'secretive', 'secretive:nobody-knows-this-key', undefined])
      assert.equal(await ask(key), 401);
    assert.equal(await ask(SCRAPER), 403);
    for (const url of ['/openapi.json', '/livez', '/readyz', '/version', '/nowhere']) await ask(undefined, url);
    assert.doesNotMatch(told.join(), /secretive|scraper/);
    const { payload } = await app.inject({ url: '/metrics', headers: { authorization: `Bearer ${SCRAPER}` } });
    const named = payload.split('\n').filter(line => /secretive|scraper|unnamed/.test(line) && !line.startsWith('#'));
    assert.deepEqual(named, [
      'polyhead_quota_refusals_total{key="secretive"} 3',
      'polyhead_quota_refusals_total{key="unnamed"} 1',
    ]);
  });

  it('go by address without keys, by that of the caller behind a proxy that is trusted', async t => {
    const env = { POLYHEAD_QUOTA_PER_MINUTE: '1', POLYHEAD_TRUSTED_PROXIES: '10.0.0.0/8' };
    const { app, close } = await startApp(env);
    t.after(close);
    const ask = async (remoteAddress: string, forwarded: string) =>
      (await app.inject({ url: '/v1/models', remoteAddress, headers: { 'x-forwarded-for': forwarded } })).statusCode;
    assert.equal(await ask('10.1.2.3', '192.0.2.1'), 200);
    assert.equal(await ask('10.1.2.3', '192.0.2.2'), 200);
    assert.equal(await ask('10.9.9.9', '192.0.2.1'), 429);
    assert.equal(await ask('192.0.2.50', '192.0.2.3'), 200);
    assert.equal(await ask('192.0.2.50', '192.0.2.4'), 429, 'anybody may write the header');
  });
});

describe('the access log', () => {
  it('is one line a request: what was asked, how it went, no payload', async t => {
    const lines: Record<string, unknown>[] = [];
    const log = pino({ level: 'info' }, { write: (line: string) => lines.push(JSON.parse(line)) });
    const config = configOf({ POLYHEAD_ACCESS_LOG: 'true' });
    const service = await Service.start({ ...config, version: VERSION, models: config }, log);
    t.after(() => service.close());
    const app = await buildApp(config, service, log);
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    await app.inject({
      method: 'POST',
      url: '/v1/models/lstm/predict?secret=1',
      headers: { traceparent, 'x-request-id': 'mine' },
      payload: {
        sequences: [
          [[0.125, 0.25, 0.5]],
          [
            [0.125, 0.25, 0.5],
            [1, 2, 3],
          ],
        ],
      },
    });
    await app.inject('/v1/models/none');
    await app.close();
    const [answered, refused] = lines.filter(({ msg }) => msg === 'request');
    const { reqId, traceId, method, route, model, status, sequences, steps, batch } = answered;
    assert.deepEqual(
      { reqId, traceId, method, route, model, status, sequences, steps, batch },
      {
        reqId: 'mine',
        traceId: traceparent.slice(3, 35),
        method: 'POST',
        route: '/v1/models/:model/predict',
        model: 'lstm',
        status: 200,
        sequences: 2,
        steps: 3,
        batch: 1,
      },
    );
    for (const time of ['ms', 'queueMs', 'runMs']) assert.equal(typeof answered[time], 'number', time);
    assert.deepEqual([refused.status, refused.code], [404, 'MODEL_NOT_FOUND']);
    assert.doesNotMatch(JSON.stringify(lines), /secret|0\.125/);
  });
});
