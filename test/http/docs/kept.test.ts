// Documents are made once until the models change, compressed, and told to those who may see them.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { repositoryOf } from '../../support/models/served-copies.ts';
import { startApp, type TestApp } from '../../support/server/service.ts';

const KEY = 'a-key-of-the-documents-01';
const start = (docs: string) =>
  startApp({
    POLYHEAD_MODEL_REPOSITORY: repositoryOf('test/fixtures/models/lstm'),
    POLYHEAD_WORKERS: '1',
    POLYHEAD_API_KEYS: KEY,
    POLYHEAD_DOCS: docs,
  });
const get = ({ app }: TestApp, url: string, headers: Record<string, string> = {}) => app.inject({ url, headers });
const DOCUMENTS = ['/openapi.json', '/docs/json', '/docs/yaml'];

describe('documents', () => {
  it('are made once until the models change', async () => {
    const served = await start('public');
    let made = 0;
    const { models, control } = served.service;
    const { all } = models;
    Object.assign(models, {
      all: () => {
        made++;
        return all.call(models);
      },
    });
    for (const path of DOCUMENTS) {
      const first = await get(served, path);
      assert.equal(first.statusCode, 200);
      const once = made;
      const replies = await Promise.all(Array.from({ length: 20 }, () => get(served, path)));
      for (const reply of replies) assert.equal(reply.payload, first.payload);
      assert.equal(made, once, `${path} was made again`);
      const known = await get(served, path, { 'if-none-match': String(first.headers.etag) });
      assert.deepEqual([known.statusCode, known.payload], [304, '']);
      await control.unload('lstm');
      const empty = await get(served, path);
      assert.ok(!empty.payload.includes('predict_lstm') && first.payload.includes('predict_lstm'), path);
      assert.notEqual(empty.headers.etag, first.headers.etag);
      await control.load('lstm');
      assert.ok((await get(served, path)).payload.includes('predict_lstm'), path);
    }
    await served.close();
  });

  it('and files of the interface travel compressed to those who accept it, the files for long', async () => {
    const served = await start('public');
    for (const path of [...DOCUMENTS, '/docs/static/swagger-ui-bundle.js', '/docs/static/swagger-ui.css']) {
      for (let time = 0; time < 2; time++) {
        const plain = await get(served, path);
        const small = await get(served, path, { 'accept-encoding': 'br, gzip' });
        assert.equal(small.headers['content-encoding'], 'gzip', path);
        assert.deepEqual(gunzipSync(small.rawPayload), plain.rawPayload);
        assert.ok(3 * small.rawPayload.length < plain.rawPayload.length, path);
        assert.equal(plain.headers['content-encoding'], undefined);
        assert.equal(plain.headers.etag, small.headers.etag);
        assert.equal(plain.headers.vary, 'accept-encoding');
        assert.match(String(plain.headers['cache-control']), path.includes('static') ? /max-age=\d{6}/ : /no-cache/);
        assert.equal(small.headers['content-length'], String(small.rawPayload.length));
      }
      const head = await served.app.inject({ method: 'HEAD', url: path });
      assert.deepEqual([head.statusCode, head.payload], [200, '']);
    }
    await served.close();
  });

  it('are not kept under every spelling of their path that a caller thinks of', async t => {
    const served = await start('public');
    t.after(() => served.close());
    const plain = await get(served, '/docs/static/swagger-ui.css');
    for (const spelling of ['swagger-ui%2Ecss', '%73wagger-ui.css']) {
      for (let time = 0; time < 2; time++) {
        const reply = await get(served, `/docs/static/${spelling}`, { 'accept-encoding': 'gzip' });
        assert.deepEqual([reply.statusCode, reply.payload.length], [200, plain.payload.length]);
        assert.equal(reply.headers['content-encoding'], undefined, 'it is as the file is');
      }
    }
  });

  it('are open, for those with a key, or for nobody', async () => {
    for (const [docs, without, withKey] of [
      ['public', 200, 200],
      ['keys', 401, 200],
      ['off', 401, 404],
    ] as const) {
      const served = await start(docs);
      for (const path of [...DOCUMENTS, '/docs/']) {
        assert.equal((await get(served, path)).statusCode, without, `${docs} ${path}`);
        const keyed = await get(served, path, { authorization: `Bearer ${KEY}` });
        assert.equal(keyed.statusCode, withKey, `${docs} ${path} with a key`);
        assert.equal((await get(served, path)).statusCode, without, `${docs} ${path} after it was kept`);
      }
      await served.close();
    }
  });
});
