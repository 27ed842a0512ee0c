// The health check of a container: over HTTP, over TLS, and with a certificate asked of every caller.
import assert from 'node:assert/strict';
import type { AddressInfo } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { repositoryOf } from '../support/models/served-copies.ts';
import { until } from '../support/runner/until.ts';
import { runProcess } from '../support/server/process.ts';
import { ROOT, startApp } from '../support/server/service.ts';

const REPOSITORY = repositoryOf('test/fixtures/models/tokens');
const TLS = `${ROOT}test/fixtures/tls`;
const PAIR = { POLYHEAD_TLS_CERT: `${TLS}/first.pem`, POLYHEAD_TLS_KEY: `${TLS}/first.key` };

async function serverWith(t: TestContext, env: Record<string, string>): Promise<string> {
  const { app, close } = await startApp({ POLYHEAD_MODEL_REPOSITORY: REPOSITORY, POLYHEAD_WORKERS: '1', ...env });
  t.after(close);
  await app.listen({ host: '127.0.0.1', port: 0 });
  return `${(app.server.address() as AddressInfo).port}`;
}
const healthOf = (port: string, env: Record<string, string> = {}) =>
  runProcess({ script: 'src/healthcheck.js', env: { PORT: port, ...env } });

describe('the health check', () => {
  for (const [name, env] of [
    ['HTTP', {}],
    ['TLS', PAIR],
    ['certificates of callers', { ...PAIR, POLYHEAD_TLS_CLIENT_CA: `${TLS}/client-ca.pem` }],
  ] as [string, Record<string, string>][]) {
    it(`says that a server lives: ${name}`, async t => {
      const port = await serverWith(t, env);
      // It asks for 2.5 s at most, and this process, which answers it, may have been off the processor for as long.
      const health = await until('it lives', async () => {
        const outcome = await healthOf(port, env);
        return outcome.code === 0 && outcome;
      });
      assert.deepEqual(health, { code: 0, signal: null, stdout: '', stderr: '' });
    });
  }

  it('says that it does not: nobody listens, or something else does', async t => {
    const port = await serverWith(t, {});
    assert.equal((await healthOf('9')).code, 1);
    assert.equal((await healthOf(port, PAIR)).code, 1, 'no TLS is spoken there');
  });
});
