// Answers over their bound are refused by every skin, with what to do; what fits is answered.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Client, clientOf, listen } from '../support/client/client.ts';
import { inject } from '../support/client/exchange.ts';
import { Listener } from '../support/client/live.ts';
import { repositoryOf } from '../support/models/served-copies.ts';
import { startApp, type TestApp } from '../support/server/service.ts';

const day = (i: number, city: string | number) => [i % 3, 10, 5, 4, 1 + i, city];
const LONG = Array.from({ length: 200 }, (_, i) => day(i, 'Seattle'));

describe('answers over POLYHEAD_MAX_ANSWER_BYTES', () => {
  let app: TestApp;
  let call: Client;
  before(async () => {
    app = await startApp({
      POLYHEAD_MODEL_REPOSITORY: repositoryOf('test/fixtures/models/lstm', 'models/recurrent'),
      POLYHEAD_EXECUTION_PROVIDER: 'cpu',
      POLYHEAD_WORKERS: '1',
      POLYHEAD_MAX_ANSWER_BYTES: '2048',
    });
    call = await clientOf(app);
  });
  after(() => app.close());

  it('are refused over REST', async () => {
    const of = (count: number) => ({ sequences: Array.from({ length: count }, () => [[1, 2, 3]]) });
    assert.equal((await call('/v1/models/lstm/predict', { body: of(1) })).status, 200);
    const { status, text } = await call('/v1/models/lstm/predict', { body: of(100) });
    assert.equal(status, 413);
    assert.equal(JSON.parse(text).code, 'ANSWER_TOO_LARGE');
    assert.match(JSON.parse(text).detail, /2048 bytes/);
  });

  it('are refused over the v1 protocol, for explanations and in slices', async () => {
    const of = (count: number) => ({ instances: Array.from({ length: count }, () => [[1, 2, 3]]) });
    assert.equal((await call('/v1/models/lstm:predict', { body: of(1) })).status, 200);
    assert.equal((await call('/v1/models/lstm:predict', { body: of(100) })).status, 413);
    const why = (count: number) => ({ sequences: Array.from({ length: count }, () => [[1, 2, 3]]), heads: ['level'] });
    assert.equal((await call('/v1/models/lstm/explain', { body: why(1) })).status, 200);
    assert.equal((await call('/v1/models/lstm/explain', { body: why(16) })).status, 413);
    const headers = { accept: 'application/x-ndjson' };
    const slices = (sliceSteps: number) =>
      call('/v1/models/recurrent/predict', { body: { sequences: [LONG], sliceSteps }, headers });
    assert.equal((await slices(10)).text.trim().split('\n').length, LONG.length / 10);
    assert.equal((await slices(LONG.length)).status, 413);
  });

  it('of steps are refused before the step is taken: the stream, the sequence or the connection goes on', async () => {
    const stream = `/v1/models/recurrent/streams/${JSON.parse((await call('/v1/models/recurrent/streams', { method: 'POST' })).text).stream}`;
    const step = (sequence: unknown, headers = {}) => call(`${stream}/steps`, { body: { sequence }, headers });
    assert.equal((await step(LONG.slice(0, 2))).status, 200);
    assert.equal((await step(LONG)).status, 413);
    assert.equal((await step(LONG, { accept: 'text/event-stream' })).status, 413);
    assert.equal(JSON.parse((await call(stream)).text).length, 2);
    const live = await Listener.open(await listen(app), '/v1/models/recurrent/live');
    for (const sequence of [LONG.slice(0, 2), LONG, LONG.slice(0, 1)]) live.send({ sequence });
    const [first, second, third] = await live.until(3);
    assert.deepEqual([first.length, second.error?.code, third.length], [2, 'ANSWER_TOO_LARGE', 3]);
    live.socket.terminate();
    const tensors = (steps: number) => [
      {
        name: 'x',
        shape: [1, steps, 6],
        datatype: 'FP32',
        data: Array.from({ length: steps }, (_, i) => day(i, 1)).flat(),
      },
      { name: 'lengths', shape: [1], datatype: 'INT64', data: [steps] },
    ];
    const infer = (steps: number, rest: object = {}) =>
      inject(app.app, '/v2/models/recurrent/infer', {
        body: { inputs: tensors(steps), parameters: { sequence_id: 7, ...rest } },
      });
    assert.equal((await infer(2, { sequence_start: true })).status, 200);
    assert.equal((await infer(LONG.length)).status, 413);
    const went = JSON.parse((await infer(2)).text).outputs;
    assert.equal((await infer(2, { sequence_start: true })).status, 200);
    assert.deepEqual(JSON.parse((await infer(2)).text).outputs, went);
  });

  it('are refused over v2, JSON or bytes', async () => {
    const [{ name, dtype, dims }] = app.service.models.get('lstm').graph.inputs;
    assert.equal(dtype, 'float32');
    const features = dims.at(-1) as number;
    const of = (rows: number, binary: boolean) => ({
      parameters: { binary_data_output: binary },
      inputs: [
        { name, shape: [rows, 1, features], datatype: 'FP32', data: new Array(rows * features).fill(0) },
        { name: 'lengths', shape: [rows], datatype: 'INT64', data: new Array(rows).fill(1) },
      ],
    });
    for (const binary of [true, false]) {
      assert.equal((await inject(app.app, '/v2/models/lstm/infer', { body: of(1, binary) })).status, 200);
      const { status, text } = await inject(app.app, '/v2/models/lstm/infer', { body: of(300, binary) });
      assert.equal(status, 413, text);
      assert.match(JSON.parse(text).error, /2048 bytes/);
    }
  });
});
