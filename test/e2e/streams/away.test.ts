// A stream store that is away, or comes and goes: every step is told so, all else goes on, and the log stays short.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { describe, it } from 'node:test';
import { send } from '../../support/client/exchange.ts';
import { repositoryOf } from '../../support/models/served-copies.ts';
import { startProcess } from '../../support/server/process.ts';

const CALLS = 150;
/** Lines of one kind that a minute may have. */
const MOST = 20;
const STREAMS = '/v1/models/lstm/streams';

/** Answers the greeting of clients, and hangs up soon or at the first deed; `greeted` counts. */
async function comesAndGoes() {
  const told = { greeted: 0 };
  const server = net.createServer(socket => {
    socket.on('error', () => {});
    socket.on('data', data => {
      if (data.includes('EVAL')) return socket.destroy();
      const commands = data.toString().match(/^\*/gm)?.length ?? 1;
      socket.write('+OK\r\n'.repeat(commands));
      told.greeted++;
      setTimeout(() => socket.destroy(), 5);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  return { url: `redis://127.0.0.1:${port}`, told, close: () => server.close() };
}

describe('a stream store', () => {
  for (const processes of [1, 2]) {
    it(`that is away is told ${MOST} times a minute and process, of ${processes}`, async t => {
      const flapping = await comesAndGoes();
      t.after(flapping.close);
      for (const url of ['redis://127.0.0.1:1', flapping.url]) {
        const server = await startProcess({
          env: {
            POLYHEAD_MODEL_REPOSITORY: repositoryOf('test/fixtures/models/lstm'),
            POLYHEAD_STREAM_STORE: url,
            POLYHEAD_PROCESSES: `${processes}`,
          },
        });
        t.after(server.stop);
        const before = server.log().split('\n').length;
        const started = performance.now();
        const ask = async () => (await send(server.origin, STREAMS, { method: 'POST' })).status;
        const statuses = await Promise.all(Array.from({ length: CALLS }, ask));
        assert.deepEqual(new Set(statuses), new Set([503]));
        assert.equal(
          (await send(server.origin, '/v1/models/lstm/predict', { body: { sequences: [[[1, 2, 3]]] } })).status,
          200,
        );
        server.kill('SIGTERM');
        assert.equal((await server.outcome).code, 0);
        const minutes = 1 + Math.floor((performance.now() - started) / 60_000);
        const lines = server
          .log()
          .split('\n')
          .slice(before - 1);
        const of = (words: RegExp) => lines.filter(line => words.test(line)).length;
        const most = MOST * minutes * processes;
        assert.ok(of(/does not answer or has no room/) > 0 && of(/does not answer or has no room/) <= most);
        assert.ok(of(/cannot be reached/) <= most && of(/is back/) <= most);
        assert.ok(lines.length <= 3 * most + 10, `${lines.length} lines`);
      }
      assert.ok(flapping.told.greeted > 0);
    });
  }
});
