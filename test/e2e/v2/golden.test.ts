// Raw mode is the truth: every graph of every exporter, tensor for tensor, as JSON and as bytes, against what its training
// framework said; and in a crowd of mixed shapes bit for bit as alone.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { randomNumbers } from '../../../src/proof/samples.ts';
import { listen } from '../../support/client/client.ts';
import { answerOf, type Body, binaryBody, errorOf, inject, jsonBody, jsonOf, send } from '../../support/client/v2.ts';
import {
  assertGoldenOutputs,
  catalogue,
  EXPORTERS,
  goldenOf,
  type Metadata,
  stacked,
  tensorsOf,
} from '../../support/client/v2-golden.ts';
import { between } from '../../support/models/models.ts';
import { floatBytes, type GraphSpec, onnxFile } from '../../support/models/onnx-writer.ts';
import { temporaryFolder } from '../../support/models/served-copies.ts';
import { GATED_WORKER, Gate } from '../../support/runner/gate.ts';
import { until } from '../../support/runner/until.ts';
import { startApp, type TestApp } from '../../support/server/service.ts';

const CONNECTIONS = 200;
const REQUESTS = 4000;
const FACTORS = [1, 0.75, -0.5];

describe('raw mode', () => {
  let app: TestApp;
  let origin: string;
  const metadata = new Map<string, Metadata>();
  before(async () => {
    app = await startApp({
      POLYHEAD_MODEL_REPOSITORY: EXPORTERS,
      POLYHEAD_WORKERS: '1',
      POLYHEAD_STRICT_REPOSITORY: 'false',
    });
    assert.deepEqual(app.service.models.refused, []);
    origin = await listen(app);
    for (const { name } of catalogue)
      metadata.set(name, jsonOf(await inject(app, `/v2/models/${encodeURIComponent(name)}`)));
  });
  after(() => app?.close());
  const metadataOf = (name: string) => metadata.get(name) as Metadata;

  for (const entry of catalogue) {
    const { name, truth } = entry;
    it(`${name}: as its framework says, as JSON and as bytes`, async () => {
      const golden = goldenOf(name);
      const { inputs, outputs } = metadataOf(name);
      assert.deepEqual([...inputs, ...outputs].map(t => t.name).sort(), Object.keys(truth.axes).sort());
      const half = [...inputs, ...outputs].some(({ datatype }) => datatype === 'FP16');
      for (const [i, { feeds: _, outputs: expected }] of golden.cases.entries()) {
        const tensors = tensorsOf(entry, metadataOf(name), golden.cases[i]);
        const bodies = [binaryBody(tensors), binaryBody(tensors.toReversed(), {}, [tensors[0].name])];
        if (!half) bodies.push(jsonBody(tensors), binaryBody(tensors, { parameters: {} }));
        for (const body of half ? bodies.slice(0, 1) : bodies) {
          const answer = answerOf(await send(origin, `/v2/models/${name}/infer`, body));
          assertGoldenOutputs(`${name} case ${i}`, golden, expected, answer.outputs);
          for (const { name, shape } of answer.outputs) {
            const told = outputs.find(output => output.name === name)?.shape as number[];
            assert.ok(
              told.length === shape.length && told.every((size, axis) => size === -1 || size === shape[axis]),
              name,
            );
          }
        }
      }
    });
  }

  it(`${REQUESTS} requests of mixed models and shapes at ${CONNECTIONS} connections: bit for bit as alone`, async () => {
    const requests: { path: string; body: Body; alone: Buffer }[] = [];
    // What a certificate allows only within a tolerance need not be the same to the bit.
    const exact = catalogue.filter(({ name }) => app.service.models.get(name).certificate.worstDifference === 0);
    assert.ok(exact.length > 40);
    for (const entry of exact) {
      const path = `/v2/models/${entry.name}/infer`;
      for (const one of goldenOf(entry.name).cases) {
        const rows = FACTORS.map(factor => tensorsOf(entry, metadataOf(entry.name), one, factor));
        const batched = Object.values(entry.truth.axes).some(({ batch }) => batch !== null);
        for (const tensors of batched ? [...rows, stacked(entry, rows)] : rows) {
          const body = binaryBody(tensors);
          const reply = await send(origin, path, body);
          answerOf(reply);
          requests.push({ path, body, alone: reply.bytes });
        }
      }
    }
    const agent = new http.Agent({ keepAlive: true, maxSockets: CONNECTIONS });
    const random = randomNumbers(6);
    let left = REQUESTS;
    const one = async () => {
      while (left-- > 0) {
        const { path, body, alone } = requests[between(random, 0, requests.length - 1)];
        const reply = await send(origin, path, { ...body, agent });
        assert.equal(reply.status, 200, reply.bytes.toString());
        if (!reply.bytes.equals(alone)) {
          assert.deepEqual(answerOf(reply).outputs, answerOf({ ...reply, bytes: alone }).outputs, path);
          assert.fail(`${path}: other bytes`);
        }
      }
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, one));
    agent.destroy();
    const { model_stats } = jsonOf(await inject(app, '/v2/models/stats'));
    const shared = model_stats.flatMap(
      (s: { batch_stats: { batch_size: number; compute_infer: { count: number } }[] }) =>
        s.batch_stats.filter(b => b.batch_size > 3),
    );
    assert.ok(shared.length > 0, 'no requests shared a run');
  });
});

/** y [n, 2], the sum over time of the rows that ids [n, t] name, by a sum that hides the size of their table. */
const HIDDEN_TABLE: GraphSpec = {
  inputs: [{ name: 'ids', type: 7, dims: ['n', 't'] }],
  outputs: [{ name: 'y', type: 1, dims: ['n', 2] }],
  initializers: [
    { name: 'table', type: 1, dims: [16, 2], raw: floatBytes(...Array.from({ length: 32 }, (_, i) => i / 8)) },
    { name: 'zero', type: 7, dims: [1], raw: new Uint8Array(8) },
    { name: 'axis', type: 7, dims: [1], raw: Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0) },
  ],
  nodes: [
    { op: 'Add', inputs: ['ids', 'zero'], outputs: ['hidden'] },
    { op: 'Gather', inputs: ['table', 'hidden'], outputs: ['rows'], attributes: { axis: 0 } },
    { op: 'ReduceSum', inputs: ['rows', 'axis'], outputs: ['y'], attributes: { keepdims: 0 } },
  ],
};

describe('a poisoned row', () => {
  let app: TestApp;
  let gate: Gate;
  const infer = '/v2/models/table/infer';
  const ids = (...data: number[]) => binaryBody([{ name: 'ids', datatype: 'INT64', shape: [1, data.length], data }]);
  before(async () => {
    gate = new Gate();
    const repository = temporaryFolder();
    const version = path.join(repository, 'table/1');
    mkdirSync(version, { recursive: true });
    writeFileSync(path.join(version, 'model.onnx'), onnxFile(HIDDEN_TABLE));
    // A manifest that states no range: what the server would find out by itself is refused before it could poison a run.
    const tensor = (name: string) => ({ kind: 'tensor', name, tensor: name });
    const manifest = {
      formatVersion: 1,
      graph: { file: 'model.onnx' },
      inputs: [tensor('ids')],
      heads: [tensor('y')],
    };
    writeFileSync(path.join(version, 'manifest.json'), JSON.stringify(manifest));
    app = await startApp({ POLYHEAD_MODEL_REPOSITORY: repository, POLYHEAD_WORKERS: '1' }, GATED_WORKER);
  });
  after(() => app.close());

  it('fails its own request only, though it ran with its neighbours', async () => {
    const good = [ids(1, 2), ids(3, 4), ids(5, 6)];
    const alone = await Promise.all(good.map(body => inject(app, infer, body)));
    await gate.order({ type: 'hold' });
    const first = inject(app, infer, ids(1));
    await gate.started(1);
    const crowd = [...good, ids(1, 1_000_000), ids(-1_000_000, 1), ...good].map(body => inject(app, infer, body));
    await until('all wait', () => app.service.models.get('table').batcher.pending === 9);
    await gate.order({ type: 'pass' });
    const replies = await Promise.all(crowd);
    answerOf(await first);
    assert.ok(gate.runs.includes(8), `runs of ${gate.runs}`);
    for (const bad of [3, 4]) errorOf(replies[bad], 500, /^the model could not be run on this batch$/);
    [0, 1, 2, 5, 6, 7].forEach((place, i) => {
      assert.deepEqual(replies[place].bytes, alone[i % 3].bytes);
    });
    answerOf(await inject(app, infer, good[0]));
  });
});
