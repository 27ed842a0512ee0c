// The end of the real process: what is in flight is answered, nothing is reset, and a second signal does not wait.
import assert from 'node:assert/strict';
import http from 'node:http';
import { describe, it } from 'node:test';
import { clientAt } from '../support/client/client.ts';
import { connect, parseReply, type Reply, send } from '../support/client/exchange.ts';
import { WEATHER } from '../support/models/served-copies.ts';
import { until } from '../support/runner/until.ts';
import { listening, type ServerProcess, startProcess } from '../support/server/process.ts';

const CONNECTIONS = 32;
const PATH = '/v1/models/weather/predict';
const day = [0.5, 12, 4, 3, 'rain', 100, 'Seattle'];
const days = (count: number) => Array.from({ length: count }, () => day);
const env = { POLYHEAD_MODEL_REPOSITORY: WEATHER, POLYHEAD_DRAIN_DELAY_MS: '5000' };

/** A caller on one connection who asks again and again until the server says that it closes; the statuses it got. */
async function caller(origin: string, seat: number): Promise<number[]> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const statuses: number[] = [];
  const body = { sequences: [days(1 + ((seat * 11) % 60)), days(7)] };
  for (let open = true; open; ) {
    const reply = await send(origin, PATH, { body, agent });
    statuses.push(reply.status);
    open = reply.headers.connection !== 'close';
  }
  agent.destroy();
  return statuses;
}

async function ended(server: ServerProcess): Promise<number | null> {
  const { code, stderr } = await server.outcome;
  assert.equal(stderr, '');
  return code;
}

describe('shutdown', () => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it(`${signal} under load: unready at once, every request answered, exit code 0`, async t => {
      const server = await startProcess({ env });
      t.after(server.stop);
      const { origin } = server;
      const call = await clientAt(origin);
      assert.equal((await call('/readyz')).status, 200);
      const callers = Promise.all(Array.from({ length: CONNECTIONS }, (_, seat) => caller(origin, seat)));
      await until('requests flow', async () =>
        /polyhead_batch_size_count\{[^}]*\} [1-9]\d{2}/.test((await call('/metrics')).text),
      );

      const large: Promise<Reply>[] = [];
      let answered = true;
      await until('a large request is admitted', async () => {
        if (answered) {
          answered = false;
          const reply = send(origin, PATH, { body: { sequences: Array.from({ length: 512 }, () => days(365)) } });
          large.push(
            reply.finally(() => {
              answered = true;
            }),
          );
        }
        return Number(/polyhead_pending_sequences\{[^}]*\} (\d+)/.exec((await call('/metrics')).text)?.[1]) > 300;
      });
      server.kill(signal);
      const unready = await until('it turns unready', async () => {
        const reply = await call('/readyz');
        return reply.status === 503 && reply;
      });
      assert.equal(JSON.parse(unready.text).status, 'draining');
      assert.equal(unready.headers.connection, 'close');
      const late = await call(PATH, { body: { sequences: [days(3)] } });
      assert.deepEqual([late.status, late.headers.connection], [200, 'close']);

      const statuses = (await callers).flat();
      assert.ok(statuses.length > CONNECTIONS * 2, `only ${statuses.length} requests were made`);
      assert.deepEqual(new Set(statuses), new Set([200]));
      for (const reply of await Promise.all(large)) {
        assert.equal(reply.status, 200);
        assert.equal(JSON.parse(reply.text).predictions.length, 512);
      }
      assert.equal(await ended(server), 0);
      assert.match(server.log(), /"msg":"ended"/);
      await assert.rejects(send(origin, '/livez'), { code: 'ECONNREFUSED' });
    });
  }

  it('does not wait for idle or silent connections', async t => {
    const patience = { POLYHEAD_HEADERS_TIMEOUT_MS: '600000', POLYHEAD_BODY_TIMEOUT_MS: '600000' };
    const server = await startProcess({ env: { ...env, ...patience, POLYHEAD_DRAIN_DELAY_MS: '0' } });
    t.after(server.stop);
    const idle = await connect(server.origin, 'GET /livez HTTP/1.1\r\nhost: a\r\n\r\n');
    const silent = await connect(server.origin);
    const head = `POST ${PATH} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 99\r\n`;
    const dripping = await connect(server.origin, head);
    const bodiless = await connect(server.origin, `${head}expect: 100-continue\r\n\r\n`);
    // The server has read both requests: it answered one and told the other to go on.
    await until('both are heard', () => idle.received() !== '' && bodiless.received() !== '');
    bodiless.socket.write('{');
    server.kill('SIGTERM');
    assert.equal(
      await ended(server),
      0,
      'it waited for connections that ask nothing, until the longest shutdown was over',
    );
    assert.equal(parseReply((await idle.ended).text).status, 200);
    for (const { socket } of [silent, dripping, bodiless]) socket.destroy();
  });

  it('SIGTERM while models load: unready at once, what serves answers, exit code 0 and no word of readiness', async t => {
    const server = await listening({ env: { POLYHEAD_DRAIN_DELAY_MS: '8000' } });
    t.after(server.stop);
    const call = await clientAt(server.origin);
    const name = await until('the first is loaded', () => /"msg":"loaded ([a-z-]+)\/1"/.exec(server.log())?.[1]);
    server.kill('SIGTERM');
    await until('it turns unready', async () => JSON.parse((await call('/readyz')).text).status === 'draining');
    const late = await call(`/v1/models/${name}`);
    assert.deepEqual([late.status, late.headers.connection], [200, 'close']);
    assert.equal(await ended(server), 0);
    assert.match(server.log(), /"msg":"ended"/);
    assert.doesNotMatch(server.log(), /ready: the page/);
  });

  it('two SIGTERMs end it at once', async t => {
    const server = await startProcess({ env: { ...env, POLYHEAD_DRAIN_DELAY_MS: '60000' } });
    t.after(server.stop);
    server.kill('SIGTERM');
    await until('it drains', () => /"msg":"draining"/.test(server.log()));
    const start = performance.now();
    server.kill('SIGTERM');
    assert.equal((await server.outcome).code, 1);
    assert.ok(performance.now() - start < 30_000);
  });

  it('gives up after the longest shutdown', async t => {
    const server = await startProcess({
      env: { ...env, POLYHEAD_DRAIN_DELAY_MS: '60000', POLYHEAD_SHUTDOWN_TIMEOUT_MS: '300' },
    });
    t.after(server.stop);
    const start = performance.now();
    server.kill('SIGTERM');
    assert.equal((await server.outcome).code, 1);
    assert.ok(performance.now() - start < 30_000);
  });
});
