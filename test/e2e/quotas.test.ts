// Quotas: by key, by name and by address, one for whatever door a caller's requests come by.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it, type TestContext } from 'node:test';
import * as grpc from '@grpc/grpc-js';
import { startGrpc } from '../../src/grpc/server.ts';
import { EXAMPLE } from '../client/server.ts';
import { GrpcClient, messageOf } from '../support/client/grpc.ts';
import { Listener } from '../support/client/live.ts';
import { repositoryOf } from '../support/models/served-copies.ts';
import { startApp } from '../support/server/service.ts';

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

  it('go by network where addresses are IPv6: of its 64 bits a caller has all addresses', async t => {
    const { app, close } = await startApp({ POLYHEAD_QUOTA_PER_MINUTE: '1' });
    t.after(close);
    const ask = async (remoteAddress: string) => (await app.inject({ url: '/v1/models', remoteAddress })).statusCode;
    assert.equal(await ask('2001:db8:1:2::1'), 200);
    assert.equal(await ask('2001:db8:1:2:ffff::9'), 429);
    assert.equal(await ask('2001:db8:1:3::1'), 200);
    assert.equal(await ask('::ffff:192.0.2.1'), 200);
    assert.equal(await ask('192.0.2.1'), 429, 'the same address');
    assert.equal(await ask('::ffff:192.0.2.2'), 200);
  });

  describe('by every door', () => {
    const KEY = 'a-key-of-one-caller';
    const [[DAY]] = EXAMPLE;
    const MESSAGE = messageOf(
      'weather',
      [
        { name: 'x', datatype: 'FP32', shape: [1, 1, 7], data: [0.5, 12, 5, 4.7, 4, 1, 1] },
        { name: 'lengths', datatype: 'INT64', shape: [1], data: [1] },
      ],
      true,
    );
    const bearer = (key = KEY) => ({ authorization: `Bearer ${key}` });

    async function start(t: TestContext, quota: number, keys = `one:${KEY},other:another-key-of-sixteen`) {
      const started = await startApp({
        POLYHEAD_MODEL_REPOSITORY: repositoryOf('models/weather'),
        POLYHEAD_API_KEYS: keys,
        POLYHEAD_QUOTA_PER_MINUTE: `${quota}`,
      });
      const server = await startGrpc(started.service, { ...started.config, grpcPort: 0 });
      const client = new GrpcClient(server.port);
      t.after(async () => {
        client.close();
        await server.close();
        await started.close();
      });
      const origin = await started.app.listen({ port: 0, host: '127.0.0.1' });
      /** By the name of the key, and by code. */
      const refusals = async () => {
        const { payload } = await started.app.inject({ url: '/metrics', headers: bearer('another-key-of-sixteen') });
        const [named, coded] = ['quota_refusals_total{key="one"}', 'refusals_total{code="QUOTA_EXCEEDED"}'].map(
          line => payload.split(`polyhead_${line} `)[1]?.split('\n')[0],
        );
        assert.equal(named, coded);
        return named;
      };
      const rest = async (headers: Record<string, string> = bearer()) =>
        (await started.app.inject({ url: '/v1/models', headers })).statusCode;
      return { origin, client, refusals, rest };
    }

    it('every call of gRPC counts, and what another door has used up', async t => {
      const { client, rest, refusals } = await start(t, 3);
      assert.equal(await rest(), 200);
      await client.call('ModelInfer', MESSAGE, bearer());
      await client.call('ServerLive', {}, bearer());
      await assert.rejects(client.call('ModelInfer', MESSAGE, bearer()), (error: grpc.ServiceError) => {
        assert.equal(error.code, grpc.status.RESOURCE_EXHAUSTED);
        assert.match(error.details, /more than 3 requests in a minute; try again in \d+ s/);
        return true;
      });
      assert.equal(await rest(), 429);
      assert.equal(await rest(bearer('another-key-of-sixteen')), 200);
      assert.equal(await refusals(), '2');
    });

    it('without keys, gRPC and HTTP count by the same address', async t => {
      const { client, rest } = await start(t, 1, '');
      await client.call('ServerLive');
      await assert.rejects(client.call('ServerLive'), { code: grpc.status.RESOURCE_EXHAUSTED });
      assert.equal(await rest({}), 429);
    });

    it('every request of a gRPC stream counts, and one over it is answered as such', async t => {
      const { client, rest } = await start(t, 2);
      const stream = client.stream(bearer());
      const answers: string[] = [];
      stream.on('data', ({ error_message }) => answers.push(error_message));
      for (let i = 0; i < 4; i++) stream.write(MESSAGE);
      stream.end();
      await once(stream, 'end');
      assert.deepEqual(answers.slice(0, 2), ['', '']);
      for (const answer of answers.slice(2)) assert.match(answer, /more than 2 requests in a minute/);
      assert.equal(answers.length, 4);
      assert.equal(await rest(), 429);
    });

    it('every step of a live connection counts, whichever way its key came; one over it is not taken', async t => {
      const { origin, refusals } = await start(t, 3);
      const path = '/v1/models/weather/live';
      const byHeader = await Listener.open(origin, path, bearer());
      const byMessage = await Listener.open(origin, path);
      byMessage.send({ open: { key: KEY } });
      byMessage.send({ sequence: [DAY] });
      assert.equal((await byMessage.until(2))[1].length, 1);
      for (let i = 0; i < 3; i++) byHeader.send({ sequence: [DAY] });
      const answers = await byHeader.until(3);
      assert.deepEqual(answers.map(({ length, error }) => length ?? error?.code), [1, 2, 'QUOTA_EXCEEDED']); // biome-ignore format: one line
      byMessage.send({ sequence: [DAY] });
      assert.equal((await byMessage.until(3))[2].error?.code, 'QUOTA_EXCEEDED');
      assert.equal(await refusals(), '2');
      for (const live of [byHeader, byMessage]) live.socket.close();
    });
  });
});
