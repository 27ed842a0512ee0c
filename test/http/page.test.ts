// The page's files as the server gives them: compressed, cached by name, under a policy without exceptions, open to all.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { ROOT, startApp, type TestApp } from '../support/server/service.ts';

const BUILT = `${ROOT}dist/page/`;
const KEY = 'k'.repeat(32);

describe('the page', () => {
  let served: TestApp;
  before(async () => {
    served = await startApp({ POLYHEAD_API_KEYS: KEY });
  });
  after(() => served.close());
  const get = (url: string, headers: Record<string, string> = {}) => served.app.inject({ url, headers });
  const names = readdirSync(BUILT, { recursive: true, encoding: 'utf8' });
  const asset = names.find(name => /^assets[/\\]index-.*\.js$/.test(name)) as string;

  it('is given without a key, each coding the same bytes', async () => {
    const plain = readFileSync(`${BUILT}${asset}`);
    const url = `/${asset.replace('\\', '/')}`;
    const decoders: [string, (bytes: Buffer) => Buffer][] = [
      ['', bytes => bytes],
      ['gzip', bytes => gunzipSync(bytes)],
      ['br', bytes => brotliDecompressSync(bytes)],
    ];
    for (const [coding, decode] of decoders) {
      const reply = await get(url, { 'accept-encoding': coding });
      assert.equal(reply.statusCode, 200);
      assert.equal(reply.headers['content-encoding'] ?? '', coding);
      assert.equal(reply.headers.vary, 'accept-encoding');
      assert.match(String(reply.headers['content-type']), /javascript/);
      assert.ok(decode(reply.rawPayload).equals(plain), coding);
    }
  });

  it('is asked for again by its ETag, its assets never', async () => {
    const page = await get('/');
    assert.match(String(page.headers['content-type']), /^text\/html/);
    assert.equal(page.headers['cache-control'], 'no-cache');
    const again = await get('/', { 'if-none-match': String(page.headers.etag) });
    assert.equal(again.statusCode, 304);
    assert.equal(again.body, '');
    const { headers } = await get(`/${asset}`);
    assert.match(String(headers['cache-control']), /max-age=31536000, immutable/);
  });

  it('runs nothing but its own files', async () => {
    const { headers, body } = await get('/');
    const policy = String(headers['content-security-policy']);
    assert.match(policy, /default-src 'none'/);
    assert.doesNotMatch(policy, /unsafe|data:|https?:|\*/);
    assert.doesNotMatch(body, /<script(?![^>]*\ssrc="\/)|<style|\sstyle=|\son[a-z]+=/i);
    for (const [, url] of body.matchAll(/(?:src|href)="([^"]+)"/g)) assert.match(url, /^\/(?!\/)/, url);
    for (const name of names.filter(file => file.endsWith('.js'))) {
      assert.doesNotMatch(readFileSync(`${BUILT}${name}`, 'utf8'), /\beval\(|new Function\(/, name);
    }
  });

  it('is at most 300 kB compressed', () => {
    const sizes = names.filter(name => name.endsWith('.gz')).map(name => readFileSync(BUILT + name).length);
    const total = sizes.reduce((sum, size) => sum + size, 0);
    assert.ok(total > 10_000 && total <= 300_000, `${total} bytes`);
  });

  it('gives no file beside it', async () => {
    for (const url of ['/.sources', '/assets/../../package.json', '/index.html.br', '/assets/', '/assets/index.js']) {
      const { statusCode } = await get(url, { authorization: `Bearer ${KEY}` });
      assert.equal(statusCode, 404, url);
    }
    assert.equal((await get('/v1/models')).statusCode, 401);
  });
});
