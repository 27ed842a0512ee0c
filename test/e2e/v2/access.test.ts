// The protocol's place in the API document, and what of it needs an API key.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Validator } from '@seriousme/openapi-schema-validator';
import type { OpenAPIV3_1 } from 'openapi-types';
import { errorOf, inject, jsonOf, type V2Call } from '../../support/client/v2.ts';
import { repositoryOf } from '../../support/models/served-copies.ts';
import { startApp, type TestApp } from '../../support/server/service.ts';

const KEY = 'a-key-of-the-protocol-0123';
const REPOSITORY = repositoryOf('test/fixtures/models/lstm');
const TAG = 'Open Inference Protocol v2';

describe('the protocol with API keys', () => {
  let app: TestApp;
  const call = (path: string, options?: V2Call) => inject(app, path, options);
  before(async () => {
    app = await startApp({ POLYHEAD_MODEL_REPOSITORY: REPOSITORY, POLYHEAD_WORKERS: '1', POLYHEAD_API_KEYS: KEY });
  });
  after(() => app.close());

  it('health is open, everything else needs a key', async () => {
    assert.equal((await call('/v2/health/live')).status, 200);
    assert.equal((await call('/v2/health/ready')).status, 200);
    const closed = [
      '/v2',
      '/v2/',
      '/v2/models',
      '/v2/models/stats',
      '/v2/models/lstm',
      '/v2/models/lstm/ready',
      '/v2/models/none',
      '/v2/health',
      '/v2/health/live/x',
      '/v2/nothing',
    ];
    for (const path of closed) errorOf(await call(path), 401, /API key/);
    for (const path of ['/v2/models/lstm/infer', '/v2/repository/index', '/v2/repository/models/lstm/load']) {
      errorOf(await call(path, { body: '{}' }), 401);
      errorOf(await call(path, { body: '{}', headers: { authorization: 'Bearer wrong-key-0123456789' } }), 401);
    }
    const headers = { authorization: `Bearer ${KEY}` };
    assert.equal((await call('/v2/models/lstm', { headers })).status, 200);
    errorOf(await call('/v2/nothing', { headers }), 404);
  });

  it('stands in the API document under a tag of its own, and the document is valid', async () => {
    const document = JSON.parse((await inject(app, '/openapi.json')).bytes.toString()) as OpenAPIV3_1.Document;
    assert.ok((await new Validator().validate(structuredClone(document) as never)).valid);
    assert.ok(document.tags?.some(({ name }) => name === TAG));
    let count = 0;
    for (const [path, item] of Object.entries(document.paths ?? {})) {
      for (const operation of Object.values(item ?? {}) as OpenAPIV3_1.OperationObject[]) {
        assert.equal(operation.tags?.includes(TAG), /^\/v2(\/|$)/.test(path), path);
        if (operation.tags?.includes(TAG)) count++;
      }
    }
    assert.equal(count, 5 + 2 * 5 + 3);
    const post = document.paths?.['/v2/models/{model}/infer']?.post;
    for (const status of [400, 404, 413, 415, 503, 504]) {
      const reply = post?.responses?.[status] as OpenAPIV3_1.ResponseObject;
      assert.deepEqual(Object.keys(reply.content ?? {}), ['application/json']);
    }
    const infer = post?.responses?.[200] as OpenAPIV3_1.ResponseObject;
    assert.deepEqual(Object.keys(infer.content ?? {}), ['application/json', 'application/octet-stream']);
  });

  it('unready at the end: 503 with Retry-After, while live stays', async () => {
    app.service.drain();
    errorOf(await call('/v2/health/ready'), 503, /draining/);
    assert.deepEqual(jsonOf(await call('/v2/health/live')), { live: true });
  });
});
