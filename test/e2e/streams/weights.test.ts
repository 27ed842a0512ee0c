// Streams, tokens and protocol sequences of a model whose weights are swapped beside the same graph file: they end, and go
// on where a load brings back what they began on.
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Client, clientOf } from '../../support/client/client.ts';
import { json } from '../../support/client/continuing.ts';
import { problemOf } from '../../support/client/contract.ts';
import { inject } from '../../support/client/exchange.ts';
import { swapWeight, writeAdder } from '../../support/models/adder.ts';
import { temporaryFolder } from '../../support/models/served-copies.ts';
import { startApp, type TestApp } from '../../support/server/service.ts';

const BASE = '/v1/models/adder';

describe('weights that are swapped beside the same graph', () => {
  const repository = temporaryFolder();
  const folder = path.join(repository, 'adder/1');
  let app: TestApp;
  let call: Client;
  let stream: string;
  let token: string;

  const sequence = (...values: number[]) => values.map(x => [x]);
  const step = (...values: number[]) =>
    call(`${BASE}/streams/${stream}/steps`, { body: { sequence: sequence(...values) } });
  const byToken = (...values: number[]) =>
    call(`${BASE}/predict`, { body: { sequences: [sequence(...values)], states: [token] } });
  const infer = (values: number[], parameters: object) =>
    inject(app.app, '/v2/models/adder/infer', {
      body: { inputs: [{ name: 'x', datatype: 'FP32', shape: [1, values.length, 1], data: values }], parameters },
    });
  const swap = async (weight: number) => {
    const graph = app.service.models.get('adder').graph.sha256;
    swapWeight(folder, weight);
    const reply = await inject(app.app, '/v2/repository/models/adder/load', { body: {} });
    assert.equal(reply.status, 200, reply.text);
    assert.equal(app.service.models.get('adder').graph.sha256, graph, 'the graph file is another');
  };

  before(async () => {
    writeAdder(folder, 2);
    app = await startApp({
      POLYHEAD_MODEL_REPOSITORY: repository,
      POLYHEAD_MODEL_CONTROL: 'explicit',
      POLYHEAD_EXECUTION_PROVIDER: 'cpu',
      POLYHEAD_WORKERS: '1',
    });
    call = await clientOf(app);
    ({ stream } = await json(call(`${BASE}/streams`, { method: 'POST' }), 201));
    const first = await json(step(1, 2));
    assert.equal(first.prediction.heads.y.value, 6); // 2 (1 + 2)
    const body = { sequences: [sequence(1, 2)], returnState: true };
    token = (await json(call(`${BASE}/predict`, { body }))).predictions[0].state;
    assert.equal((await infer([1, 2], { sequence_id: 7, sequence_start: true })).status, 200);
  });
  after(() => app.close());

  it('end what was kept under the old ones: 409 for streams and sequences, 422 for tokens', async () => {
    await swap(3);
    problemOf(await step(1), 409, 'STREAM_CONFLICT');
    problemOf(await byToken(1), 422, 'INVALID_STATE', '/states/0');
    assert.equal((await infer([1], { sequence_id: 7 })).status, 409);
    const fresh = await json(call(`${BASE}/predict`, { body: { sequences: [sequence(1, 2)] } }));
    assert.equal(fresh.predictions[0].heads.y.value, 9); // 3 (1 + 2): it is the new weight that answers
  });

  it('and nothing of it is lost: the old weights loaded again go on where it stood', async () => {
    await swap(2);
    assert.equal((await json(step(4))).prediction.heads.y.value, 14); // 6 + 2 × 4
    assert.equal((await json(byToken(4))).predictions[0].heads.y.value, 14);
    assert.equal((await infer([4], { sequence_id: 7 })).status, 200);
  });
});
