// TLS from files that change, and the line that is logged for a request.
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
