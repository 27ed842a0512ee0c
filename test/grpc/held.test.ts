// Messages over gRPC in the middle of being sent, and answers that wait: all of them together are held to the bound of all
// bodies, and who sends slowly, swells a message or does not read takes room from nobody for long.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2';
import { after, before, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import * as grpc from '@grpc/grpc-js';
import { type GrpcServer, startGrpc } from '../../src/grpc/server.ts';
import { GrpcClient, messageOf } from '../support/client/grpc.ts';
import { repositoryOf } from '../support/models/served-copies.ts';
import { until } from '../support/runner/until.ts';
import { startApp, type TestApp } from '../support/server/service.ts';

const KIB = 1024;
const BOUND = 1024 * KIB;
const PART = 200 * KIB;
type Reply = { readonly raw_output_contents: readonly Buffer[] };
const INFER = '/inference.GRPCInferenceService/ModelInfer';
const STREAM = '/inference.GRPCInferenceService/ModelStreamInfer';

const rows = (count: number) => [
  { name: 'x', datatype: 'FP32', shape: [count, 1, 3], data: new Array<number>(count * 3).fill(0.5) },
  { name: 'lengths', datatype: 'INT64', shape: [count], data: new Array<number>(count).fill(1) },
];
/** The five bytes before a message. */
function prefix(bytes: number, compressed = false): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(compressed ? 1 : 0, 0);
  head.writeUInt32BE(bytes, 1);
  return head;
}

describe('what callers over gRPC hold', () => {
  let app: TestApp;
  let server: GrpcServer;
  let client: GrpcClient;
  const sessions: ClientHttp2Session[] = [];
  before(async () => {
    app = await startApp({
      POLYHEAD_MODEL_REPOSITORY: repositoryOf('test/fixtures/models/lstm', 'models/weather'),
      POLYHEAD_WORKERS: '1',
      POLYHEAD_MAX_BODY_BYTES: String(BOUND),
      POLYHEAD_UPLOAD_BYTES: String(BOUND),
      POLYHEAD_MAX_ANSWER_BYTES: '2048',
    });
    server = await startGrpc(app.service, { ...app.config, grpcPort: 0, bodyTimeoutMs: 30_000 });
    client = new GrpcClient(server.port);
  });
  after(async () => {
    for (const session of sessions) session.destroy();
    client.close();
    await server.close();
    await app.close();
  });
  const { held } = { held: () => app.service.held.bytes };
  const gone = () => until('nothing is held', () => held() === 0);
  const refusals = async (code: string) => {
    const { values } = await app.service.metrics.refusals.get();
    return values.find(({ labels }) => labels.code === code)?.value ?? 0;
  };

  /** Begins a call and sends these bytes; `status` is what the server ends it with. */
  function begin(bytes: Buffer, { path = INFER, port = server.port, headers = {} } = {}) {
    const session = connect(`http://127.0.0.1:${port}`);
    sessions.push(session);
    session.on('error', () => {});
    const stream: ClientHttp2Stream = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...headers,
    });
    stream.on('error', () => {});
    const status = new Promise<number>(resolve => {
      for (const event of ['response', 'trailers'] as const)
        stream.on(event, told => told['grpc-status'] !== undefined && resolve(Number(told['grpc-status'])));
    });
    stream.write(bytes);
    return { session, stream, status };
  }

  it('is refused beyond the bound, small calls go on, and room comes back when senders leave', async () => {
    const slow = [];
    const part = Buffer.concat([prefix(BOUND), Buffer.alloc(PART - 5)]);
    for (let i = 1; i <= 5; i++) {
      slow.push(begin(part));
      await until('the part is held', () => held() === i * PART);
    }
    const before = await refusals('OVERLOADED');
    assert.equal(await begin(part).status, grpc.status.RESOURCE_EXHAUSTED);
    assert.equal(await refusals('OVERLOADED'), before + 1);
    await until('only the others are held', () => held() === 5 * PART);
    assert.equal((await client.call('ModelInfer', messageOf('lstm', rows(1), true))).model_name, 'lstm');
    for (const { session } of slow) session.destroy();
    await gone();
    await assert.rejects(client.call('ModelInfer', messageOf('lstm', rows(30_000), true)), {
      code: grpc.status.INVALID_ARGUMENT, // it was read whole
    });
    await gone();
  });

  it('counts as what it is when inflated', async () => {
    const packed = gzipSync(Buffer.alloc(0.6 * BOUND));
    assert.ok(packed.length < 16 * KIB);
    const cut = packed.subarray(0, -16);
    const whole = Buffer.concat([prefix(packed.length, true), packed]);
    const headers = { 'grpc-encoding': 'gzip' };
    const rest = begin(Buffer.concat([prefix(BOUND), Buffer.alloc(0.6 * BOUND)]));
    await until('the first is held', () => held() > 0.6 * BOUND);
    assert.equal(await begin(whole, { headers }).status, grpc.status.RESOURCE_EXHAUSTED);
    rest.session.destroy();
    await gone();
    const damaged = begin(Buffer.concat([prefix(cut.length, true), cut]), { headers });
    assert.equal(await damaged.status, grpc.status.INVALID_ARGUMENT);
    const swollen = gzipSync(Buffer.alloc(3 * BOUND));
    const status = await begin(Buffer.concat([prefix(swollen.length, true), swollen]), { headers }).status;
    assert.equal(status, grpc.status.RESOURCE_EXHAUSTED);
    await gone();
  });

  it('is given back message by message over a stream, and by a stream of another service', async () => {
    const stream = client.stream();
    let answered = 0;
    stream.on('data', () => answered++);
    for (let i = 1; i <= 60; i++) {
      stream.write(messageOf('lstm', rows(1), true, { id: 'x'.repeat(30 * KIB) })); // 1.8 MB in all
      await until('it is answered', () => answered === i);
      await gone();
    }
    stream.end();
    const reflection = begin(Buffer.alloc(0), { path: '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo' });
    const ask = Buffer.concat([prefix(4), Buffer.from([0x3a, 2, 0x78, 0x78])]); // list_services: "xx"
    for (let i = 0; i < 50; i++) reflection.stream.write(ask);
    await once(reflection.stream, 'data');
    await gone();
    reflection.session.destroy();
  });

  it('is refused with the answer where that is larger than one may be', async () => {
    await assert.rejects(client.call('ModelInfer', messageOf('lstm', rows(300), true)), (error: grpc.ServiceError) => {
      assert.equal(error.code, grpc.status.RESOURCE_EXHAUSTED);
      assert.match(error.details, /2048 bytes/);
      return true;
    });
  });

  const written = (message: object) => {
    const type = client.client as unknown as Record<string, { requestSerialize(message: object): Buffer }>;
    const bytes = type.ModelStreamInfer.requestSerialize(message);
    return Buffer.concat([prefix(bytes.length), bytes]);
  };

  it('takes no step of a sequence whose answer finds no room', async () => {
    const step = (id: string, i: number) => {
      const parameters = { sequence_id: { string_param: id }, sequence_start: { bool_param: i === 0 } };
      const x = [i, 15.6, 8.3, 2.9, 4, 180 + i, 0];
      const day = [
        { name: 'x', datatype: 'FP32', shape: [1, 1, x.length], data: x },
        { name: 'lengths', datatype: 'INT64', shape: [1], data: [1] },
      ];
      return messageOf('weather', day, true, { parameters });
    };
    const infer = (message: object) => client.call('ModelInfer', message) as Promise<Reply>;
    const answers: Reply[] = [];
    for (let i = 0; i < 2; i++) answers.push(await infer(step('at ease', i)));
    assert.notDeepEqual(answers[0].raw_output_contents, answers[1].raw_output_contents);

    await infer(step('in need', 0));
    await gone();
    // Others hold all that small callers may have but for the request and a little.
    const little = 16 * KIB;
    const left = written(step('in need', 1)).length + 40;
    const others = [BOUND, ...new Array(BOUND / little - 1).fill(little), little - left].map(bytes => {
      const share = app.service.held.open();
      assert.ok(share.take(bytes));
      return share;
    });
    await assert.rejects(
      infer(step('in need', 1)),
      ({ code }: grpc.ServiceError) => code === grpc.status.RESOURCE_EXHAUSTED,
    );
    for (const share of others) share.close();
    const again = await infer(step('in need', 1));
    assert.deepEqual(again.raw_output_contents, answers[1].raw_output_contents);
    await gone();
  });

  it('counts answers until they are read', async () => {
    const request = (count: number) => written(messageOf('lstm', rows(count), true));
    const { stream, session } = begin(request(20), { path: STREAM });
    stream.pause();
    // The client's window takes 64 KiB; what goes beyond lies in the server, at most as many answers as may wait.
    for (let i = 0; i < 200; i++) stream.write(request(20));
    await until('answers wait', () => held() > app.config.liveWaiting * 200);
    session.destroy();
    await gone();
  });

  it('ends where a message does not arrive in time, and is not read without a key', async () => {
    const other = await startGrpc(app.service, {
      ...app.config,
      grpcPort: 0,
      bodyTimeoutMs: 50,
      apiKeys: ['name:a-key-for-grpc-callers'],
    });
    const headers = { authorization: 'Bearer a-key-for-grpc-callers' };
    const part = Buffer.concat([prefix(BOUND), Buffer.alloc(PART)]);
    assert.equal(await begin(part, { port: other.port, headers }).status, grpc.status.DEADLINE_EXCEEDED);
    assert.equal(await begin(part, { port: other.port }).status, grpc.status.UNAUTHENTICATED);
    await gone();
    await other.close();
  });

  it('is cut off after the stated time where a message goes on arriving without an end, and what it sent is given back', async () => {
    const env = {
      POLYHEAD_MODEL_REPOSITORY: repositoryOf('test/fixtures/models/lstm', 'models/weather'),
      POLYHEAD_BODY_TIMEOUT_MS: '4000',
    };
    const hasty = await startApp(env);
    const other = await startGrpc(hasty.service, { ...hasty.config, grpcPort: 0 });
    for (const path of [INFER, STREAM]) {
      const startMs = performance.now();
      const { stream, status } = begin(Buffer.concat([prefix(BOUND), Buffer.alloc(PART)]), { path, port: other.port });
      const ended = once(stream, 'close');
      let sent = 0;
      const trickle = setInterval(() => stream.writable && stream.write(Buffer.alloc(1)) && sent++, 20);
      await until('it is held', () => hasty.service.held.bytes > PART);
      assert.equal(await status, grpc.status.DEADLINE_EXCEEDED);
      assert.ok(performance.now() - startMs >= 3900, 'not before its time');
      await ended;
      clearInterval(trickle);
      assert.ok(sent > 2, 'it was arriving all the time');
      await until('nothing is held', () => hasty.service.held.bytes === 0);
    }
    await other.close();
    await hasty.close();
  });
});
