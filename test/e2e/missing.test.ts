// Values that may be missing, by every way to a model: null where text is sent, NaN where bytes are. Expected numbers are the
// sums that the graph is made to compute, and what a value sent in the place of the missing one gives.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import * as grpc from '@grpc/grpc-js';
import { encodeBinary } from '../../client/src/binary.ts';
import { type ApiDocument, generateTypes } from '../../client/src/generate.ts';
import type { Description } from '../../client/src/shapes.ts';
import { startGrpc } from '../../src/grpc/server.ts';
import { listen } from '../support/client/client.ts';
import { json } from '../support/client/continuing.ts';
import { inject } from '../support/client/exchange.ts';
import { GrpcClient, messageOf, outputsOf } from '../support/client/grpc.ts';
import { Listener } from '../support/client/live.ts';
import { FILL, FINE, HANDLED, writeGapModel } from '../support/models/gaps.ts';
import { temporaryFolder } from '../support/models/served-copies.ts';
import { startApp, type TestApp } from '../support/server/service.ts';

const SEQUENCES = [[[1, 2]], [[null, 2], { u: 3, v: null }], [[null, null], [4, -1], { v: 0.25, u: null }]];
/** u + 2 v over all steps, FILL for what is missing, and FINE for each. */
const EXPECTED = [5, FILL + 4 + 3 + 2 * FILL + 2 * FINE, 3 * FILL + 4 - 2 + FILL + 0.5 + 3 * FINE];

const repository = temporaryFolder();
let app: TestApp;
before(async () => {
  for (const name of ['sums', 'lstm-of-filled']) writeGapModel(path.join(repository, name, '1'), HANDLED[name]);
  const golden = {
    formatVersion: 1,
    producer: 'by hand',
    tolerance: 1e-6,
    cases: [
      { sequence: SEQUENCES[1], outputs: { total: [EXPECTED[1]] } },
      { feeds: { x: { dims: [1, 1, 2], data: [null, 2] } }, outputs: { total: [FILL + 4 + FINE] } },
    ],
  };
  writeFileSync(path.join(repository, 'sums/1/golden.json'), JSON.stringify(golden));
  app = await startApp({ POLYHEAD_MODEL_REPOSITORY: repository, POLYHEAD_WORKERS: '1' });
});
after(() => app?.close());

const post = (url: string, body?: unknown, status = 200) =>
  json(inject(app.app, url, { method: 'POST', body }), status);
const totals = async (model: string, sequences: unknown[]): Promise<number[]> => {
  const { predictions } = await post(`/v1/models/${model}/predict`, { sequences });
  return predictions.map((p: { heads: { total: { value: number } } }) => p.heads.total.value);
};

test('null is a missing value, in sequences of several lengths together', async () => {
  assert.deepEqual(await totals('sums', SEQUENCES), EXPECTED);
  // Golden answers have gaps too.
  assert.equal((await json(inject(app.app, '/v1/models/sums'))).golden.cases, 2);
});

test('an LSTM behind the graph’s own filling answers as if the filling had been sent', async () => {
  const given = (gap: unknown) => [
    [
      [1, 2],
      [gap, -1],
      [gap, 0.25],
    ],
    [[gap, 3]],
  ];
  assert.deepEqual(await totals('lstm-of-filled', given(null)), await totals('lstm-of-filled', given(FILL)));
});

test('protocol v2 takes null in text and NaN in bytes', async () => {
  const values = [1, 2, null, 2, 3, null, null, null];
  const expected = [1 + 4 + FILL + 4 + FINE, 3 + 2 * FILL + 3 * FILL + 3 * FINE];
  const shape = [2, 2, 2];
  const tensor = { name: 'x', datatype: 'FP32', shape };
  const text = await post('/v2/models/sums/infer', { inputs: [{ ...tensor, data: values }] });
  assert.deepEqual(text.outputs[0].data, expected);
  const nested = [
    [values.slice(0, 2), values.slice(2, 4)],
    [values.slice(4, 6), values.slice(6)],
  ];
  const again = await post('/v2/models/sums/infer', { inputs: [{ ...tensor, data: nested }] });
  assert.deepEqual(again.outputs[0].data, expected);
  const bytes = Buffer.from(Float32Array.from(values, value => value ?? Number.NaN).buffer);
  const head = JSON.stringify({ inputs: [{ ...tensor, parameters: { binary_data_size: bytes.length } }] });
  const headers = { 'inference-header-content-length': `${head.length}`, 'content-type': 'application/octet-stream' };
  const body = Buffer.concat([Buffer.from(head), bytes]);
  const reply = await app.app.inject({ method: 'POST', url: '/v2/models/sums/infer', headers, payload: body });
  assert.deepEqual(JSON.parse(reply.payload).outputs?.[0].data, expected, reply.payload);
});

test('protocol v2 over gRPC takes NaN, raw and typed, and refuses it where nothing may be missing', async () => {
  const server = await startGrpc(app.service, { ...app.config, grpcPort: 0 });
  const client = new GrpcClient(server.port);
  try {
    const values = [1, 2, Number.NaN, 2, 3, Number.NaN, Number.NaN, Number.NaN];
    const expected = [1 + 4 + FILL + 4 + FINE, 3 + 2 * FILL + 3 * FILL + 3 * FINE];
    const x = { name: 'x', datatype: 'FP32', shape: [2, 2, 2], data: values };
    for (const raw of [true, false]) {
      const reply = await client.call('ModelInfer', messageOf('sums', [x], raw));
      assert.deepEqual(outputsOf(reply)[0].data, expected, raw ? 'raw' : 'typed');
      // Only the first of two features may be missing there.
      const refused = client.call('ModelInfer', messageOf('lstm-of-filled', [x], raw));
      await assert.rejects(refused, { code: grpc.status.INVALID_ARGUMENT, details: /input "x" value 5 is NaN/ });
    }
  } finally {
    client.close();
    await server.close();
  }
});

test('a stream and a live connection take steps with gaps', async () => {
  const { stream } = await post('/v1/models/lstm-of-filled/streams', undefined, 201);
  const step = async (u: unknown) => {
    const body = { sequence: [[u, 2]] };
    const { prediction } = await post(`/v1/models/lstm-of-filled/streams/${stream}/steps`, body);
    return prediction.heads.total.value;
  };
  const said = [await step(1), await step(null), await step(3)];
  const filled = [1, FILL, 3].map(u => [u, 2]);
  const whole = await totals('lstm-of-filled', [filled.slice(0, 1), filled.slice(0, 2), filled]);
  assert.deepEqual(said, whole);

  const listener = await Listener.open(await listen(app), '/v1/models/lstm-of-filled/live');
  listener.send(new Uint8Array(Float32Array.of(1, 2, Number.NaN, 2).buffer));
  listener.send({ sequence: [[3, 2]] });
  const answers = (await listener.until(2)).map(({ prediction }) => prediction?.heads.total.value);
  assert.deepEqual(answers, whole.slice(1));
  listener.socket.close();
});

test('what is missing is explained as what it was worth', async () => {
  const sequences = [[[null, 2], [3, 1]]]; // biome-ignore format: one sequence
  const explained = async (method: string, baseline: unknown) => {
    const { explanations } = await post('/v1/models/sums/explain', { sequences, method, baseline });
    return explanations[0].heads.total;
  };
  for (const method of ['occlusion', 'shapley']) {
    const { attributions, output, baselineOutput } = await explained(method, 'zero');
    assert.deepEqual([output, baselineOutput], [FILL + FINE + 4 + 3 + 2, 0]);
    assert.deepEqual(attributions, [[FILL + FINE, 4], [3, 2]]); // biome-ignore format: a row a step
  }
  // Where the baseline has nothing either, there is nothing to tell.
  const same = await explained('occlusion', [[null, 0], [0, 0]]); // biome-ignore format: a row a step
  assert.deepEqual(same.attributions, [[0, 4], [3, 2]]); // biome-ignore format: a row a step
  // No slope leads from nothing to a number: it stays as it is, and takes no part.
  const slopes = await explained('integratedGradients', 'zero');
  slopes.attributions.flat().forEach((value: number, i: number) => {
    assert.ok(Math.abs(value - [0, 4, 3, 2][i]) < 1e-3, `${value}`);
  });
});

test('where nothing may be missing, null and NaN are refused by their place', async () => {
  const { errors } = await post('/v1/models/lstm-of-filled/predict', { sequences: [[[null, null]]] }, 422);
  assert.equal(errors[0].pointer, '/sequences/0/0/1');
  assert.match(errors[0].detail, /is null, expected a number in the range of float32 \(v\)$/);
  const word = await post('/v1/models/lstm-of-filled/predict', { sequences: [[['none', 1]]] }, 422);
  assert.match(word.errors[0].detail, /expected a number in the range of float32 \(u\), or null$/);
  const inputs = [{ name: 'x', datatype: 'FP32', shape: [1, 1, 2], data: [null, null] }];
  const { error } = await post('/v2/models/lstm-of-filled/infer', { inputs }, 400);
  assert.match(error, /input "x" value 1 is NaN, expected finite numbers/);
});

test('the document, the client’s types and its bytes know of it', async () => {
  const document = (await json(inject(app.app, '/openapi.json'))) as ApiDocument;
  const types = generateTypes(document, 'a test');
  assert.match(types, /u: number \| null;\s+(\/\*\*.*\*\/\s+)?v: number;/);
  const described = (await json(inject(app.app, '/v1/models/sums'))) as Description;
  assert.equal(described.inputs[0].features?.[0].missing, true);
  const encoded = encodeBinary(described, [[[null, 2]]], undefined, 1);
  const tail = encoded?.body.slice(-8);
  assert.deepEqual(new Float32Array(tail?.buffer as ArrayBuffer), Float32Array.of(Number.NaN, 2));
});
