// Answers: which outputs, in which order and form; ids, timeouts, priorities, and what the statistics say of it all.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { deflateSync, gunzipSync, gzipSync, inflateSync } from 'node:zlib';
import {
  answerOf,
  type Body,
  binaryBody,
  errorOf,
  inject,
  jsonBody,
  jsonOf,
  type V2Call,
  type V2Reply,
} from '../../support/client/v2.ts';
import { repositoryOf } from '../../support/models/served-copies.ts';
import { GATED_WORKER, Gate } from '../../support/runner/gate.ts';
import { until } from '../../support/runner/until.ts';
import { startApp, type TestApp } from '../../support/server/service.ts';

const LSTM = '/v2/models/tl-lstm';
const INFER = `${LSTM}/infer`;
const x = (rows = 1, steps = 2) => ({
  name: 'x',
  datatype: 'FP32',
  shape: [rows, steps, 3],
  data: Array.from({ length: rows * steps * 3 }, (_, i) => Math.sin(i)),
});

describe('infer answers', () => {
  let app: TestApp;
  const call = (path: string, options?: V2Call) => inject(app, path, options);
  const namesOf = (reply: V2Reply) => answerOf(reply).outputs.map(({ name }) => name);
  before(async () => {
    app = await startApp({
      POLYHEAD_MODEL_REPOSITORY: repositoryOf('test/fixtures/exporters/tl-lstm', 'test/fixtures/models/lstm'),
      POLYHEAD_WORKERS: '1',
    });
  });
  after(() => app.close());

  it('name the model and its version, as texts', async () => {
    const { head } = answerOf(await call(INFER, jsonBody([x()])));
    assert.deepEqual(head, { model_name: 'tl-lstm', model_version: '1' });
    const lstm = [
      { name: 'x', datatype: 'FP32', shape: [1, 1, 3], data: [1, 2, 3] },
      { name: 'lengths', datatype: 'INT64', shape: [1], data: [1] },
    ];
    for (const [path, version] of [
      ['', '2'],
      ['/versions/1', '1'],
      ['/versions/2', '2'],
    ]) {
      const { head } = answerOf(await call(`/v2/models/lstm${path}/infer`, jsonBody(lstm)));
      assert.deepEqual(head, { model_name: 'lstm', model_version: version });
    }
  });

  it('echo the id byte for byte, and leave an empty one out', async () => {
    for (const id of ['42', 'é\u{1f600}"\\\u0000', ' ']) {
      for (const body of [jsonBody([x()], { id }), binaryBody([x()], { id })])
        assert.equal(answerOf(await call(INFER, body)).head.id, id);
    }
    for (const id of ['', null, undefined])
      assert.ok(!('id' in answerOf(await call(INFER, jsonBody([x()], { id }))).head));
  });

  it('hold all outputs in the order of the metadata, or those asked for as asked for', async () => {
    const all = jsonOf(await call(LSTM)).outputs.map(({ name }: { name: string }) => name);
    for (const outputs of [undefined, null, []])
      assert.deepEqual(namesOf(await call(INFER, jsonBody([x()], { outputs }))), all);
    const orders = [['kind', 'level'], ['level', 'kind'], ['level'], ['kind']];
    for (const names of orders) {
      const outputs = names.map(name => ({ name, parameters: null }));
      assert.deepEqual(namesOf(await call(INFER, jsonBody([x()], { outputs }))), names);
      assert.deepEqual(namesOf(await call(INFER, binaryBody([x()], { outputs }))), names);
    }
  });

  it('mix bytes and JSON output by output, with the same numbers', async () => {
    const outputs = [{ name: 'level', parameters: { binary_data: true } }, { name: 'kind' }];
    const mixed = answerOf(await call(INFER, jsonBody([x(3)], { outputs }))).outputs;
    assert.ok(mixed[0].bytes && !mixed[1].bytes);
    const plain = answerOf(await call(INFER, jsonBody([x(3)]))).outputs;
    const bytes = answerOf(await call(INFER, binaryBody([x(3)]))).outputs;
    for (const { name, data, shape } of mixed) {
      for (const other of [plain, bytes]) {
        const same = other.find(output => output.name === name);
        assert.deepEqual([same?.data, same?.shape], [data, shape], name);
      }
    }
  });

  it('ignore unknown keys and parameters, and null ones', async () => {
    const more = {
      model_name: 'other',
      parameters: { sequence_start: null, headers: { a: [1] }, content_type: 'np', triton_x: 1 },
      extra: null,
    };
    answerOf(await call(INFER, jsonBody([x()], more)));
    answerOf(await call(INFER, jsonBody([x()], { parameters: null, outputs: null, id: null })));
    answerOf(
      await call(INFER, jsonBody([x()], { parameters: { sequence_id: 7, sequence_start: true, sequence_end: false } })),
    );
  });

  it('compressed as asked, in and out, with the header length of the JSON before compression', async () => {
    const plain = await call(INFER, binaryBody([x(64)]));
    for (const [coding, pack, unpack] of [
      ['gzip', gzipSync, gunzipSync],
      ['deflate', deflateSync, inflateSync],
    ] as const) {
      const { body, headers } = binaryBody([x(64)]);
      const reply = await call(INFER, {
        body: pack(body),
        headers: { ...headers, 'content-encoding': coding, 'accept-encoding': coding },
      });
      assert.equal(reply.headers['content-encoding'], coding);
      assert.equal(reply.headers['inference-header-content-length'], plain.headers['inference-header-content-length']);
      assert.deepEqual(unpack(reply.bytes), plain.bytes);
      for (const path of ['/v2', LSTM, '/v2/models/stats']) {
        assert.equal(
          (await call(path, { headers: { 'accept-encoding': coding } })).headers['content-encoding'],
          undefined,
        );
      }
    }
  });

  it('statistics count requests, rows and runs, and only grow', async () => {
    const read = async () => jsonOf(await call(`${LSTM}/stats`)).model_stats[0];
    const before = await read();
    const start = Date.now();
    for (const rows of [1, 5, 1]) answerOf(await call(INFER, jsonBody([x(rows)])));
    errorOf(await call(INFER, jsonBody([{ ...x(), name: 'y' }])), 400);
    const after = await read();
    const grown = (key: string) => after.inference_stats[key].count - before.inference_stats[key].count;
    assert.equal(after.inference_count - before.inference_count, 7);
    assert.equal(after.execution_count - before.execution_count, 3);
    assert.deepEqual(['success', 'fail', 'cache_hit', 'cache_miss'].map(grown), [3, 0, 0, 0]);
    assert.deepEqual(['queue', 'compute_input', 'compute_infer', 'compute_output'].map(grown), [3, 3, 3, 3]);
    for (const key of ['success', 'compute_infer']) {
      assert.ok(Number.isInteger(after.inference_stats[key].ns));
      assert.ok(after.inference_stats[key].ns > before.inference_stats[key].ns, key);
    }
    assert.ok(after.inference_stats.success.ns >= after.inference_stats.compute_infer.ns);
    assert.ok(after.last_inference >= start && after.last_inference <= Date.now());
    const runsOf = (stats: typeof after, size: number) =>
      stats.batch_stats.find((b: { batch_size: number }) => b.batch_size === size)?.compute_infer.count ?? 0;
    assert.deepEqual(
      [1, 5].map(size => runsOf(after, size) - runsOf(before, size)),
      [2, 1],
    );
    assert.deepEqual([after.response_stats, after.memory_usage], [{}, []]);
  });
});

describe('infer requests in the queue', () => {
  let app: TestApp;
  let gate: Gate;
  const post = (body: Body) => inject(app, INFER, body);
  before(async () => {
    gate = new Gate();
    app = await startApp(
      {
        POLYHEAD_MODEL_REPOSITORY: repositoryOf('test/fixtures/exporters/tl-lstm'),
        POLYHEAD_WORKERS: '1',
        POLYHEAD_QUEUE_CAPACITY: '8',
        POLYHEAD_MAX_SEQUENCES: '8',
      },
      GATED_WORKER,
    );
  });
  after(async () => {
    await gate.order({ type: 'pass' });
    await app.close();
  });
  const pending = () => app.service.models.get('tl-lstm').batcher.pending;

  it('time out after the microseconds they give: 504, and count as failed', async () => {
    await gate.order({ type: 'hold' });
    const first = post(jsonBody([x()]));
    await gate.started(1);
    const start = performance.now();
    errorOf(await post(jsonBody([x()], { parameters: { timeout: 50_000 } })), 504, /within 50 ms/);
    assert.ok(performance.now() - start >= 49);
    errorOf(await post(jsonBody([x()], { parameters: { timeout: 1 } })), 504, /within 1 ms/);
    await gate.order({ type: 'pass' });
    answerOf(await first);
    answerOf(await post(jsonBody([x()], { parameters: { timeout: 0 } })));
    const [stats] = jsonOf(await inject(app, `${LSTM}/stats`)).model_stats;
    assert.equal(stats.inference_stats.fail.count, 2);
  });

  it('go first with priority 1, and in order of priority after it; 0 and none are not urgent', async () => {
    const order = await until('they come closer together than the least head start', async () => {
      await gate.order({ type: 'hold' });
      const held = post(jsonBody([x()]));
      await gate.started(1);
      const since = performance.now();
      // Requests of different lengths never share a run of this model: each is a run of its own.
      const answered: number[] = [];
      const waiting = [undefined, 0, 4, 2, 1].map(async (priority, i) => {
        const reply = await post(jsonBody([x(1, 3 + i)], { parameters: { priority } }));
        answerOf(reply);
        answered.push(i);
      });
      await until('all wait', () => pending() === 6);
      const close = performance.now() - since < 1000 / 4;
      await gate.order({ type: 'pass' });
      await Promise.all([held, ...waiting]);
      return close && answered;
    });
    assert.deepEqual(order, [4, 3, 2, 0, 1]);
  });

  it('are refused when the queue is full: 503 with Retry-After, before the body is looked at', async () => {
    await gate.order({ type: 'hold' });
    const held = Array.from({ length: 8 }, () => post(jsonBody([x()])));
    await until('the queue is full', () => pending() === 8);
    errorOf(await post(jsonBody([x()])), 503, /no room/);
    errorOf(await inject(app, INFER, { body: '{' }), 503);
    await gate.order({ type: 'pass' });
    for (const reply of await Promise.all(held)) answerOf(reply);
    answerOf(await post(jsonBody([x(8)])));
  });

  it('fail with a generic 500 if the run fails', async () => {
    await gate.order({ type: 'fail' });
    errorOf(await post(jsonBody([x()])), 500, /^the model could not be run on this batch$/);
    await gate.order({ type: 'pass' });
    answerOf(await post(jsonBody([x()])));
  });
});
