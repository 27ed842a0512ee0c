// Answers that nobody reads: all of them together are held to the bound of bodies, over REST, v2 and for steps, and small ones go on.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { after, before, describe, it, test } from 'node:test';
import Fastify from 'fastify';
import { Held } from '../../src/core/held.ts';
import { Answers, installAnswers } from '../../src/http/answers.ts';
import { installErrors } from '../../src/http/errors.ts';
import { listen } from '../support/client/client.ts';
import { Listener } from '../support/client/live.ts';
import { send } from '../support/client/v2.ts';
import { onnxFile } from '../support/models/onnx-writer.ts';
import { temporaryFolder } from '../support/models/served-copies.ts';
import { until } from '../support/runner/until.ts';
import { startApp, type TestApp } from '../support/server/service.ts';

const MIB = 1024 * 1024;
/** 6 MiB of float32 a row: more than the system takes for a reader who does not read. */
const WIDE = 1.5 * MIB;
const ANSWER = 4 * WIDE;
/** x [batch, 1] and the state before it in; out their sum t as the next state, z as it is, and y [batch, WIDE] full of it. */
const GRAPH = onnxFile({
  inputs: ['x', 's'].map(name => ({ name, type: 1, dims: ['batch', 1] })),
  outputs: [
    { name: 'y', type: 1, dims: ['batch', WIDE] },
    ...['z', 't'].map(name => ({ name, type: 1, dims: ['batch', 1] })),
  ],
  initializers: [
    { name: 'ones', type: 7, dims: [2], raw: new Uint8Array(BigInt64Array.from([1n, BigInt(WIDE)]).buffer) },
  ],
  nodes: [
    { op: 'Add', inputs: ['x', 's'], outputs: ['t'] },
    { op: 'Tile', inputs: ['t', 'ones'], outputs: ['y'] },
    { op: 'Identity', inputs: ['t'], outputs: ['z'] },
  ],
});
const MANIFEST = {
  formatVersion: 1,
  graph: { file: 'model.onnx' },
  inputs: [{ name: 'x', tensor: 'x', kind: 'tensor', timeAxis: null }],
  heads: ['y', 'z'].map(name => ({ name, tensor: name, kind: 'tensor', per: 'sequence' })),
  state: [{ input: 's', output: 't', batchAxis: 0 }],
  limits: { batchSize: 2 },
};

const SLOW = { ms: 3_600_000, bytesAMs: 1 };
const AT_ONCE = { ms: 0, bytesAMs: Number.POSITIVE_INFINITY };

const PATH = '/v2/models/wide/infer';
const JSON_TYPE = { 'content-type': 'application/json' };
const asking = (name: string, parameters: object = {}) =>
  Buffer.from(
    JSON.stringify({
      parameters,
      inputs: ['x', ...('sequence_id' in parameters ? [] : ['s'])].map(input => {
        return { name: input, datatype: 'FP32', shape: [1, 1], data: [input === 'x' ? 0.5 : 0] };
      }),
      outputs: [{ name, parameters: { binary_data: true } }],
    }),
  );

/** Asks, and never reads what comes. */
async function ask(origin: string, at: string, body: Buffer): Promise<net.Socket> {
  const { port, hostname } = new URL(origin);
  const socket = net.connect(Number(port), hostname);
  socket.pause();
  socket.on('error', () => {}); // it may be cut off
  await once(socket, 'connect');
  const head = [`POST ${at} HTTP/1.1`, 'host: a', 'content-type: application/json', `content-length: ${body.length}`];
  socket.write(Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), body]));
  return socket;
}

describe('answers that nobody reads', () => {
  let app: TestApp;
  let origin: string;
  const sockets: net.Socket[] = [];
  before(async () => {
    const repository = temporaryFolder();
    const folder = path.join(repository, 'wide/1');
    mkdirSync(folder, { recursive: true });
    writeFileSync(path.join(folder, 'model.onnx'), GRAPH);
    writeFileSync(path.join(folder, 'manifest.json'), JSON.stringify(MANIFEST));
    app = await startApp({
      POLYHEAD_MODEL_REPOSITORY: repository,
      POLYHEAD_WORKERS: '1',
      POLYHEAD_UPLOAD_BYTES: String(3.5 * ANSWER),
    });
    Object.assign(app.app.answers, { unread: SLOW, pressed: SLOW }); // nobody is cut off, however slow the machine
    origin = await listen(app);
  });
  after(async () => {
    for (const socket of sockets) socket.destroy();
    await app.close();
  });
  const held = () => app.service.held.bytes;

  /** Three of them, with room for half a one more. */
  const fill = async () => {
    for (let i = 1; i <= 3; i++) {
      sockets.push(await ask(origin, PATH, asking('y')));
      await until('the answer is held', () => held() >= i * ANSWER);
    }
  };
  const empty = async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await until('nothing is held', () => held() === 0);
  };

  it('fill one room; beyond it a large answer is 503 while small ones go on, and readers who leave make room', async () => {
    await fill();
    const full = held();
    assert.ok(full < 3 * ANSWER + 64 * 1024, `${full}`);
    for (let i = 0; i < 2; i++) {
      const refused = await send(origin, PATH, { body: asking('y'), headers: JSON_TYPE });
      assert.equal(refused.status, 503);
      assert.equal(refused.headers['retry-after'], '1');
      assert.equal(refused.headers['inference-header-content-length'], undefined);
      assert.match(refused.bytes.toString(), /too many answers of this server wait to be read/);
      const body = (member: string) => Buffer.from(JSON.stringify({ [member]: [[0.5]], heads: ['y'] }));
      for (const [at, member] of Object.entries({ '/predict': 'sequences', ':predict': 'instances' })) {
        const other = await send(origin, `/v1/models/wide${at}`, { body: body(member), headers: JSON_TYPE });
        assert.equal(other.status, 503, `${at}: ${other.bytes.toString().slice(0, 200)}`);
      }
    }
    assert.equal(held(), full, 'what was refused holds nothing');
    assert.equal((await send(origin, PATH, { body: asking('z'), headers: JSON_TYPE })).status, 200);
    assert.equal((await send(origin, '/metrics')).status, 200);
    await empty();
    const read = await send(origin, PATH, { body: asking('y'), headers: JSON_TYPE });
    assert.equal(read.status, 200);
    assert.equal(new Float32Array(read.bytes.buffer.slice(read.bytes.byteOffset + read.bytes.length - 4))[0], 0.5);
    await until('it is given back when it was read', () => held() === 0);
  });

  it('refuse a step before it is taken: the stream, the sequence and the connection go on from where they were', async () => {
    const v1 = '/v1/models/wide';
    const created = await send(origin, `${v1}/streams`, { method: 'POST' });
    const stream = `${v1}/streams/${JSON.parse(created.bytes.toString()).stream}/steps`;
    const step = async (head: string) => {
      const body = Buffer.from(JSON.stringify({ sequence: [0.5], heads: [head] }));
      return send(origin, stream, { body, headers: JSON_TYPE });
    };
    const sequence = async (head: string, more: object = {}) =>
      send(origin, PATH, { body: asking(head, { sequence_id: 7, ...more }), headers: JSON_TYPE });
    const lastOf = ({ bytes }: { bytes: Buffer }) => bytes.readFloatLE(bytes.length - 4);
    const live = await Listener.open(origin, `${v1}/live`);
    live.send({ open: { heads: ['y'] } });
    await live.until(1);
    assert.equal((await step('z')).status, 200);
    assert.equal((await sequence('z', { sequence_start: true })).status, 200);
    await fill();
    assert.equal((await step('y')).status, 503);
    assert.equal((await sequence('y')).status, 503);
    live.send({ sequence: [0.5] });
    assert.equal((await live.until(2))[1].error?.code, 'OVERLOADED');
    await empty();
    const { prediction, length } = JSON.parse((await step('z')).bytes.toString());
    assert.deepEqual([prediction.heads.z.values.flat(), length], [[1], 2]);
    assert.equal(lastOf(await sequence('z')), 1);
    live.send({ sequence: [0.5] });
    const { length: first } = (await live.until(3))[2];
    assert.equal(first, 1);
    await until('nothing is held', () => held() === 0);
    live.socket.terminate();
  });
});

/** A server that answers so many bytes, and whoever asks and reads nothing. */
async function serving(held: Held, patience: Partial<Pick<Answers, 'unread' | 'pressed'>>) {
  const app = Fastify({ forceCloseConnections: true });
  installErrors(app);
  installAnswers(app, Object.assign(new Answers(held), patience));
  app.post('/', (_request, reply) => reply.header('content-encoding', 'none').send(Buffer.alloc(ANSWER)));
  const origin = await app.listen({ host: '127.0.0.1', port: 0 });
  const waits = async () => {
    const before = held.bytes;
    const socket = await ask(origin, '/', Buffer.from('{}'));
    const gone = once(socket, 'close');
    await until('the answer is held', () => held.bytes === before + ANSWER);
    return { socket, gone };
  };
  return { app, origin, waits };
}

test('a reader who takes too long is cut off, and its room given back', async t => {
  const held = new Held(10 * ANSWER);
  const { app, waits } = await serving(held, { unread: { ...AT_ONCE, ms: 500 } });
  t.after(() => app.close());
  const { socket, gone } = await waits();
  await until('it is given back', () => held.bytes === 0);
  socket.resume();
  await gone;
});

test('where another answer needs the room, the slow reader who came first is cut off for it, and no other', async t => {
  const held = new Held(2.5 * ANSWER);
  const { app, origin, waits } = await serving(held, { unread: SLOW, pressed: AT_ONCE });
  t.after(() => app.close());
  const first = await waits();
  const second = await waits();
  const reply = await fetch(origin, { method: 'POST', body: '{}', headers: JSON_TYPE });
  assert.equal(reply.status, 200);
  assert.equal((await reply.arrayBuffer()).byteLength, ANSWER);
  await until('the second is still held', () => held.bytes === ANSWER);
  first.socket.resume();
  await first.gone;
  assert.ok(!second.socket.destroyed);
  second.socket.destroy();
  await until('nothing is held', () => held.bytes === 0);
});

test('where none has been slow, the new answer is refused, whole and without what was said of it', async t => {
  const held = new Held(1.5 * ANSWER);
  const { app, origin, waits } = await serving(held, { unread: SLOW, pressed: SLOW });
  t.after(() => app.close());
  const { socket } = await waits();
  const reply = await fetch(origin, { method: 'POST', body: '{}', headers: JSON_TYPE });
  assert.equal(reply.status, 503);
  assert.equal(reply.headers.get('content-encoding'), null);
  assert.equal(((await reply.json()) as { code: string }).code, 'OVERLOADED');
  socket.destroy();
  await until('nothing is held', () => held.bytes === 0);
});
