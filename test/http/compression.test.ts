// Content codings: who asked for what, and what comes out inflates to what went in.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { gunzipSync, inflateSync } from 'node:zlib';
import type { FastifyReply } from 'fastify';
import { deflateReply } from '../../src/http/compression.ts';

const BODY = Buffer.from('0.10000000149011612,'.repeat(200));

async function encoded(accepted: string | undefined, body = BODY) {
  const headers: Record<string, string> = {};
  const reply = {
    header(name: string, value: string) {
      headers[name] = value;
      return reply;
    },
  };
  return { body: await deflateReply(reply as unknown as FastifyReply, accepted, body), headers };
}

describe('compression of answers', () => {
  it('as asked: gzip before deflate, and nothing else ever', async () => {
    const cases: [string | undefined, string | undefined][] = [
      [undefined, undefined],
      ['', undefined],
      ['identity', undefined],
      ['br', undefined],
      ['*', undefined],
      ['gzip', 'gzip'],
      ['GZIP', 'gzip'],
      ['deflate', 'deflate'],
      ['gzip, deflate', 'gzip'],
      ['deflate;q=1, gzip;q=0.5', 'gzip'],
      ['br, zstd, deflate', 'deflate'],
      ['gzip;q=0, deflate', 'deflate'],
      ['gzip; q=0.000', undefined],
      ['gzip;q=0.001', 'gzip'],
      ['xgzip, gzipx', undefined],
    ];
    for (const [accepted, coding] of cases) {
      const { body, headers } = await encoded(accepted);
      assert.equal(headers['content-encoding'], coding, accepted);
      const inflated = coding === 'gzip' ? gunzipSync(body) : coding === 'deflate' ? inflateSync(body) : body;
      assert.deepEqual(inflated, BODY);
      assert.equal(headers.vary, coding && 'accept-encoding');
      assert.equal(coding !== undefined, body.length < BODY.length);
    }
  });

  it('not for what fits into one packet', async () => {
    const small = BODY.subarray(0, 500);
    const { body, headers } = await encoded('gzip', small);
    assert.deepEqual(headers, {});
    assert.equal(body, small);
  });
});
