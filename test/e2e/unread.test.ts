// The end where nobody is left: output that nobody reads or that is closed, processes that have only begun, and a supervisor that
// was killed. Requests are answered all the while, and nothing outlives SIGTERM.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, it, type TestContext } from 'node:test';
import { send } from '../support/client/exchange.ts';
import { repositoryOf } from '../support/models/served-copies.ts';
import { until } from '../support/runner/until.ts';
import { startProcess } from '../support/server/process.ts';
import { ROOT } from '../support/server/service.ts';

const BODY = { sequences: [[[1, 2, 3]]] };
const PATH = '/v1/models/lstm/predict';
const env = (processes: number) => ({
  LOG_LEVEL: 'info',
  POLYHEAD_MODEL_REPOSITORY: repositoryOf('test/fixtures/models/lstm'),
  POLYHEAD_WORKERS: '1',
  POLYHEAD_PROCESSES: `${processes}`,
  POLYHEAD_ACCESS_LOG: 'true',
  POLYHEAD_SHUTDOWN_TIMEOUT_MS: '600000',
});

/** The server with pipes of its own, read until it is ready. */
async function start(t: TestContext, processes: number) {
  const child = spawn(process.execPath, [`${ROOT}dist/src/main.js`, '--port', '0'], {
    env: { PATH: process.env.PATH, ...env(processes) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  t.after(() => child.kill('SIGKILL'));
  let log = '';
  child.stdout.on('data', text => {
    log += text;
  });
  const origin = await until('it is ready', () => /the page is at (http:\/\/[^/]+)/.exec(log)?.[1], 600_000);
  return { child, origin, ended: once(child, 'exit') };
}

/** Processes whose parent this is; where /proc is, by it. */
function childrenOf(pid: number): number[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .map(Number)
    .filter(child => parentOf(child) === pid);
}
function parentOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return state === 'Z' ? undefined : Number(parent);
  } catch {
    return undefined; // it has ended
  }
}

describe('the end where nobody is left', () => {
  for (const processes of [1, 2]) {
    it(`of ${processes} whose output nobody reads: every request is answered, and SIGTERM ends it in order`, async t => {
      const { child, origin, ended } = await start(t, processes);
      child.stdout.pause();
      child.stderr.pause();
      const ask = async () => {
        for (let i = 0; i < 200; i++)
          assert.equal(
            (await send(origin, PATH, { body: BODY, headers: { 'x-request-id': 'x'.repeat(64) } })).status,
            200,
          );
      };
      await Promise.all(Array.from({ length: 16 }, ask)); // a line each: far more than a pipe holds
      child.kill('SIGTERM');
      assert.deepEqual(await ended, [0, null]);
    });

    it(`of ${processes} whose output is closed`, async t => {
      const { child, origin, ended } = await start(t, processes);
      child.stdout.destroy();
      child.stderr.destroy();
      assert.equal((await send(origin, PATH, { body: BODY })).status, 200);
      child.kill('SIGTERM');
      assert.deepEqual(await ended, [0, null]);
    });
  }

  it('comes to processes that have only begun', async t => {
    const server = await startProcess({ env: env(3) }); // the first serves, the others are on their way
    t.after(server.stop);
    server.kill('SIGTERM');
    assert.equal((await server.outcome).code, 0);
  });

  it('comes to every process when the supervisor is killed', { skip: process.platform !== 'linux' }, async t => {
    const { child, ended } = await start(t, 2);
    const children = await until('both run', () => {
      const found = childrenOf(child.pid as number);
      return found.length >= 2 && found;
    });
    child.stdout.pause();
    child.kill('SIGKILL');
    await ended;
    await until('they end too', () => children.every(pid => parentOf(pid) === undefined));
  });
});
