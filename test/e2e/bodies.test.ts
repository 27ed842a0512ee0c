// Bodies that are not what they seem: compressed, in no UTF-8, with what no graph would see, and of callers who have gone.
import assert from 'node:assert/strict';
import type http from 'node:http';
import { after, before, describe, it } from 'node:test';
import { deflateSync, gzipSync } from 'node:zlib';
import type { Tensors } from '../../src/core/tensor.ts';
import { type Caller, patient } from '../../src/service/caller.ts';
import { listen } from '../support/client/client.ts';
import { errorOf, jsonBody, send, type V2Reply } from '../support/client/v2.ts';
import { repositoryOf } from '../support/models/served-copies.ts';
import { startApp, type TestApp } from '../support/server/service.ts';

const REPOSITORY = repositoryOf(
  'test/fixtures/models/lstm',
  'test/fixtures/models/ids',
  'test/fixtures/models/tokens',
  'test/fixtures/exporters/tl-lstm',
);
const LSTM = '/v1/models/lstm/predict';
const JSON_TYPE = { 'content-type': 'application/json' };
const body = Buffer.from(JSON.stringify({ sequences: [[[1, 2, 3]]] }));
const codeOf = ({ status, bytes }: V2Reply) => [status, JSON.parse(bytes.toString()).code];

describe('bodies', () => {
  let app: TestApp;
  let origin: string;
  const post = (path: string, bytes: Buffer, headers: http.OutgoingHttpHeaders = {}) =>
    send(origin, path, { body: bytes, headers: { ...JSON_TYPE, ...headers } });
  before(async () => {
    app = await startApp({
      POLYHEAD_MODEL_REPOSITORY: REPOSITORY,
      POLYHEAD_WORKERS: '1',
      POLYHEAD_MAX_BODY_BYTES: '65536',
    });
    origin = await listen(app);
  });
  after(() => app.close());

  it('compressed ones are inflated over REST too, within the limit; unknown codings are refused', async () => {
    const plain = (await post(LSTM, body)).bytes.toString();
    for (const [coding, bytes] of [
      ['gzip', gzipSync(body)],
      ['deflate', deflateSync(body)],
      ['GZIP', gzipSync(body)],
      ['identity', body],
    ] as const) {
      const reply = await post(LSTM, bytes, { 'content-encoding': coding });
      assert.equal(reply.status, 200, coding);
      assert.equal(reply.bytes.toString(), plain);
    }
    for (const coding of ['br', 'zstd', 'x', 'gzip, gzip']) {
      assert.deepEqual(codeOf(await post(LSTM, body, { 'content-encoding': coding })), [415, 'UNSUPPORTED_MEDIA_TYPE']);
    }
    const swollen = gzipSync(Buffer.concat([body, Buffer.alloc(1e6, ' ')]));
    assert.deepEqual(codeOf(await post(LSTM, swollen, { 'content-encoding': 'gzip' })), [413, 'PAYLOAD_TOO_LARGE']);
    assert.deepEqual(codeOf(await post(LSTM, body, { 'content-encoding': 'gzip' })), [400, 'INVALID_REQUEST']);
  });

  it('what is not UTF-8 is refused by both skins', async () => {
    for (const bad of ['ff', 'c3', 'eda080']) {
      const bytes = Buffer.concat([Buffer.from('{"sequences":[["'), Buffer.from(bad, 'hex'), Buffer.from('"]]}')]);
      assert.deepEqual(codeOf(await post('/v1/models/tokens/predict', bytes)), [400, 'INVALID_REQUEST'], bad);
      errorOf(await post('/v2/models/tokens/infer', bytes), 400, /not valid JSON/);
    }
  });

  it('a token with NUL in it is refused by both skins', async () => {
    const rest = Buffer.from(JSON.stringify({ sequences: [['dog', 'dog\0xyz']] }));
    const reply = await post('/v1/models/tokens/predict', rest);
    assert.deepEqual(codeOf(reply), [422, 'INVALID_SEQUENCE']);
    assert.equal(JSON.parse(reply.bytes.toString()).errors[0].pointer, '/sequences/0/1');
    const inputs = app.service.models
      .get('tokens')
      .graph.inputs.map(({ name, dtype }) =>
        dtype === 'string'
          ? { name, datatype: 'BYTES', shape: [1, 2], data: ['dog', 'dog\0xyz'] }
          : { name, datatype: dtype.toUpperCase(), shape: [1], data: [2] },
      );
    errorOf(await send(origin, '/v2/models/tokens/infer', jsonBody(inputs)), 400, /no NUL character/);
  });

  it('ids outside the manifest are refused by v2 with their place', async () => {
    const inputs = (id: number) => [
      { name: 'ids', datatype: 'INT64', shape: [2, 2], data: [0, 1, 2, id] },
      { name: 'lengths', datatype: 'INT64', shape: [2], data: [2, 2] },
    ];
    assert.equal((await send(origin, '/v2/models/ids/infer', jsonBody(inputs(19)))).status, 200);
    for (const id of [20, -1]) {
      const reply = await send(origin, '/v2/models/ids/infer', jsonBody(inputs(id)));
      errorOf(reply, 400, /input "ids" value \[1, 1\] is -?\d+, expected a whole number from 0 to 19/);
    }
  });

  it('a sequence is not started or ended without an id, and is no stream of REST', async () => {
    const x = [{ name: 'x', datatype: 'FP32', shape: [1, 1, 3], data: [1, 2, 3] }];
    const inputs = [...x, { name: 'lengths', datatype: 'INT64', shape: [1], data: [1] }];
    const step = (parameters: object) => send(origin, '/v2/models/lstm/infer', jsonBody(inputs, { parameters }));
    for (const parameters of [
      { sequence_start: true },
      { sequence_end: true },
      { sequence_id: 0, sequence_start: true },
      { sequence_id: '', sequence_end: true },
    ]) {
      errorOf(await step(parameters), 400, /need a sequence_id/);
    }
    assert.equal((await step({ sequence_id: 7, sequence_start: true })).status, 200);
    const stream = `/v1/models/lstm/streams/${encodeURIComponent('v2:lstm:n:7')}`;
    for (const method of ['GET', 'DELETE']) {
      assert.deepEqual(codeOf(await send(origin, stream, { method })), [404, 'STREAM_NOT_FOUND']);
    }
    const next = Buffer.from(JSON.stringify({ sequence: [[1, 2, 3]] }));
    assert.deepEqual(codeOf(await post(`${stream}/steps`, next)), [404, 'STREAM_NOT_FOUND']);
    assert.equal((await step({ sequence_id: 7, sequence_end: true })).status, 200);
  });

  it('of callers who left while theirs was read, none is computed', async () => {
    const { batcher, statistics } = app.service.models.get('lstm');
    const before = statistics.sequences;
    const left: Caller = { timeoutMs: 1000, gone: () => true, onGone: () => assert.fail('too late to hear of it') };
    const tensors: Tensors = {
      x: { dtype: 'float32', dims: [1, 1, 3], data: Float32Array.of(1, 2, 3) },
      lengths: { dtype: 'int64', dims: [1], data: BigInt64Array.of(1n) },
    };
    const target = { model: 'lstm' };
    await assert.rejects(app.service.predict(target, { sequences: [[[1, 2, 3]]] }, left), { code: 'CALLER_GONE' });
    await assert.rejects(app.service.infer(target, { tensors }, left), { code: 'CALLER_GONE' });
    assert.equal(batcher.pending, 0);
    await app.service.infer(target, { tensors }, patient(10_000));
    assert.equal(statistics.sequences, before + 1);
  });
});
