// Bodies in the middle of being sent: all of them together are held to a bound, and who sends slowly takes room from nobody else.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { after, before, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { listen } from '../support/client/client.ts';
import { parseMetrics } from '../support/client/prometheus.ts';
import { send } from '../support/client/v2.ts';
import { repositoryOf } from '../support/models/served-copies.ts';
import { until } from '../support/runner/until.ts';
import { startApp, type TestApp } from '../support/server/service.ts';

const PATH = '/v1/models/lstm/predict';
const KIB = 1024;
const BOUND = 1024 * KIB;
const PART = 200 * KIB;
const ask = Buffer.from(JSON.stringify({ sequences: [[[1, 2, 3]]] }));

describe('bodies in the middle of being sent', () => {
  let app: TestApp;
  let origin: string;
  const sockets: net.Socket[] = [];
  before(async () => {
    app = await startApp({
      POLYHEAD_MODEL_REPOSITORY: repositoryOf('test/fixtures/models/lstm'),
      POLYHEAD_EXECUTION_PROVIDER: 'cpu',
      POLYHEAD_WORKERS: '1',
      POLYHEAD_MAX_BODY_BYTES: String(BOUND),
      POLYHEAD_UPLOAD_BYTES: String(BOUND),
    });
    origin = await listen(app);
  });
  after(async () => {
    for (const socket of sockets) socket.destroy();
    await app.close();
  });

  const held = async () => {
    const { samples } = parseMetrics((await send(origin, '/metrics')).bytes.toString());
    return samples.get('polyhead_upload_bytes') ?? Number.NaN;
  };

  /** Says that a body of 1 MiB follows, and sends a part of it; what the server says comes as text. */
  async function begin(part: Buffer, ...headers: string[]): Promise<{ socket: net.Socket; answer: Promise<string> }> {
    const { port, hostname } = new URL(origin);
    const socket = net.connect(Number(port), hostname);
    sockets.push(socket);
    let text = '';
    socket.setEncoding('utf8').on('data', chunk => {
      text += chunk;
    });
    socket.on('error', () => {}); // the server closes what it refused
    const answer = once(socket, 'close').then(() => text);
    await once(socket, 'connect');
    const head = [`POST ${PATH} HTTP/1.1`, 'host: a', 'content-type: application/json', ...headers, '', ''];
    socket.write(head.join('\r\n'));
    socket.write(part);
    return { socket, answer };
  }

  const whole = `content-length: ${BOUND}`;

  it('are refused beyond the bound, small ones go on, and room comes back when senders leave', async () => {
    const slow = [];
    for (let i = 1; i <= 5; i++) {
      slow.push(await begin(Buffer.alloc(PART, ' '), whole));
      await until('the part is held', async () => (await held()) === i * PART);
    }
    const { answer } = await begin(Buffer.alloc(PART, ' '), whole);
    const text = await answer;
    assert.match(text, /^HTTP\/1\.1 503 .*retry-after: 1\r\n.*"code":"OVERLOADED"/is);
    assert.equal(await held(), 5 * PART);
    assert.equal(
      (await send(origin, PATH, { body: ask, headers: { 'content-type': 'application/json' } })).status,
      200,
    );
    for (const { socket } of slow) socket.destroy();
    await until('nothing is held', async () => (await held()) === 0);
    const large = Buffer.concat([ask, Buffer.alloc(BOUND - 2 * ask.length, ' ')]);
    const reply = await send(origin, PATH, { body: large, headers: { 'content-type': 'application/json' } });
    assert.equal(reply.status, 200, reply.bytes.toString());
    await until('nothing is held', async () => (await held()) === 0);
  });

  it('count as what they are when inflated', async () => {
    const most = Math.floor(0.9 * BOUND);
    const packed = gzipSync(Buffer.alloc(most, ' '));
    const sent = packed.subarray(0, packed.length - 16); // all but its end
    const length = `content-length: ${packed.length}`;
    const first = await begin(sent, length, 'content-encoding: gzip');
    await until('all that came is held inflated', async () => (await held()) > 0.99 * most); // it takes no more from now on
    const { answer } = await begin(sent, length, 'content-encoding: gzip');
    assert.match(await answer, /^HTTP\/1\.1 503 /);
    first.socket.destroy();
    await until('nothing is held', async () => (await held()) === 0);
  });
});
