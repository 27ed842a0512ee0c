// Large, swollen, slow and broken-off bodies over real sockets: defined answers, bounded work, and a server that goes on.
import assert from 'node:assert/strict';
import type http from 'node:http';
import { after, afterEach, before, describe, it } from 'node:test';
import { deflateSync, gzipSync } from 'node:zlib';
import { connect, parseReply } from '../../support/client/exchange.ts';
import { parseMetrics } from '../../support/client/prometheus.ts';
import {
  answerOf,
  binaryBody,
  bytesOf,
  errorOf,
  framed,
  jsonBody,
  send,
  type V2Reply,
} from '../../support/client/v2.ts';
import { repositoryOf } from '../../support/models/served-copies.ts';
import { until } from '../../support/runner/until.ts';
import { type ServerProcess, startProcess } from '../../support/server/process.ts';

const MIB = 1024 * 1024;
const LIMIT = 4 * MIB;
const INFER = '/v2/models/tl-lstm/infer';
const x = (steps: number) => ({
  name: 'x',
  datatype: 'FP32',
  shape: [1, steps, 3],
  data: Array.from({ length: 3 * steps }, (_, i) => Math.sin(i)),
});
const SMALL = jsonBody([x(2)]);
const padded = (size: number) => Buffer.concat([SMALL.body, Buffer.alloc(size - SMALL.body.length, ' ')]);

describe('hostile bodies', () => {
  let server: ServerProcess;
  const post = (body: Buffer, headers: http.OutgoingHttpHeaders = {}) => send(server.origin, INFER, { body, headers });
  /** Sends the head alone: who writes on while the server closes may never read its answer. */
  const refusedByLength = async (length: number, more = '') => {
    const head = `POST ${INFER} HTTP/1.1\r\nhost: a\r\ncontent-length: ${length}\r\n${more}connection: close\r\n\r\n`;
    const { text } = await (await connect(server.origin, head)).ended;
    const { status, headers, text: body } = parseReply(text);
    errorOf({ status, headers, bytes: Buffer.from(body) }, 413);
  };
  const sample = async (name: string) =>
    parseMetrics((await send(server.origin, '/metrics')).bytes.toString()).samples.get(name) ?? Number.NaN;
  before(async () => {
    server = await startProcess({
      env: {
        POLYHEAD_MODEL_REPOSITORY: repositoryOf('test/fixtures/exporters/tl-lstm'),
        POLYHEAD_MAX_BODY_BYTES: `${LIMIT}`,
      },
    });
  });
  after(() => server?.stop());
  afterEach(async () => {
    answerOf(await post(SMALL.body)); // still alive
  });

  it('3 MB that are valid, as JSON and as bytes, are answered alike', async () => {
    const json = jsonBody([x(52_000)], { parameters: { binary_data_output: true } });
    assert.ok(json.body.length > 3e6 && json.body.length < LIMIT, `${json.body.length}`);
    const { body, headers } = binaryBody([x(52_000)]);
    assert.deepEqual(answerOf(await post(body, headers)).outputs, answerOf(await post(json.body)).outputs);
    const rows = { ...x(130_000), shape: [2, 65_000, 3], data: x(130_000).data };
    const wide = binaryBody([rows]);
    assert.ok(wide.body.length > 1.5e6 && wide.body.length < LIMIT);
    assert.deepEqual(answerOf(await post(wide.body, wide.headers)).outputs[1].shape, [2, 1]);
  });

  it('a body of exactly the limit is read, one byte more is 413', async () => {
    answerOf(await post(padded(LIMIT)));
    for (const length of [LIMIT + 1, 2 ** 31, 2 ** 53 - 1]) await refusedByLength(length);
  });

  it('what inflates to more than the limit is 413, and costs neither memory nor time', async () => {
    for (const [coding, pack] of [
      ['gzip', gzipSync],
      ['deflate', deflateSync],
    ] as const) {
      answerOf(await post(pack(padded(LIMIT)), { 'content-encoding': coding }));
      errorOf(await post(pack(padded(LIMIT + 1)), { 'content-encoding': coding }), 413);
    }
    const [memory, seconds] = [
      await sample('process_resident_memory_bytes'),
      await sample('process_cpu_seconds_total'),
    ];
    const bomb = Buffer.concat(new Array(200).fill(gzipSync(Buffer.alloc(16 * MIB)))); // 3 MB that hold 3 GB
    assert.ok(bomb.length < LIMIT);
    for (let i = 0; i < 3; i++) errorOf(await post(bomb, { 'content-encoding': 'gzip' }), 413);
    answerOf(await post(SMALL.body));
    assert.ok((await sample('process_resident_memory_bytes')) - memory < 100e6);
    assert.ok((await sample('process_cpu_seconds_total')) - seconds < 3, 'it went on inflating');
  });

  it('a compressed body that breaks off or is damaged is 400', async () => {
    for (const [coding, pack] of [
      ['gzip', gzipSync],
      ['deflate', deflateSync],
    ] as const) {
      const packed = pack(SMALL.body);
      const damaged = Buffer.from(packed);
      damaged[Math.floor(damaged.length / 2)] ^= 0xff;
      await refusedByLength(LIMIT + 1, `content-encoding: ${coding}\r\n`);
      for (const body of [packed.subarray(0, -5), packed.subarray(0, 12), damaged, Buffer.alloc(0)]) {
        errorOf(await post(body, { 'content-encoding': coding }), 400);
      }
    }
    errorOf(await post(gzipSync(SMALL.body), { 'content-encoding': 'deflate' }), 400);
  });

  it('chunked bodies, with and without coding, are answered', async () => {
    const chunked = { 'transfer-encoding': 'chunked' };
    answerOf(await post(SMALL.body, chunked));
    answerOf(await post(gzipSync(SMALL.body), { ...chunked, 'content-encoding': 'gzip' }));
    const { body, headers } = binaryBody([x(5)]);
    answerOf(await post(body, { ...headers, ...chunked }));
    errorOf(await post(padded(LIMIT + 1), chunked), 413);
    errorOf(await send(server.origin, INFER, { method: 'POST', headers: chunked }), 400);
  });

  it('lying lengths, over the socket, ten at a time: 400 each, and memory as before', async () => {
    const memory = await sample('process_resident_memory_bytes');
    const bytes = bytesOf('FP32', x(2).data);
    const { data: _, ...rest } = x(2);
    const lies: Promise<V2Reply>[] = [];
    for (const shape of [
      [1, 2 ** 53 - 1, 3],
      [2 ** 32, 2 ** 32, 3],
      [1, 4294967298, 3],
      [2 ** 26, 2 ** 26, 3],
    ]) {
      for (const size of [24, 0, 2 ** 31, 2 ** 53 - 1]) {
        const { body, headers } = framed(
          JSON.stringify({ inputs: [{ ...rest, shape, parameters: { binary_data_size: size } }] }),
          bytes,
        );
        for (let i = 0; i < 10; i++) lies.push(post(body, headers));
      }
    }
    for (const reply of await Promise.all(lies)) errorOf(reply, 400);
    assert.ok((await sample('process_resident_memory_bytes')) - memory < 100e6);
  });

  it('callers that go away in the middle of a body, or of their run, leave nothing behind', async () => {
    const head = (length: number) => `POST ${INFER} HTTP/1.1\r\nhost: a\r\ncontent-length: ${length}\r\n`;
    for (const coding of ['', 'content-encoding: gzip\r\n']) {
      for (let i = 0; i < 10; i++) {
        const { socket, ended } = await connect(server.origin, `${head(1000)}${coding}\r\n`);
        socket.write(gzipSync(SMALL.body).subarray(0, 20), () => socket.destroy());
        await ended;
      }
    }
    const { body } = jsonBody([x(40_000)]);
    for (let i = 0; i < 5; i++) {
      const { socket, ended } = await connect(server.origin, `${head(body.length)}\r\n`);
      socket.write(body, () => socket.destroy());
      await ended;
    }
    await until(
      'nothing is pending',
      async () => (await sample('polyhead_pending_sequences{model="tl-lstm",version="1"}')) === 0,
    );
  });
});
