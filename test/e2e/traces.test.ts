// Requests followed through the queue and the batches that ran them, as a collector of OpenTelemetry receives it.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import * as conventions from '@opentelemetry/semantic-conventions';
import { startGrpc } from '../../src/grpc/server.ts';
import { startTracing } from '../../src/telemetry/otlp.ts';
import { listen } from '../support/client/client.ts';
import { type CollectedSpan, Collector } from '../support/client/collector.ts';
import { GrpcClient } from '../support/client/grpc.ts';
import { Listener } from '../support/client/live.ts';
import { repositoryOf } from '../support/models/served-copies.ts';
import { GATED_WORKER, Gate } from '../support/runner/gate.ts';
import { until } from '../support/runner/until.ts';
import { runProcess, startProcess } from '../support/server/process.ts';
import { log, startApp, type TestApp } from '../support/server/service.ts';

const PREDICT = '/v1/models/lstm/predict';
const REPOSITORY = repositoryOf('test/fixtures/models/lstm');
const parentOf = (nibble: string, sampled = '01') => `00-${nibble.repeat(32)}-${nibble.repeat(16)}-${sampled}`;
const post = (origin: string, path: string, headers: Record<string, string> = {}, body: unknown = SEQUENCE) =>
  fetch(origin + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
const SEQUENCE = { sequences: [[[0.125, 0.25, 0.5]]] };
const contains = (outer: CollectedSpan, inner: CollectedSpan) =>
  outer.startNs <= inner.startNs && inner.startNs <= inner.endNs && inner.endNs <= outer.endNs;

describe('traces', () => {
  let app: TestApp;
  let origin: string;
  let collector: Collector;
  const gate = new Gate();
  const spansOf = (traceId: string) => collector.spans.filter(span => span.traceId === traceId);

  before(async () => {
    collector = await Collector.start();
    process.env.OTEL_EXPORTER_OTLP_ENDPOINT = collector.endpoint;
    process.env.OTEL_EXPORTER_OTLP_HEADERS = 'authorization=Bearer%20collector-key';
    process.env.OTEL_RESOURCE_ATTRIBUTES = 'deployment.environment.name=test';
    const tracing = startTracing({ version: '1.2.3', share: 0, onSpans: () => {} }, log);
    app = await startApp({ POLYHEAD_MODEL_REPOSITORY: REPOSITORY, POLYHEAD_WORKERS: '1' }, GATED_WORKER, tracing);
    origin = await listen(app);
  });
  after(async () => {
    await app.close();
    await collector.close();
  });

  it('follow three requests into one batch, which is linked to them all', async () => {
    await gate.order({ type: 'hold' }); // one thread for two versions
    const first = post(origin, PREDICT, { traceparent: parentOf('1') });
    await gate.started(1);
    const state = { tracestate: 'vendor=yes' };
    const others = ['2', '3'].map(nibble => post(origin, PREDICT, { traceparent: parentOf(nibble), ...state }));
    others.push(post(origin, PREDICT, { traceparent: parentOf('4', '00') }));
    const { batcher } = app.service.models.get('lstm');
    await until('all wait', () => batcher.pending === 4);
    await gate.order({ type: 'pass' });
    const replies = await Promise.all([first, ...others]);
    assert.deepEqual(
      replies.map(reply => reply.status),
      [200, 200, 200, 200],
    );
    await collector.named('batch', 2);
    await collector.named(`POST /v1/models/:model/predict`, 3);

    const servers = ['1', '2', '3'].map(nibble => {
      const [server, more] = spansOf(nibble.repeat(32)).filter(span => span.kind === 2);
      assert.equal(more, undefined);
      assert.equal(server.parent, nibble.repeat(16), 'in the trace of its caller');
      return server;
    });
    assert.deepEqual(
      servers.map(span => span.state),
      ['', 'vendor=yes', 'vendor=yes'],
    );
    replies.slice(0, 3).forEach((reply, i) => {
      assert.equal(reply.headers.get('traceresponse'), `00-${servers[i].traceId}-${servers[i].spanId}-01`);
    });
    assert.deepEqual(spansOf('4'.repeat(32)), [], 'its caller wants no trace');

    const batches = collector.spans.filter(span => span.name === 'batch');
    assert.deepEqual(batches.map(span => span.attributes['polyhead.batch.sequences']).sort(), [1, 3]);
    const together = batches.find(span => span.attributes['polyhead.batch.sequences'] === 3) as CollectedSpan;
    const place = ({ traceId, spanId }: { traceId: string; spanId: string }) => ({ traceId, spanId });
    const byId = (a: { traceId: string }, b: { traceId: string }) => (a.traceId < b.traceId ? -1 : 1);
    assert.deepEqual(together.links.map(place).sort(byId), servers.slice(1).map(place));
    assert.ok(servers.slice(1).some(server => server.spanId === together.parent));
    for (const server of servers.slice(1)) {
      const [queue] = spansOf(server.traceId).filter(span => span.name === 'queue');
      assert.equal(queue.parent, server.spanId);
      assert.deepEqual(queue.links.map(place), [place(together)]);
      assert.ok(contains(server, queue) && queue.endNs <= together.endNs);
      assert.ok(queue.endNs >= (batches.find(span => span !== together) as CollectedSpan).startNs, 'behind the first');
    }
    const stages = ['collate', 'run', 'split'].map(
      name => collector.spans.find(span => span.name === name && span.parent === together.spanId) as CollectedSpan,
    );
    for (const stage of stages) assert.ok(contains(together, stage), stage.name);
    assert.ok(stages[0].endNs <= stages[1].endNs && stages[1].endNs <= stages[2].endNs);
    const parent = servers.find(server => server.spanId === together.parent) as CollectedSpan;
    assert.ok(contains(parent, together));
  });

  it('name what was asked by the conventions, with no payload and no query', async () => {
    await post(origin, `${PREDICT}?secret=1`, { traceparent: parentOf('5'), 'x-request-id': 'mine' });
    await post(origin, '/v1/models/none/predict', { traceparent: parentOf('6') });
    await until('both', () => ['5', '6'].every(nibble => spansOf(nibble.repeat(32)).some(span => span.kind === 2)));
    const [answered] = spansOf('5'.repeat(32)).filter(span => span.kind === 2);
    const { 'user_agent.original': agent, ...attributes } = answered.attributes;
    assert.equal(typeof agent, 'string');
    assert.deepEqual(attributes, {
      'http.request.method': 'POST',
      'http.route': '/v1/models/:model/predict',
      'http.response.status_code': 200,
      'url.path': PREDICT,
      'url.scheme': 'http',
      'client.address': '127.0.0.1',
      'network.protocol.version': '1.1',
      'server.address': '127.0.0.1',
      'polyhead.request.id': 'mine',
      'polyhead.model': 'lstm',
      'polyhead.sequences': 1,
      'polyhead.steps': 1,
    });
    const known = new Set<unknown>(Object.values(conventions));
    for (const name of Object.keys(answered.attributes)) assert.ok(known.has(name) || /^polyhead\./.test(name), name);
    assert.equal(answered.status.code, 0);
    const [missing] = spansOf('6'.repeat(32));
    assert.deepEqual(
      [missing.attributes['http.response.status_code'], missing.attributes['error.type'], missing.status.code],
      [404, 'MODEL_NOT_FOUND', 0],
      "a caller's mistake is no fault of the server",
    );
    const { resource } = answered;
    assert.deepEqual(
      [resource['service.name'], resource['service.version'], resource['deployment.environment.name']],
      ['polyhead', '1.2.3', 'test'],
    );
    assert.equal(collector.headers.authorization, 'Bearer collector-key');
  });

  it('tell a failed run as an error', async () => {
    await gate.order({ type: 'fail' });
    const reply = await post(origin, PREDICT, { traceparent: parentOf('7') });
    await gate.order({ type: 'pass' });
    assert.equal(reply.status, 500);
    await until('the span', () => spansOf('7'.repeat(32)).length > 0);
    const failed = await until('request, wait and run', () => {
      const spans = spansOf('7'.repeat(32));
      return spans.length >= 3 && spans;
    });
    const names = failed.map(({ name, status: { code, message } }) => [name, code, message ?? '']).sort();
    assert.deepEqual(names, [
      ['POST /v1/models/:model/predict', 2, 'INFERENCE_FAILED'],
      ['batch', 2, 'INFERENCE_FAILED'],
      ['queue', 0, ''],
    ]);
  });

  it('follow each step of a live connection in the trace of its caller', async () => {
    const live = await Listener.open(origin, '/v1/models/lstm/live', { traceparent: parentOf('b') });
    for (const sequence of [[[1, 2, 3]], [[1, 2]], [[3, 2, 1]]]) live.send({ sequence });
    await live.until(3);
    live.socket.close();
    const steps = await until('the steps', () => {
      const spans = spansOf('b'.repeat(32)).filter(({ name }) => name === 'live step');
      return spans.length === 3 && spans;
    });
    assert.deepEqual(
      steps.map(({ parent, attributes, status }) => [
        parent,
        attributes['polyhead.model'],
        attributes['error.type'],
        status.code,
      ]),
      [undefined, 'INVALID_SEQUENCE', undefined].map(code => ['b'.repeat(16), 'lstm', code, 0]),
    );
    const runs = await collector.named('batch', 1);
    assert.ok(runs);
    for (const [i, wanted] of [1, 0, 1].entries()) {
      const waits = spansOf('b'.repeat(32)).filter(
        ({ name, parent }) => name === 'queue' && parent === steps[i].spanId,
      );
      assert.equal(waits.length, wanted);
    }
  });

  it('leave alone what nobody asked to follow: no decision, no share; probes and metrics', async () => {
    const before = collector.spans.length;
    const reply = await post(origin, PREDICT);
    assert.match(`${reply.headers.get('traceresponse')}`, /^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
    for (const path of ['/livez', '/readyz', '/metrics']) {
      const probe = await fetch(origin + path, { headers: { traceparent: parentOf('8') } });
      assert.equal(probe.headers.get('traceresponse'), null);
    }
    await post(origin, PREDICT, { traceparent: parentOf('9') });
    await until('the last', () => spansOf('9'.repeat(32)).some(span => span.kind === 2));
    assert.ok(collector.spans.slice(before).every(span => span.traceId === '9'.repeat(32)));
  });

  it('take what comes in by gRPC the same way', async t => {
    const server = await startGrpc(app.service, { ...app.config, grpcPort: 0 });
    const client = new GrpcClient(server.port);
    t.after(async () => {
      client.close();
      await server.close();
    });
    const message = { model_name: 'lstm', inputs: [], raw_input_contents: [] };
    await assert.rejects(client.call('ModelInfer', message, { traceparent: parentOf('a') }));
    await until('the span', () => spansOf('a'.repeat(32)).length > 0);
    const [span] = spansOf('a'.repeat(32));
    assert.equal(span.name, 'inference.GRPCInferenceService/ModelInfer');
    assert.deepEqual(span.attributes, {
      'rpc.system.name': 'grpc',
      'rpc.method': span.name,
      'rpc.status_code': 'INVALID_ARGUMENT',
      'error.type': 'INVALID_REQUEST',
    });
    const known = new Set<unknown>(Object.values(conventions));
    for (const name of Object.keys(span.attributes)) assert.ok(known.has(name), name);
  });
});

describe('a process that sends traces', () => {
  it('sends what is left before it ends, logs the ids, and counts what it sent', async t => {
    const collector = await Collector.start();
    t.after(() => collector.close());
    const server = await startProcess({
      env: {
        POLYHEAD_MODEL_REPOSITORY: REPOSITORY,
        POLYHEAD_TRACES: 'otlp',
        POLYHEAD_ACCESS_LOG: 'true',
        OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint,
        OTEL_SERVICE_NAME: 'weather-desk',
      },
    });
    t.after(server.stop);
    const reply = await post(server.origin, PREDICT);
    await collector.named('batch', 1);
    const metrics = await until('counted', async () => {
      const text = await (await fetch(`${server.origin}/metrics`)).text();
      return /polyhead_trace_spans_total\{outcome="sent"\} (\d+)/.exec(text)?.[1];
    });
    assert.equal(Number(metrics), collector.spans.length);
    const last = await post(server.origin, PREDICT);
    server.kill('SIGTERM');
    const { code, stdout } = await server.outcome;
    assert.equal(code, 0);
    for (const { headers } of [reply, last]) {
      const [, traceId, spanId] = `${headers.get('traceresponse')}`.split('-');
      const span = collector.spans.find(sent => sent.spanId === spanId);
      assert.equal(span?.traceId, traceId);
      assert.equal(span?.resource['service.name'], 'weather-desk');
      assert.ok(stdout.includes(`"traceId":"${traceId}"`));
    }
  });

  it('serves and ends in order where the collector is away, and says so once', async t => {
    const gone = await Collector.start();
    await gone.close();
    const env = { POLYHEAD_MODEL_REPOSITORY: REPOSITORY, POLYHEAD_TRACES: 'otlp', OTEL_BSP_EXPORT_TIMEOUT: '100' };
    const server = await startProcess({
      env: { ...env, OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9', OTEL_EXPORTER_OTLP_TIMEOUT: '100' },
    });
    t.after(server.stop);
    assert.equal((await post(server.origin, PREDICT)).status, 200);
    await until('told', () => server.log().includes('traces cannot be sent'));
    assert.equal((await post(server.origin, PREDICT)).status, 200);
    server.kill('SIGTERM');
    const { code, stdout } = await server.outcome;
    assert.equal(code, 0);
    assert.equal(stdout.split('traces cannot be sent').length, 2);
  });

  it('does not load the library where it is off', async () => {
    const { stdout } = await runProcess({
      script: 'test/support/server/loaded-modules.js',
      env: { POLYHEAD_MODEL_REPOSITORY: REPOSITORY },
    });
    const loaded: string[] = JSON.parse(stdout.split('\n').at(-2) as string);
    assert.ok(loaded.some(file => file.includes('/node_modules/fastify/')));
    assert.deepEqual(
      loaded.filter(file => /@opentelemetry.(?!api\/)/.test(file)), // prom-client brings the api
      [],
    );
  });

  it('refuses a share that is none', async () => {
    const { code, stderr } = await runProcess({ env: { POLYHEAD_TRACE_SHARE: '1.5' } });
    assert.equal(code, 1);
    assert.match(stderr, /POLYHEAD_TRACE_SHARE: expected a share from 0 to 1/);
  });
});
