// gRPC against the real server: every graph of every exporter raw and typed, sequences by unary calls and by stream, and the
// same refusals, keys, deadlines and limits as over HTTP.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import http2 from 'node:http2';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import * as grpc from '@grpc/grpc-js';
import { pino } from 'pino';
import { type GrpcServer, startGrpc } from '../../src/grpc/server.ts';
import { Service } from '../../src/service/service.ts';
import { VERSION } from '../../src/version.ts';
import { GrpcClient, messageOf, outputsOf, type Reply } from '../support/client/grpc.ts';
import {
  assertGoldenOutputs,
  catalogue,
  EVERY_KIND,
  goldenOf,
  type Metadata,
  tensorsOf,
} from '../support/client/v2-golden.ts';
import { repositoryOf, temporaryFolder } from '../support/models/served-copies.ts';
import { GATED_WORKER, Gate } from '../support/runner/gate.ts';
import { startProcess } from '../support/server/process.ts';
import { configOf, startApp, type TestApp } from '../support/server/service.ts';

const KEY = 'a-key-for-grpc-callers';
const WEATHER = repositoryOf('models/weather');
writeFileSync(path.join(WEATHER, 'weather/serving.json'), JSON.stringify({ labels: { stable: 1 } }));
const FEATURES = 7;

interface Running {
  readonly app: TestApp;
  readonly server: GrpcServer;
  readonly client: GrpcClient;
}
async function running(env: Record<string, string>): Promise<Running> {
  const app = await startApp(env);
  const server = await startGrpc(app.service, { ...app.config, grpcPort: 0 });
  return { app, server, client: new GrpcClient(server.port) };
}
async function end({ app, server, client }: Running): Promise<void> {
  client.close();
  await server.close();
  await app.close();
}

/** One row of the weather model, of so many days. */
function days(count: number, from = 0): { name: string; datatype: string; shape: number[]; data: number[] }[] {
  const data = Array.from({ length: count }, (_, i) => [
    0.5,
    12 + ((from + i) % 40),
    5,
    4.7,
    4,
    1 + ((from + i) % 366),
    1,
  ]).flat();
  return [
    { name: 'x', datatype: 'FP32', shape: [1, count, FEATURES], data },
    { name: 'lengths', datatype: 'INT64', shape: [1], data: [count] },
  ];
}
const headOf = (reply: Reply, head: string) => Number(outputsOf(reply).find(({ name }) => name === head)?.data[0]);
const failsWith = (code: number, words: RegExp) => (error: grpc.ServiceError) => {
  assert.equal(error.code, code, error.details);
  assert.match(error.details, words);
  return true;
};

describe('every golden answer over gRPC', () => {
  let at: Running;
  before(async () => {
    const repository = repositoryOf(...EVERY_KIND.map(name => `test/fixtures/exporters/${name}`));
    at = await running({ POLYHEAD_MODEL_REPOSITORY: repository, POLYHEAD_WORKERS: '1' });
  });
  after(() => end(at));

  for (const entry of catalogue.filter(({ name }) => EVERY_KIND.includes(name))) {
    const { name } = entry;
    it(name, async () => {
      const metadata = await at.client.call<Metadata & { platform: string }>('ModelMetadata', { name });
      assert.equal(metadata.platform, 'onnxruntime_onnx');
      const half = [...metadata.inputs, ...metadata.outputs].some(({ datatype }) => datatype === 'FP16');
      const golden = goldenOf(name);
      for (const [i, one] of golden.cases.entries()) {
        const tensors = tensorsOf(entry, metadata, one);
        for (const raw of half ? [true] : [true, false]) {
          const reply = await at.client.call('ModelInfer', messageOf(name, tensors, raw, { id: `${i}` }));
          assert.deepEqual([reply.model_name, reply.id], [name, `${i}`]);
          assert.equal((reply.raw_output_contents as unknown[]).length > 0, raw);
          assertGoldenOutputs(`${name} case ${i}`, golden, one.outputs, outputsOf(reply));
        }
      }
    });
  }
});

describe('the gRPC service', () => {
  let at: Running;
  before(async () => {
    at = await running({ POLYHEAD_MODEL_REPOSITORY: WEATHER, POLYHEAD_LIVE_WAITING: '4', POLYHEAD_MAX_SEQUENCES: '8' });
  });
  after(() => end(at));
  const call = (method: string, message: object = {}) => at.client.call(method, message);

  it('tells health, readiness, metadata, configuration, statistics and the repository', async () => {
    assert.deepEqual(await call('ServerLive'), { live: true });
    assert.deepEqual(await call('ServerReady'), { ready: true });
    for (const version of ['', '1', 'stable'])
      assert.deepEqual(await call('ModelReady', { name: 'weather', version }), { ready: true }, version);
    for (const named of [{ name: 'weather', version: '9' }, { name: 'nobody' }])
      assert.deepEqual(await call('ModelReady', named), { ready: false });
    const { name, extensions } = await call('ServerMetadata');
    assert.deepEqual([name, (extensions as unknown as string[]).includes('sequence')], ['polyhead', true]);
    const { config } = (await call('ModelConfig', { name: 'weather' })) as unknown as {
      config: { scheduling_choice: string; input: { name: string; data_type: string; optional: boolean }[] };
    };
    assert.equal(config.scheduling_choice, 'sequence_batching');
    assert.deepEqual([config.input[0].name, config.input[0].data_type], ['x', 'TYPE_FP32']);
    const counted = async () =>
      Number(
        (
          (await call('ModelStatistics', { name: 'weather' })) as never as {
            model_stats: { inference_count: string }[];
          }
        ).model_stats[0].inference_count,
      );
    const before = await counted();
    await call('ModelInfer', messageOf('weather', days(2), true));
    assert.equal(await counted(), before + 1);
    assert.deepEqual((await call('RepositoryIndex')).models, [
      { name: 'weather', version: '1', state: 'READY', reason: '' },
    ]);
    const health = new GrpcClient(at.server.port, 'grpc.health.v1.Health');
    assert.deepEqual(await health.call('Check', { service: 'inference.GRPCInferenceService' }), { status: 'SERVING' });
    await assert.rejects(health.call('Check', { service: 'other' }), { code: grpc.status.NOT_FOUND });
    health.close();
  });

  it('refuses with the codes of gRPC and the words of HTTP', async () => {
    const { status } = grpc;
    const one = days(1);
    const cases: [object, number, RegExp][] = [
      [messageOf('none', one, true), status.NOT_FOUND, /no model of this name/],
      [messageOf('weather', one, true, { model_version: '9' }), status.NOT_FOUND, /version/],
      [messageOf('weather', [one[0]], true), status.INVALID_ARGUMENT, /"lengths" is missing/],
      [
        messageOf('weather', one, true, { inputs: [{ ...one[0], datatype: 'FP99' }, one[1]] }),
        status.INVALID_ARGUMENT,
        /FP99/,
      ],
      [
        messageOf('weather', [{ ...one[0], shape: [1, 2, FEATURES] }, one[1]], true),
        status.INVALID_ARGUMENT,
        /28 bytes, expected 56/,
      ],
      [
        messageOf('weather', [{ ...one[0], shape: [1, 2, FEATURES] }, one[1]], false),
        status.INVALID_ARGUMENT,
        /7 elements in fp32_contents, expected 14/,
      ],
      [
        messageOf('weather', [{ ...one[0], data: one[0].data.with(0, Number.NaN) }, one[1]], true),
        status.INVALID_ARGUMENT,
        /finite/,
      ],
      [
        messageOf('weather', one, true, { raw_input_contents: [Buffer.alloc(28)] }),
        status.INVALID_ARGUMENT,
        /1 items, expected 2/,
      ],
      [
        messageOf('weather', one, true, { parameters: { priority: { string_param: 'high' } } }),
        status.INVALID_ARGUMENT,
        /priority must be a whole number/,
      ],
      [
        messageOf('weather', one, true, { parameters: { sequence_id: { uint64_param: '18446744073709551615' } } }),
        status.INVALID_ARGUMENT,
        /START flag/,
      ],
    ];
    for (const [message, code, words] of cases)
      await assert.rejects(call('ModelInfer', message), failsWith(code, words));
    await assert.rejects(
      call('RepositoryModelLoad', { model_name: 'weather' }),
      failsWith(status.PERMISSION_DENIED, /POLYHEAD_MODEL_CONTROL/),
    );
    const late = at.client.call(
      'ModelInfer',
      messageOf('weather', days(365), true, { parameters: { timeout: { int64_param: '1' } } }),
    );
    await late.catch(failsWith(status.DEADLINE_EXCEEDED, /no answer within/)); // or it was answered within a millisecond
  });

  it('continues a sequence by calls and by a stream, in order, with errors in their place', async () => {
    const whole = headOf(await call('ModelInfer', messageOf('weather', days(12), true)), 'temp_max');
    const step = (id: string, i: number, rest: object = {}) => {
      const parameters = {
        sequence_id: { string_param: id },
        sequence_start: { bool_param: i === 0 },
        sequence_end: { bool_param: i === 11 },
      };
      return messageOf('weather', days(1, i), true, { id: `${i}`, parameters, ...rest });
    };
    let last: Reply | undefined;
    for (let i = 0; i < 12; i++) last = await call('ModelInfer', step('by-call', i));
    assert.ok(Math.abs(headOf(last as Reply, 'temp_max') - whole) < 1e-4);
    const stream = at.client.stream();
    const answers: { error_message: string; infer_response: Reply }[] = [];
    stream.on('data', answer => answers.push(answer));
    for (let i = 0; i < 12; i++) {
      stream.write(step('by-stream', i));
      if (i === 5) stream.write(messageOf('weather', [days(1)[0]], true, { id: 'bad' }));
    }
    stream.end();
    await new Promise((resolve, reject) => stream.once('end', resolve).once('error', reject));
    assert.deepEqual(answers.map(({ infer_response }) => infer_response.id), ['0', '1', '2', '3', '4', '5', 'bad', '6', '7', '8', '9', '10', '11']); // biome-ignore format: one line
    assert.match(answers[6].error_message, /"lengths" is missing/);
    assert.ok(answers.every(({ error_message }, i) => (error_message === '') === (i !== 6)));
    assert.ok(Math.abs(headOf(answers[12].infer_response, 'temp_max') - whole) < 1e-4);
  });

  it('ends while a stream is open, and answers what was admitted', async () => {
    const other = await running({ POLYHEAD_MODEL_REPOSITORY: WEATHER });
    const stream = other.client.stream();
    const answered = new Promise(resolve => stream.once('data', resolve));
    stream.on('error', () => {});
    stream.write(messageOf('weather', days(3), true));
    await answered;
    await end(other);
  });
});

describe('gRPC with keys and TLS', () => {
  it('asks for a key for all but health, and speaks TLS', async () => {
    const folder = temporaryFolder();
    const [key, cert] = [path.join(folder, 'key.pem'), path.join(folder, 'cert.pem')];
    const options = [
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-keyout',
      key,
      '-out',
      cert,
      '-days',
      '2',
      '-subj',
      '/CN=localhost',
      '-addext',
      'subjectAltName=IP:127.0.0.1',
    ];
    execFileSync('openssl', ['req', '-x509', ...options], { stdio: 'ignore' });
    const env = {
      POLYHEAD_MODEL_REPOSITORY: WEATHER,
      POLYHEAD_API_KEYS: KEY,
      POLYHEAD_GRPC_TLS_CERT: cert,
      POLYHEAD_GRPC_TLS_KEY: key,
    };
    const app = await startApp(env);
    const server = await startGrpc(app.service, { ...app.config, grpcPort: 0 });
    const { readFileSync } = await import('node:fs');
    const secure = grpc.credentials.createSsl(readFileSync(cert));
    const client = new GrpcClient(server.port, undefined, secure);
    const health = new GrpcClient(server.port, 'grpc.health.v1.Health', secure);
    assert.deepEqual(await health.call('Check'), { status: 'SERVING' });
    for (const headers of [{}, { authorization: 'Bearer another-key-that-is-none' }]) {
      await assert.rejects(client.call('ServerLive', {}, headers as Record<string, string>), {
        code: grpc.status.UNAUTHENTICATED,
      });
    }
    assert.deepEqual(await client.call('ServerLive', {}, { authorization: `Bearer ${KEY}` }), { live: true });
    for (const open of [client, health]) open.close();
    await server.close();
    await app.close();
  });
});

it('waits as long as a call says, which may be longer than a request that says nothing', async t => {
  const app = await startApp({ POLYHEAD_MODEL_REPOSITORY: WEATHER, POLYHEAD_REQUEST_TIMEOUT_MS: '1' }, GATED_WORKER);
  const server = await startGrpc(app.service, { ...app.config, grpcPort: 0 });
  const run = { app, server, client: new GrpcClient(server.port) };
  t.after(() => end(run));
  await new Gate().order({ type: 'block', ms: 100 }, app.config.workers);
  const reply = await run.client.call('ModelInfer', messageOf('weather', days(3), true), {}, 60_000);
  assert.equal(reply.model_name, 'weather');
});

it('prints nothing of what a caller sends that is no metadata: it may be a key', async t => {
  const app = await startApp({ POLYHEAD_MODEL_REPOSITORY: WEATHER });
  const server = await startGrpc(app.service, { ...app.config, grpcPort: 0 });
  const session = http2.connect(`http://127.0.0.1:${server.port}`);
  t.after(async () => {
    session.destroy();
    await server.close();
    await app.close();
  });
  const printed = t.mock.method(console, 'error', () => {});
  const stream = session.request({
    ':method': 'POST',
    ':path': '/inference.GRPCInferenceService/ServerLive',
    'content-type': 'application/grpc',
    te: 'trailers',
    authorization: 'Bearer clé-à-ne-pas-montrer',
  });
  stream.end(Buffer.alloc(5)); // an empty message
  stream.resume();
  await once(stream, 'end');
  assert.equal(printed.mock.callCount(), 0);
});

it('logs why a call failed by a fault of ours, and tells the caller nothing of it', async t => {
  const lines: Record<string, unknown>[] = [];
  const log = pino({ level: 'error' }, { write: (line: string) => lines.push(JSON.parse(line)) });
  const config = configOf({ POLYHEAD_MODEL_REPOSITORY: WEATHER, POLYHEAD_WORKERS: '1' });
  const service = await Service.start({ ...config, version: VERSION, models: config }, log);
  const server = await startGrpc(service, { ...config, grpcPort: 0 });
  const client = new GrpcClient(server.port);
  t.after(async () => {
    client.close();
    await server.close();
    await service.close();
  });
  const { batcher } = service.models.get('weather');
  batcher.submit = () => {
    throw new TypeError('a bug at /home/somebody');
  };
  const metadata = { traceparent: `00-${'ab'.repeat(16)}-${'cd'.repeat(8)}-01` };
  const message = messageOf('weather', days(3), true);
  const failed = failsWith(grpc.status.INTERNAL, /^something went wrong inside the server$/);
  await assert.rejects(client.call('ModelInfer', message, metadata), failed);
  const stream = client.stream();
  stream.write(message);
  const [reply] = await once(stream, 'data');
  assert.equal(reply.error_message, 'something went wrong inside the server');
  stream.end();
  const [first, second] = lines;
  assert.equal(lines.length, 2);
  for (const { err, code, msg } of lines) {
    assert.equal((err as { message: string }).message, 'a bug at /home/somebody');
    assert.deepEqual([code, msg], ['INTERNAL', 'something went wrong inside the server']);
  }
  const method = '/inference.GRPCInferenceService/Model';
  assert.deepEqual([first.method, first.traceId], [`${method}Infer`, 'ab'.repeat(16)]);
  assert.equal(second.method, `${method}StreamInfer`);
  // What a caller did wrong is not the log's.
  await assert.rejects(client.call('ModelInfer', messageOf('nobody', days(3), true)), { code: grpc.status.NOT_FOUND });
  assert.equal(lines.length, 2);
});

it('is served by the process where a port is set, and nowhere else', async () => {
  const env = { POLYHEAD_MODEL_REPOSITORY: WEATHER, POLYHEAD_GRPC_PORT: '0' };
  const server = await startProcess({ env });
  try {
    const [, port] = /gRPC listening on port (\d+)/.exec(server.log()) ?? [];
    const client = new GrpcClient(Number(port));
    assert.deepEqual(await client.call('ServerLive'), { live: true });
    client.close();
    server.kill('SIGTERM');
    assert.equal((await server.outcome).code, 0);
  } finally {
    await server.stop();
  }
});
