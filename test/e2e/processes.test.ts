// Several serving processes behind one port: what they share, and what becomes of callers when one dies, hangs or is asked to end.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { type Call, type Reply, send } from '../support/client/exchange.ts';
import { parseMetrics } from '../support/client/prometheus.ts';
import { BROKEN, WEATHER } from '../support/models/served-copies.ts';
import { until } from '../support/runner/until.ts';
import { runProcess, type ServerProcess, startProcess } from '../support/server/process.ts';

const MODEL = '/v1/models/weather';
const day = [0.5, 12, 4, 3, 'rain', 100, 'Seattle'];
const body = { sequences: [[day, day, day]] };
/** The second process reads what the first one found out. */
const DRAINED = { POLYHEAD_DRAIN_DELAY_MS: '0', POLYHEAD_CERTIFICATE_CACHE: 'true' };
/** When a start is taken to hang. */
const START_MS = 300_000;

/** Over a connection of its own, which any process may accept. */
const ask = (server: ServerProcess, path: string, call: Call = {}) =>
  send(server.origin, path, { ...call, headers: { connection: 'close', ...call.headers } });
/** Enough calls at once to reach every process. */
const everywhere = (server: ServerProcess, path: string, call: Call = {}): Promise<Reply[]> =>
  Promise.all(Array.from({ length: 24 }, () => ask(server, path, call)));
const statuses = (replies: readonly Reply[]) => new Set(replies.map(reply => reply.status));
const pids = (server: ServerProcess) =>
  [...server.log().matchAll(/"pid":(\d+)[^\n]*the page is at/g)].map(([, pid]) => Number(pid));

async function start(t: TestContext, env: Record<string, string> = {}, processes = 2): Promise<ServerProcess> {
  const given = { POLYHEAD_MODEL_REPOSITORY: WEATHER, POLYHEAD_PROCESSES: `${processes}`, ...DRAINED, ...env };
  const server = await startProcess({ env: given });
  t.after(server.stop);
  await serving(server, processes);
  return server;
}

const metricOf = async (server: ServerProcess, name: string) =>
  parseMetrics((await ask(server, '/metrics')).text).samples.get(name) ?? 0;
const serving = (server: ServerProcess, processes: number) =>
  until(
    'all processes serve',
    async () => (await metricOf(server, 'polyhead_processes_serving')) === processes,
    START_MS,
  );

async function freePort(): Promise<number> {
  const probe = net.createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as net.AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}

describe('several processes', () => {
  it('share the port, the metrics, streams and the key of state tokens', async t => {
    const server = await start(t);
    assert.equal(new Set(pids(server)).size, 2);
    const answers = await everywhere(server, `${MODEL}/predict`, { body: { ...body, returnState: true } });
    const tokens = answers.map(({ text }) => JSON.parse(text).predictions[0].state as string);
    for (const token of tokens.slice(0, 4)) {
      const onward = await everywhere(server, `${MODEL}/predict`, { body: { ...body, states: [token] } });
      assert.deepEqual(statuses(onward), new Set([200]));
    }
    const sent = answers.length * (1 + 4);
    assert.equal(await metricOf(server, 'polyhead_batch_size_sum{model="weather",version="1"}'), sent);

    const { stream } = JSON.parse((await ask(server, `${MODEL}/streams`, { method: 'POST' })).text);
    for (let length = 2; length <= 24; length += 2) {
      const step = await ask(server, `${MODEL}/streams/${stream}/steps`, { body: { sequence: [day, day] } });
      assert.equal(JSON.parse(step.text).length, length);
    }
    assert.equal(await metricOf(server, 'polyhead_streams'), 1);
    server.kill('SIGTERM');
    const { code, stderr } = await server.outcome;
    assert.deepEqual([code, stderr], [0, '']);
  });

  it('one that is killed is started again; the others answer, and streams go on where they were', async t => {
    const server = await start(t);
    const { stream } = JSON.parse((await ask(server, `${MODEL}/streams`, { method: 'POST' })).text);
    const step = () => ask(server, `${MODEL}/streams/${stream}/steps`, { body: { sequence: [day] } });
    await step();
    const [killed] = pids(server);
    let over = false;
    const callers = Array.from({ length: 16 }, async () => {
      const seen: (number | string)[] = [];
      while (!over)
        seen.push(
          await ask(server, `${MODEL}/predict`, { body }).then(
            r => r.status,
            e => e.code,
          ),
        );
      return seen;
    });
    process.kill(killed, 'SIGKILL');
    await until('another one serves', () => pids(server).length === 3, START_MS);
    await serving(server, 2);
    over = true;
    const failed = (await Promise.all(callers)).flatMap(seen => {
      assert.equal(seen.at(-1), 200);
      return seen.filter(status => status !== 200);
    });
    assert.ok(failed.length <= callers.length, `only what was in flight fails: ${failed}`);
    assert.equal(await metricOf(server, 'polyhead_process_restarts_total'), 1);
    for (let length = 2; length < 8; length++) assert.equal(JSON.parse((await step()).text).length, length);
  });

  it('one that hangs is killed and started again', async t => {
    const server = await start(t, { POLYHEAD_HANG_TIMEOUT_MS: '6000' });
    process.kill(pids(server)[1], 'SIGSTOP');
    await until('another one serves', () => pids(server).length === 3, START_MS);
    await serving(server, 2);
    assert.match(server.log(), /a serving process hangs/);
    assert.deepEqual(statuses(await everywhere(server, `${MODEL}/predict`, { body })), new Set([200]));
  });

  it('one that ends while it loads a model: 503, and the rest serve on', async t => {
    const server = await start(t, { POLYHEAD_MODEL_CONTROL: 'explicit', POLYHEAD_HANG_TIMEOUT_MS: '4000' });
    const seen = new Set<number | string>();
    // One of the two is the one that is asked first. Requests go to them by turns: one of each two to who can answer it.
    for (const [round, pid] of pids(server).slice(0, 2).entries()) {
      process.kill(pid, 'SIGSTOP'); // until the supervisor kills it
      const load = () =>
        ask(server, '/v2/repository/models/weather/load', { method: 'POST' }).then(
          reply => seen.add(reply.status),
          error => seen.add(error.code),
        );
      await Promise.all([load(), load()]);
      await until('another one serves', () => pids(server).length === 3 + round, START_MS);
      await serving(server, 2);
    }
    assert.ok(seen.has(503), `${[...seen]}`);
    assert.ok(!seen.has(500), `${[...seen]}`);
    assert.deepEqual(statuses(await everywhere(server, `${MODEL}/predict`, { body })), new Set([200]));
  });

  it('load and unload a model in all of them, those started later too', async t => {
    const server = await start(t, { POLYHEAD_MODEL_CONTROL: 'explicit' });
    const control = (act: string, name = 'weather') =>
      ask(server, `/v2/repository/models/${name}/${act}`, { method: 'POST' });
    assert.equal((await control('unload', 'nothing')).status, 404);
    assert.equal((await control('unload')).status, 200);
    assert.deepEqual(statuses(await everywhere(server, MODEL)), new Set([404]));
    process.kill(pids(server)[0], 'SIGKILL');
    await until('another one serves', () => pids(server).length === 3, START_MS);
    await serving(server, 2);
    assert.deepEqual(statuses(await everywhere(server, MODEL)), new Set([404]));
    assert.equal((await control('load')).status, 200);
    assert.deepEqual(statuses(await everywhere(server, `${MODEL}/predict`, { body })), new Set([200]));
  });

  it('a port of its own tells health and metrics, with the same keys as the other', async t => {
    const port = await freePort();
    const key = 'a-key-of-sixteen-characters';
    const env = { POLYHEAD_OPERATIONS_PORT: `${port}`, POLYHEAD_MODEL_REPOSITORY: WEATHER, ...DRAINED };
    const server = await startProcess({ env: { ...env, POLYHEAD_API_KEYS: key } });
    t.after(server.stop);
    const operations = (path: string, call: Call = {}) => send(`http://127.0.0.1:${port}`, path, call);
    await until('it is ready', async () => (await operations('/readyz')).status === 200, START_MS);
    assert.deepEqual(JSON.parse((await operations('/readyz')).text).models, [
      { model: 'weather', version: '1', workers: 1 },
    ]);
    assert.equal((await operations('/livez')).status, 200);
    assert.equal((await operations('/metrics')).status, 401);
    assert.equal((await operations('/metrics', { headers: { authorization: 'Bearer no' } })).status, 401);
    const { samples } = parseMetrics(
      (await operations('/metrics', { headers: { authorization: `Bearer ${key}` } })).text,
    );
    assert.equal(samples.get('polyhead_processes_serving'), 1);
    assert.deepEqual(
      [(await operations('/livez', { method: 'POST' })).status, (await operations('/')).status],
      [405, 404],
    );
    process.kill(pids(server)[0], 'SIGSTOP'); // health does not hang on the process that serves
    assert.equal((await operations('/livez')).status, 200);
    process.kill(pids(server)[0], 'SIGCONT');
  });

  it('a start that fails says why once, and ends', async () => {
    const { code, stderr } = await runProcess({ env: { POLYHEAD_MODEL_REPOSITORY: BROKEN, POLYHEAD_PROCESSES: '2' } });
    assert.equal(code, 1);
    assert.equal(stderr.match(/the model repository is not sound/g)?.length, 1);
  });
});
