// Spare processes: models loaded before they are needed, they take a dead one's place, know what the others know, and end with them.
import assert from 'node:assert/strict';
import { cpSync, renameSync } from 'node:fs';
import { describe, it, type TestContext } from 'node:test';
import { type Call, send } from '../support/client/exchange.ts';
import { parseMetrics } from '../support/client/prometheus.ts';
import { repositoryOf } from '../support/models/served-copies.ts';
import { until } from '../support/runner/until.ts';
import { type ServerProcess, startProcess } from '../support/server/process.ts';

const MODEL = '/v1/models/lstm';
const BODY = { sequences: [[[1, 2, 3]]] };
/** When a start is taken to hang. */
const START_MS = 300_000;

interface Line {
  readonly pid: number;
  readonly process?: number;
  readonly childPid?: number;
  readonly msg: string;
}
const lines = (server: ServerProcess) =>
  server
    .log()
    .split('\n')
    .slice(0, -1)
    .map(line => JSON.parse(line) as Line);
const said = (server: ServerProcess, what: RegExp) => lines(server).filter(({ msg }) => what.test(msg));
const served = (server: ServerProcess) => said(server, /the page is at/).map(({ pid }) => pid);
const spares = (server: ServerProcess) => said(server, /a spare process is ready/).map(({ childPid }) => childPid);

/** Over a connection of its own, which any process may accept. */
const ask = (server: ServerProcess, path: string, call: Call = {}) =>
  send(server.origin, path, { ...call, headers: { connection: 'close', ...call.headers } });
const everywhere = async (server: ServerProcess, path: string, call: Call = {}) =>
  new Set(await Promise.all(Array.from({ length: 24 }, () => ask(server, path, call).then(({ status }) => status))));
const metric = async (server: ServerProcess, name: string) =>
  parseMetrics((await ask(server, '/metrics')).text).samples.get(`polyhead_${name}`);

/** Two processes that serve and a spare that waits. */
async function start(t: TestContext, env: Record<string, string> = {}): Promise<ServerProcess> {
  const repository = repositoryOf('test/fixtures/models/lstm');
  const server = await startProcess({
    env: {
      POLYHEAD_MODEL_REPOSITORY: repository,
      POLYHEAD_PROCESSES: '2',
      POLYHEAD_DRAIN_DELAY_MS: '0',
      POLYHEAD_HANG_TIMEOUT_MS: '4000',
      ...env,
    },
  });
  t.after(server.stop);
  await until('a spare waits', () => spares(server).length === 1, START_MS);
  return server;
}

/** Ends it and waits until `count` processes have come to serve since the start. */
async function killed(server: ServerProcess, pid: number, count: number): Promise<void> {
  process.kill(pid, 'SIGKILL');
  await until('another one serves', () => served(server).length === count, START_MS);
}

describe('a spare process', () => {
  it('takes the place of one that is killed, without a start; the next spare starts behind it', async t => {
    const server = await start(t);
    assert.deepEqual([await metric(server, 'processes_serving'), await metric(server, 'processes_spare')], [2, 1]);
    const { stream } = JSON.parse((await ask(server, `${MODEL}/streams`, { method: 'POST' })).text);
    const step = async () => {
      const reply = await ask(server, `${MODEL}/streams/${stream}/steps`, { body: { sequence: [[1, 2, 3]] } });
      return JSON.parse(reply.text).length;
    };
    assert.equal(await step(), 1);
    for (const round of [0, 1]) {
      const spare = spares(server)[round];
      assert.ok(!served(server).includes(spare as number), 'a spare takes no request');
      await killed(server, served(server)[round], 3 + round);
      assert.equal(served(server).at(-1), spare, 'the one that waited serves, not one that began afterwards');
      assert.deepEqual(await everywhere(server, `${MODEL}/predict`, { body: BODY }), new Set([200]));
      assert.equal(await step(), 2 + round);
      await until('the next spare waits', () => spares(server).length === 2 + round, START_MS);
    }
    const of = (what: RegExp) => lines(server).findIndex(({ msg }) => what.test(msg));
    assert.ok(of(/a serving process is gone/) < of(/a spare process takes its place/));
    assert.deepEqual(
      [
        await metric(server, 'processes_serving'),
        await metric(server, 'processes_spare'),
        await metric(server, 'process_restarts_total'),
      ],
      [2, 1, 2],
    );
  });

  it('loads and unloads with the others while it waits', async t => {
    const server = await start(t, { POLYHEAD_MODEL_CONTROL: 'explicit' });
    const control = async (act: string) =>
      (await ask(server, `/v2/repository/models/lstm/${act}`, { body: {} })).status;
    assert.equal(await control('unload'), 200);
    await killed(server, served(server)[0], 3); // a spare that was there when it was unloaded
    assert.deepEqual(await everywhere(server, `${MODEL}/predict`, { body: BODY }), new Set([404]));
    await until('a spare waits that began afterwards', () => spares(server).length === 2, START_MS);
    assert.equal(await control('load'), 200);
    await killed(server, served(server)[1], 4);
    assert.deepEqual(await everywhere(server, `${MODEL}/predict`, { body: BODY }), new Set([200]));
    assert.deepEqual(served(server).slice(2), spares(server).slice(0, 2));
  });

  it('takes over a new version while it waits', async t => {
    const repository = repositoryOf('test/fixtures/models/lstm');
    const env = { POLYHEAD_MODEL_REPOSITORY: repository, POLYHEAD_RELOAD: 'watch', POLYHEAD_VERSIONS: 'latest:1' };
    const server = await start(t, env);
    cpSync(`${repository}/lstm/1`, `${repository}/lstm/.9`, { recursive: true });
    renameSync(`${repository}/lstm/.9`, `${repository}/lstm/9`);
    const [spare] = spares(server);
    await until(
      'all three have taken it over',
      () => new Set(said(server, /lstm\/9 took over/).map(({ pid }) => pid)).size === 3,
    );
    await killed(server, served(server)[0], 3);
    await killed(server, served(server)[1], 4);
    assert.equal(served(server)[2], spare);
    const { text } = await ask(server, `${MODEL}/predict`, { body: BODY });
    assert.equal(JSON.parse(text).version, '9');
  });

  for (const [what, signal] of [
    ['ends', 'SIGKILL'],
    ['hangs', 'SIGSTOP'],
  ] as const) {
    it(`that ${what} is started again, and no caller notices`, async t => {
      const server = await start(t);
      process.kill(spares(server)[0] as number, signal);
      const answers = [];
      while (spares(server).length < 2) answers.push((await ask(server, `${MODEL}/predict`, { body: BODY })).status);
      assert.deepEqual(new Set(answers), new Set([200]));
      assert.equal(said(server, /a spare process is gone/).length, 1);
      assert.equal(served(server).length, 2);
    });
  }

  it('stands beside a single process too, where it is asked for, and ends with it', async t => {
    const server = await start(t, { POLYHEAD_PROCESSES: '1', POLYHEAD_SPARE_PROCESSES: '1' });
    assert.deepEqual([served(server).length, await metric(server, 'processes_serving')], [1, 1]);
    const [spare] = spares(server) as number[];
    server.kill('SIGTERM');
    const { code, stderr } = await server.outcome;
    assert.deepEqual([code, stderr], [0, '']);
    assert.throws(() => process.kill(spare, 0), { code: 'ESRCH' });
  });

  it('is left out where none is wanted: the process that died is started again', async t => {
    const server = await startProcess({
      env: {
        POLYHEAD_MODEL_REPOSITORY: repositoryOf('test/fixtures/models/lstm'),
        POLYHEAD_PROCESSES: '2',
        POLYHEAD_SPARE_PROCESSES: '0',
      },
    });
    t.after(server.stop);
    await until('both serve', () => served(server).length === 2, START_MS);
    await killed(server, served(server)[0], 3);
    assert.deepEqual(spares(server), []);
    assert.equal(said(server, /takes its place/).length, 0);
  });
});
