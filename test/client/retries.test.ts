// What the client does when a call does not go well: tries again within its deadline, tells typed problems, stops when told.
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { connect, type Problem } from '../../client/src/client.ts';
import { type ProblemCode, problemOf, retryAfterOf } from '../../client/src/problem.ts';
import { waitBefore } from '../../client/src/transport.ts';
import type { ErrorCode } from '../../src/core/errors.ts';
import { STATUS } from '../../src/http/errors.ts';
import { repositoryOf } from '../support/models/served-copies.ts';
import { type ServerProcess, startProcess } from '../support/server/process.ts';
import { EXAMPLE, interceptedFetch } from './server.ts';

const KEY = 'a-key-of-the-client-tests';
const REPOSITORY = repositoryOf('models/weather');
process.on('exit', () => rmSync(REPOSITORY, { recursive: true, force: true }));
const env = { POLYHEAD_MODEL_REPOSITORY: REPOSITORY, POLYHEAD_API_KEYS: KEY };

const refusal = (status: number, headers: Record<string, string> = {}, body = '') =>
  Promise.resolve(new Response(body, { status, headers }));

it('knows the code of every error that a caller may meet, with a problem and without one', () => {
  const codes = Object.keys(STATUS) as ErrorCode[];
  const met: ProblemCode[] = codes.filter(code => code !== 'CALLER_GONE'); // does not compile where the client lacks one
  const tellOf = (status: number, text: string) => problemOf(status, new Headers(), text).code;
  for (const code of met) assert.equal(tellOf(STATUS[code as ErrorCode], JSON.stringify({ code })), code);
  for (const status of [400, 401, 403, 404, 408, 413, 415, 429, 500, 503, 504]) {
    assert.equal(STATUS[tellOf(status, '') as ErrorCode], status);
  }
});

describe('the client and a server that falters', () => {
  let server: ServerProcess;
  before(async () => {
    server = await startProcess({ env });
  });
  after(() => server.stop());

  it('tries again after 429, 502, 503 and a broken connection, with one trace and less time each time', async () => {
    const { fetch, calls } = interceptedFetch(call => {
      if (call === 1) return refusal(503, { 'retry-after': '0' });
      if (call === 2) return refusal(429, { 'retry-after': '0' });
      if (call === 3) return Promise.reject(new TypeError('the connection broke'));
      if (call === 4) return refusal(502, {}, '<html>Bad Gateway</html>');
      return undefined;
    });
    const model = await connect(server.origin, { apiKey: KEY, fetch }).model('weather');
    assert.equal(model.description.name, 'weather');
    assert.equal(calls.length, 5);
    assert.match(calls[0].headers.get('traceparent') ?? '', /^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
    assert.equal(new Set(calls.map(({ headers }) => headers.get('traceparent'))).size, 1);
    const times = calls.map(({ headers }) => Number(headers.get('x-request-timeout-ms')));
    assert.ok(times.every((ms, i) => i === 0 || ms <= times[i - 1]), `${times}`); // biome-ignore format: one line
    assert.ok(times[0] <= 30_000);
  });

  it('gives up when the wait that the server asks for is beyond the deadline, and tells the last problem', async () => {
    const { fetch, calls } = interceptedFetch(() =>
      refusal(503, { 'retry-after': '60' }, '{"code":"OVERLOADED","detail":"full"}'),
    );
    await assert.rejects(connect(server.origin, { fetch, timeoutMs: 5000 }).models(), (error: Problem) => {
      assert.deepEqual(
        [error.code, error.status, error.message, error.retryAfterMs],
        ['OVERLOADED', 503, 'full', 60_000],
      );
      return true;
    });
    assert.equal(calls.length, 1);
  });

  it('tries only as often as it may', async () => {
    const { fetch, calls } = interceptedFetch(() => refusal(503, { 'retry-after': '0' }));
    await assert.rejects(connect(server.origin, { fetch, retries: 2 }).models(), { code: 'OVERLOADED' });
    assert.equal(calls.length, 3);
  });

  it('never repeats what the server refuses for good', async () => {
    for (const [key, code] of [
      [undefined, 'UNAUTHENTICATED'],
      ['not-a-key-of-this-server', 'UNAUTHENTICATED'],
      [KEY, 'MODEL_NOT_FOUND'],
    ] as const) {
      const { fetch, calls } = interceptedFetch(() => undefined);
      await assert.rejects(connect(server.origin, { apiKey: key, fetch }).model('none'), { name: 'Problem', code });
      assert.equal(calls.length, 1);
    }
  });

  it('goes on with the trace that it is given', async () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const { fetch, calls } = interceptedFetch(() => undefined);
    await connect(server.origin, { apiKey: KEY, fetch, traceparent: () => traceparent }).models();
    assert.equal(calls[0].headers.get('traceparent'), traceparent);
  });

  it('ends at the deadline and when the signal is aborted, in a call and between two tries', async () => {
    const silent = interceptedFetch(
      (_, init) =>
        new Promise((_resolve, reject) => init?.signal?.addEventListener('abort', () => reject(init.signal?.reason))),
    );
    const hanging = connect(server.origin, { fetch: silent.fetch, timeoutMs: 50 });
    await assert.rejects(hanging.models(), { code: 'DEADLINE_EXCEEDED', status: 0 });
    const model = await connect(server.origin, { apiKey: KEY }).model('weather');
    const aborted = AbortSignal.abort(new Error('enough'));
    await assert.rejects(model.predict(EXAMPLE, { signal: aborted }), { message: 'enough' });
    const refusing = interceptedFetch(call => (call === 1 ? undefined : refusal(503, { 'retry-after': '20' })));
    const waiting = await connect(server.origin, { apiKey: KEY, fetch: refusing.fetch }).model('weather');
    const controller = new AbortController();
    const call = waiting.predict(EXAMPLE, { signal: controller.signal });
    setImmediate(() => controller.abort(new Error('no longer wanted')));
    await assert.rejects(call, { message: 'no longer wanted' });
  });
});

it('sees no error while the server restarts on its port', async () => {
  let server = await startProcess({ env });
  const { port } = new URL(server.origin);
  try {
    const model = await connect(server.origin, { apiKey: KEY, timeoutMs: 600_000, retries: 100 }).model('weather');
    const before = await model.predict(EXAMPLE);
    server.kill('SIGTERM');
    const during = model.predict(EXAMPLE);
    await server.outcome;
    const gone = model.predict(EXAMPLE);
    server = await startProcess({ env, args: ['--port', port] });
    assert.deepEqual([await during, await gone], [before, before]);
  } finally {
    await server.stop();
  }
});

it('waits as long as the server asks, and a random part longer; else twice as long each time', () => {
  assert.equal(waitBefore(0, 3000, () => 0), 3000); // biome-ignore format: one line
  assert.equal(waitBefore(2, 3000, () => 1), 3400); // biome-ignore format: one line
  const waits = [0, 1, 2, 3, 4, 5, 20].map(attempt => waitBefore(attempt, undefined, () => 1));
  assert.deepEqual(waits, [100, 200, 400, 800, 1600, 2000, 2000]);
  assert.equal(waitBefore(1, undefined, () => 0), 100); // biome-ignore format: one line
  assert.equal(retryAfterOf('7'), 7000);
  assert.equal(retryAfterOf('Thu, 01 Jan 1970 00:00:09 GMT', 4000), 5000);
  assert.equal(retryAfterOf('Thu, 01 Jan 1970 00:00:01 GMT', 4000), 0);
  assert.equal(retryAfterOf('soon'), undefined);
  assert.equal(retryAfterOf(null), undefined);
});
