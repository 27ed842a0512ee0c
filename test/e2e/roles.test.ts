// What a key is for: a call that it is not for gets 403, over HTTP, v2 and gRPC; metrics may be open; the access log names the key.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inject } from '../support/client/exchange.ts';
import { repositoryOf } from '../support/models/served-copies.ts';
import { startProcess } from '../support/server/process.ts';
import { startApp } from '../support/server/service.ts';

const REPOSITORY = repositoryOf('test/fixtures/models/lstm');
const secret = (name: string) => `${name}-0123456789abcdef`;
const KEYS = [
  `caller:predict:${secret('caller')}`,
  `operator:control+metrics:${secret('operator')}`,
  `scraper:metrics:${secret('scraper')}`,
  `all:${secret('all')}`,
];
const NAMES = ['caller', 'operator', 'scraper', 'all'];
const body = { sequences: [[[1, 2, 3]]] };
const CALLS: Record<string, { path: string; body?: object; allowed: readonly string[] }> = {
  predict: { path: '/v1/models/lstm/predict', body, allowed: ['caller', 'all'] },
  describe: { path: '/v1/models', allowed: ['caller', 'all'] },
  metadata: { path: '/v2/models/lstm', allowed: ['caller', 'all'] },
  index: { path: '/v2/repository/index', body: {}, allowed: ['caller', 'all'] },
  load: { path: '/v2/repository/models/lstm/load', body: {}, allowed: ['operator', 'all'] },
  metrics: { path: '/metrics', allowed: ['operator', 'scraper', 'all'] },
};
const env = (more: Record<string, string> = {}) => ({
  POLYHEAD_MODEL_REPOSITORY: REPOSITORY,
  POLYHEAD_EXECUTION_PROVIDER: 'cpu',
  POLYHEAD_WORKERS: '1',
  POLYHEAD_API_KEYS: KEYS.join(','),
  POLYHEAD_MODEL_CONTROL: 'explicit',
  ...more,
});

describe('roles of keys', () => {
  it('decide who may do what', async () => {
    const app = await startApp(env());
    try {
      for (const [call, { path, body, allowed }] of Object.entries(CALLS)) {
        for (const name of NAMES) {
          for (const scheme of ['Bearer', 'bearer', 'BEARER']) {
            const headers = { authorization: `${scheme} ${secret(name)}`, host: 'localhost' };
            const { status, text } = await inject(app.app, path, { body, headers });
            assert.equal(status, allowed.includes(name) ? 200 : 403, `${call} by ${name}: ${text}`);
            if (status === 403) assert.match(text, /lacks the role (predict|control|metrics)/);
          }
        }
        assert.equal((await inject(app.app, path, { body })).status, 401, call);
      }
    } finally {
      await app.close();
    }
  });

  it('leave metrics to all where POLYHEAD_METRICS says so', async () => {
    const app = await startApp(env({ POLYHEAD_METRICS: 'public' }));
    try {
      assert.equal((await inject(app.app, '/metrics')).status, 200);
      assert.equal((await inject(app.app, '/v1/models')).status, 401);
    } finally {
      await app.close();
    }
  });

  it('stand beside names, which the access log tells; keys are nowhere', async () => {
    const server = await startProcess({ env: env({ POLYHEAD_ACCESS_LOG: 'true' }) });
    try {
      for (const name of NAMES) {
        const headers = { authorization: `Bearer ${secret(name)}` };
        await (await fetch(`${server.origin}/v1/models`, { headers })).text();
      }
    } finally {
      server.kill('SIGTERM');
    }
    const { stdout } = await server.outcome;
    const lines = stdout.split('\n').filter(line => line.includes('"route":"/v1/models"'));
    assert.deepEqual(
      lines.map(line => [JSON.parse(line).key, JSON.parse(line).status]),
      NAMES.map(name => [name, name === 'caller' || name === 'all' ? 200 : 403]),
    );
    for (const name of NAMES) assert.ok(!stdout.includes(secret(name)));
  });
});
