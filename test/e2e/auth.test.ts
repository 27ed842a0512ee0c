// API keys: who needs one, what a wrong one gets, and that nothing is told to those without.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Client, clientOf } from '../support/client/client.ts';
import { problemOf } from '../support/client/contract.ts';
import { repositoryOf } from '../support/models/served-copies.ts';
import { startApp, type TestApp } from '../support/server/service.ts';

const KEYS = ['first-key-0123456789', 'second-key-0123456789'];
const PREDICT = '/v1/models/lstm/predict';
const body = { sequences: [[[1, 2, 3]]] };
const CLOSED: [path: string, body?: object][] = [
  ['/v1/models'],
  ['/v1/models/lstm'],
  ['/v1/models/none'],
  ['/v1/models/lstm/versions/1'],
  [PREDICT, body],
  [PREDICT, { rubbish: true }],
  ['/v1/models/lstm/versions/1/predict', body],
  ['/metrics'],
  ['/version'],
  ['/nothing/here'],
];
const OPEN = ['/livez', '/readyz', '/openapi.json', '/docs/', '/livez?probe=1'];
const WRONG: Record<string, string | undefined> = {
  'no header': undefined,
  'an empty header': '',
  'another scheme': `Basic ${KEYS[0]}`,
  'no scheme': KEYS[0],
  'an unknown key': 'Bearer third-key-0123456789',
  'a part of a key': `Bearer ${KEYS[0].slice(0, -1)}`,
  'a key and more': `Bearer ${KEYS[0]}0`,
  'two keys': `Bearer ${KEYS.join(',')}`,
  'no key': 'Bearer ',
};

describe('API keys', () => {
  let app: TestApp;
  let call: Client;
  before(async () => {
    const repository = repositoryOf('test/fixtures/models/lstm');
    app = await startApp({ POLYHEAD_MODEL_REPOSITORY: repository, POLYHEAD_API_KEYS: KEYS.join(',') });
    call = await clientOf(app);
  });
  after(() => app.close());

  for (const [name, authorization] of Object.entries(WRONG)) {
    it(`${name}: 401`, async () => {
      const headers = authorization === undefined ? {} : { authorization };
      for (const [path, content] of CLOSED) {
        const reply = await call(path, { body: content, headers });
        problemOf(reply, 401, 'UNAUTHENTICATED');
        assert.match(reply.headers['www-authenticate'] ?? '', /^Bearer /);
        for (const key of KEYS) assert.ok(!reply.text.includes(key));
      }
    });
  }

  it('either key opens everything', async () => {
    for (const key of KEYS) {
      const headers = { authorization: `Bearer ${key}` };
      assert.equal((await call(PREDICT, { body, headers })).status, 200);
      assert.equal((await call('/metrics', { headers })).status, 200);
      problemOf(await call('/v1/models/none', { headers }), 404, 'MODEL_NOT_FOUND');
      problemOf(await call('/nothing/here', { headers }), 404, 'NOT_FOUND');
    }
  });

  it('probes and documents need none', async () => {
    for (const path of OPEN) assert.equal((await call(path)).status, 200, path);
  });

  it('no spelling of a closed path is open', async () => {
    for (const path of [
      '/v1/models?x=/livez',
      '/docs/../v1/models',
      '/livez/../version',
      '/%76ersion',
      '/version/',
      '/livez/x',
    ]) {
      const { status, text } = await call(path);
      assert.ok(status === 401 || status === 404, `${path}: ${status}`);
      assert.ok(!text.includes('certificate') && !text.includes('"node"'), path);
    }
  });

  it('the document says that a key is needed, and where not', () => {
    const document = app.app.apiDocument();
    assert.deepEqual(document.security, [{ apiKey: [] }]);
    for (const path of ['/livez', '/readyz']) assert.deepEqual(document.paths?.[path]?.get?.security, [], path);
    assert.equal(document.paths?.[PREDICT]?.post?.security, undefined);
  });
});
