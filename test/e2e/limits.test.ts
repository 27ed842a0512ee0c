// Connections that cost without asking anything: too slow, silent, idle, or too many.
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, describe, it } from 'node:test';
import { listen } from '../support/client/client.ts';
import { problemOf } from '../support/client/contract.ts';
import { type Connection, connect, parseReply, send } from '../support/client/exchange.ts';
import { repositoryOf } from '../support/models/served-copies.ts';
import { until } from '../support/runner/until.ts';
import { startApp, type TestApp } from '../support/server/service.ts';

const PATH = '/v1/models/lstm/predict';
const HEAD = `POST ${PATH} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 26\r\n`;
/** For a slow machine, and below what any of the timeouts is by default: so it is the one that is set that cut. */
const SLACK_MS = 9000;
const PATIENCE = { POLYHEAD_HEADERS_TIMEOUT_MS: '600000', POLYHEAD_BODY_TIMEOUT_MS: '600000' };

async function started(env: Record<string, string>): Promise<[TestApp, string]> {
  const repository = repositoryOf('test/fixtures/models/lstm');
  const app = await startApp({ POLYHEAD_WORKERS: '1', POLYHEAD_MODEL_REPOSITORY: repository, ...env });
  return [app, await listen(app)];
}

/** Keeps sending `bytes` until the server ends the connection; how long that took. */
async function drip({ socket, ended }: Connection, bytes: string): Promise<{ ms: number; text: string }> {
  const start = performance.now();
  const timer = setInterval(() => socket.write(bytes), 50);
  const { text } = await ended;
  clearInterval(timer);
  return { ms: performance.now() - start, text };
}

describe('slow and silent connections', () => {
  let app: TestApp;
  let origin: string;
  before(async () => {
    [app, origin] = await started({
      POLYHEAD_HEADERS_TIMEOUT_MS: '400',
      POLYHEAD_BODY_TIMEOUT_MS: '800',
      POLYHEAD_KEEP_ALIVE_TIMEOUT_MS: '300',
    });
  });
  after(() => app.close());

  it('cuts headers that come too slowly', async () => {
    const { ms, text } = await drip(await connect(origin, HEAD), 'x-slow: 1\r\n');
    assert.ok(ms > 350 && ms < 400 + SLACK_MS, `after ${ms} ms`);
    problemOf(parseReply(text), 408, 'REQUEST_TIMEOUT');
  });

  it('cuts a body that comes too slowly', async () => {
    const { ms, text } = await drip(await connect(origin, `${HEAD}\r\n`), '');
    assert.ok(ms > 700 && ms < 800 + SLACK_MS, `after ${ms} ms`);
    problemOf(parseReply(text), 408, 'REQUEST_TIMEOUT');
  });

  it('cuts a body that drips', async () => {
    const long = HEAD.replace('content-length: 26', 'content-length: 10000');
    const { ms, text } = await drip(await connect(origin, `${long}\r\n`), ' ');
    assert.ok(ms > 700 && ms < 800 + SLACK_MS, `after ${ms} ms`);
    problemOf(parseReply(text), 408, 'REQUEST_TIMEOUT');
  });

  it('cuts a connection that says nothing', async () => {
    const { ms } = await drip(await connect(origin), '');
    assert.ok(ms > 350 && ms < 400 + SLACK_MS, `after ${ms} ms`);
  });

  it('closes a connection that idles after its answer', async () => {
    const { ms, text } = await drip(await connect(origin, 'GET /livez HTTP/1.1\r\nhost: a\r\n\r\n'), '');
    assert.equal(parseReply(text).status, 200);
    assert.ok(ms > 250 && ms < 300 + SLACK_MS, `after ${ms} ms`);
  });

  it('answers others while fifty drip', async t => {
    const [patient, at] = await started(PATIENCE);
    t.after(() => patient.close());
    const slow = await Promise.all(Array.from({ length: 50 }, () => connect(at, HEAD)));
    const drips = slow.map(connection => drip(connection, 'x-slow: 1\r\n'));
    assert.equal((await send(at, PATH, { body: { sequences: [[[1, 2, 3]]] } })).status, 200);
    for (const { socket } of slow) {
      assert.ok(!socket.destroyed, 'it dripped no longer');
      socket.destroy();
    }
    await Promise.all(drips);
  });
});

describe('too many connections', () => {
  let app: TestApp;
  let origin: string;
  before(async () => {
    [app, origin] = await started({ ...PATIENCE, POLYHEAD_MAX_CONNECTIONS: '4' });
  });
  after(() => app.close());

  it('refuses those beyond the limit, keeps the others, and takes new ones when there is room', async () => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const kept = () => send(origin, '/livez', { agent });
    assert.equal((await kept()).status, 200);
    const silent = await Promise.all(Array.from({ length: 3 }, () => connect(origin)));
    for (let i = 0; i < 20; i++) {
      const { text } = await (await connect(origin, 'GET /livez HTTP/1.1\r\nhost: a\r\n\r\n')).ended;
      assert.equal(text, '', 'a connection beyond the limit was answered');
    }
    assert.equal((await kept()).status, 200);
    silent[0].socket.destroy();
    await until('a new connection is answered', async () => {
      const { ended } = await connect(origin, 'GET /livez HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n');
      return parseReply((await ended).text).status === 200;
    });
    for (const { socket } of silent) socket.destroy();
    agent.destroy();
  });
});
