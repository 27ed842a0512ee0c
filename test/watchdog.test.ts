// A run that does not end: unready after the stated time, then a last line and the end, whatever the threads do.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { send } from './support/client/exchange.ts';
import { repositoryOf } from './support/models/served-copies.ts';
import { until } from './support/runner/until.ts';
import { startProcess } from './support/server/process.ts';
import { ROOT } from './support/server/service.ts';

/** Runs a module's text in a process of its own, to its end. */
async function endOf(text: string): Promise<{ signal: NodeJS.Signals | null; stderr: string }> {
  const head = `import { watchRuns } from '${ROOT}dist/src/watchdog.js'; const log = { error() {} };`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', head + text]);
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', data => {
    stderr += data;
  });
  const [, signal] = await once(child, 'close');
  return { signal, stderr };
}

describe('a run that does not end', () => {
  it('makes the server unready, and then ends it with a clear last line', async t => {
    const server = await startProcess({
      script: 'test/support/server/gated-server.js',
      env: {
        TEST_BLOCK_MS: '3600000',
        POLYHEAD_MODEL_REPOSITORY: repositoryOf('models/recurrent'),
        POLYHEAD_RUN_TIMEOUT_MS: '8000',
      },
    });
    t.after(server.stop);
    assert.equal((await send(server.origin, '/readyz')).status, 200);
    const lost = send(server.origin, '/v1/models/recurrent/predict', {
      body: { sequences: [[[0, 0, 0, 0, 1, 0]]] },
    }).catch(error => error.code);
    const unready = await until('it turns unready', async () => {
      const reply = await send(server.origin, '/readyz');
      return reply.status === 503 && reply;
    });
    assert.equal(JSON.parse(unready.text).status, 'a run does not end');
    assert.equal((await send(server.origin, '/livez')).status, 200);
    const { signal, stderr } = await server.outcome;
    assert.equal(signal, 'SIGKILL');
    assert.match(stderr, /^polyhead: a run has not ended after \d+ ms; killed\n$/);
    assert.equal(await lost, 'ECONNRESET');
  });

  it('is ended too where it holds the event loop', async () => {
    const { signal, stderr } = await endOf(`
      watchRuns({ longestRunMs: () => 0 }, 200, log);
      setTimeout(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0), 300);`);
    assert.equal(signal, 'SIGKILL');
    assert.match(stderr, /^polyhead: the event loop has been held for \d+ ms; killed\n$/);
  });

  it('puts off no exit', async () => {
    const { signal, stderr } = await endOf('watchRuns({ longestRunMs: () => 5 }, 60_000, log); process.exit(1);');
    assert.equal(signal, 'SIGKILL');
    assert.equal(stderr, 'polyhead: the process ends while a run is still going on; killed\n');
  });

  it('that ends in time does nothing, and the watch keeps no process alive', async () => {
    const { signal, stderr } = await endOf('watchRuns({ longestRunMs: () => 0 }, 60_000, log);');
    assert.deepEqual([signal, stderr], [null, '']);
  });
});
