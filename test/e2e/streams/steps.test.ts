// The life of a stream over REST: steps, refusals and failures that leave it as it was, one step at a time, its end.
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { randomNumbers, randomSequence } from '../../../src/proof/samples.ts';
import { type Client, clientAt, listen } from '../../support/client/client.ts';
import { assertSame, Continuing, json, piece } from '../../support/client/continuing.ts';
import { problemOf } from '../../support/client/contract.ts';
import { repositoryOf } from '../../support/models/served-copies.ts';
import { GATED_WORKER, Gate } from '../../support/runner/gate.ts';
import { until } from '../../support/runner/until.ts';
import { startApp, type TestApp } from '../../support/server/service.ts';

const STREAMS = '/v1/models/lstm/streams';
const UNKNOWN = '00000000-0000-4000-8000-000000000000';

describe('a stream', () => {
  const gate = new Gate();
  let app: TestApp;
  let call: Client;
  let way: Continuing;
  const random = randomNumbers(12);
  const sample = (length: number) => randomSequence(way.model.signature, length, random);
  const infoOf = async (stream: string) => json(call(`${STREAMS}/${stream}`));
  const within = (ms: number) => ({ headers: { 'x-request-timeout-ms': String(ms) } });
  const idle = () => until('nothing is under way', () => app.service.models.get('lstm').batcher.pending === 0);

  before(async () => {
    app = await startApp(
      {
        POLYHEAD_MODEL_REPOSITORY: repositoryOf('test/fixtures/models/lstm', 'models/recurrent'),
        POLYHEAD_WORKERS: '1',
        POLYHEAD_THREADS: '1',
        POLYHEAD_EXECUTION_PROVIDER: 'cpu',
      },
      GATED_WORKER,
    );
    call = await clientAt(await listen(app));
    way = new Continuing(app.service.models.get('lstm'), call);
  });
  beforeEach(() => gate.order({ type: 'pass' }));
  after(() => app.close());

  it('tells what it is from its opening to its end', async () => {
    const opened = await json(call(STREAMS, { method: 'POST' }), 201);
    assert.match(opened.stream, /^[0-9a-f-]{36}$/);
    assert.deepEqual([opened.model, opened.version, opened.length, opened.stateBytes], ['lstm', '2', 0, 0]);
    assert.equal(opened.created, opened.used);
    assert.deepEqual(await infoOf(opened.stream), opened);
    const reply = await way.step(opened.stream, sample(4));
    assert.equal(reply.headers['x-batch-size'], '1');
    assert.match(String(reply.headers['server-timing']), /^queue;dur=[\d.]+, run;dur=[\d.]+$/);
    const { prediction, ...head } = JSON.parse(reply.text);
    const kept = way.model.signature.state.map(({ input, axes }) =>
      input.dims.reduce<number>((size, dim, axis) => (axis === axes.batch ? size : size * Number(dim)), 4),
    );
    const stateBytes = kept.reduce((sum, size) => sum + size); // float32 of h and c
    assert.deepEqual(head, { stream: opened.stream, model: 'lstm', version: '2', length: 4, stateBytes });
    assert.deepEqual(Object.keys(prediction), ['length', 'heads'], 'the state stays with the server');
    const { used, created, ...rest } = await infoOf(opened.stream);
    assert.deepEqual({ ...rest, created }, { ...head, created: opened.created });
    assert.ok(Date.parse(used) >= Date.parse(created));
    assert.equal((await call(`${STREAMS}/${opened.stream}`, { method: 'DELETE' })).status, 204);
    for (const method of ['GET', 'DELETE']) {
      problemOf(await call(`${STREAMS}/${opened.stream}`, { method }), 404, 'STREAM_NOT_FOUND');
    }
    problemOf(await way.step(opened.stream, sample(1)), 404, 'STREAM_NOT_FOUND');
  });

  it('is one of its model', async () => {
    const stream = await way.openStream();
    const other = `/v1/models/recurrent/streams/${stream}`;
    for (const method of ['GET', 'DELETE']) problemOf(await call(other, { method }), 404, 'STREAM_NOT_FOUND');
    problemOf(await call(`${other}/steps`, { body: { sequence: [[1, 2, 3]] } }), 404, 'STREAM_NOT_FOUND');
    problemOf(await way.step(UNKNOWN, sample(1)), 404, 'STREAM_NOT_FOUND');
    problemOf(await call('/v1/models/nobody/streams', { method: 'POST' }), 404, 'MODEL_NOT_FOUND');
    problemOf(await call('/v1/models/lstm/versions/7/streams', { method: 'POST' }), 404, 'MODEL_NOT_FOUND');
    assert.equal((await way.step(stream, sample(1))).status, 200);
  });

  it('takes heads and probabilities like predict, and refuses what is none of its own', async () => {
    const stream = await way.openStream();
    const steps = `${STREAMS}/${stream}/steps`;
    const sequence = [[1, 2, 3]];
    const { prediction } = await json(
      call(steps, { body: { sequence, heads: ['level', 'kind'], probabilities: 'none' } }),
    );
    assert.deepEqual(Object.keys(prediction.heads), ['level', 'kind']);
    assert.deepEqual(Object.keys(prediction.heads.kind), ['label']);
    for (const [body, pointer] of [
      [{ sequence, heads: ['nobody'] }, '/heads/0'],
      [{ sequence, after: -1 }, '/after'],
      [{ sequence, after: 0.5 }, '/after'],
      [{ sequence, after: '1' }, '/after'],
      [{ sequence, probabilities: 'some' }, '/probabilities'],
      [{ sequence, states: [null] }, ''],
      [{}, '/sequence'],
      [{ sequence, sequences: [sequence] }, ''],
    ] as const) {
      problemOf(await call(steps, { body }), 400, 'INVALID_REQUEST', pointer);
    }
    assert.equal(problemOf(await call(steps, { body: {} }), 400, 'INVALID_REQUEST').detail, 'sequence: it is missing');
    for (const [bad, pointer] of [
      [null, '/sequence'],
      [[], '/sequence'],
      [[[1, 2]], '/sequence/0'],
      [
        [
          [1, 2, 3],
          [1, 2, 'x'],
        ],
        '/sequence/1/2',
      ],
    ] as const) {
      problemOf(await call(steps, { body: { sequence: bad } }), 422, 'INVALID_SEQUENCE', pointer);
    }
    assert.equal((await infoOf(stream)).length, 1);
  });

  it('is left as it was by every step that fails, and goes on rightly', async () => {
    const sequence = sample(12);
    const whole = await way.whole(sequence);
    const stream = await way.openStream();
    const part = (from: number, to: number) => piece(way.model.signature, sequence, from, to);
    assert.equal((await way.step(stream, part(0, 5))).status, 200);
    const before = await infoOf(stream);
    const steps = `${STREAMS}/${stream}/steps`;
    const body = { sequence: [[9, 9, 9]] };

    problemOf(await call(steps, { body: { sequence: [[9, 9, 'x']] } }), 422, 'INVALID_SEQUENCE', '/sequence/0/2');
    problemOf(await call(steps, { body: { ...body, after: 4 } }), 409, 'STREAM_CONFLICT');
    problemOf(await call(steps, { body: '{"sequence":' }), 400, 'INVALID_REQUEST');

    await gate.order({ type: 'hold' });
    problemOf(await call(steps, { body, ...within(80) }), 504, 'DEADLINE_EXCEEDED');
    await gate.order({ type: 'pass' });

    await gate.order({ type: 'hold' });
    const leaving = new AbortController();
    const left = call(steps, { body, signal: leaving.signal }).catch(error => error.name);
    await gate.started(1);
    leaving.abort();
    assert.equal(await left, 'AbortError');
    await idle();
    await gate.order({ type: 'pass' });

    await gate.order({ type: 'fail' });
    problemOf(await call(steps, { body }), 500, 'INFERENCE_FAILED');
    await gate.order({ type: 'hold' });
    const lost = call(steps, { body });
    await gate.started(1);
    await gate.order({ type: 'crash' });
    problemOf(await lost, 500, 'INFERENCE_FAILED');
    await until('the worker is back', async () => (await call('/readyz')).status === 200);
    await gate.order({ type: 'pass' });

    assert.deepEqual(await infoOf(stream), before);
    const { prediction, length } = await json(way.step(stream, part(5, 12), 5));
    assert.equal(length, 12);
    assertSame(prediction.heads, whole, 0);
  });

  it('takes one step at a time, and cannot be ended in the middle of one', async () => {
    const sequence = sample(6);
    const stream = await way.openStream();
    await gate.order({ type: 'hold' });
    const first = way.step(stream, piece(way.model.signature, sequence, 0, 2));
    await gate.started(1);
    problemOf(await way.step(stream, sample(3)), 409, 'STREAM_CONFLICT');
    problemOf(await call(`${STREAMS}/${stream}`, { method: 'DELETE' }), 409, 'STREAM_CONFLICT');
    assert.equal((await infoOf(stream)).length, 0);
    await gate.order({ type: 'pass' });
    assert.equal((await first).status, 200);
    const rest = await json(way.step(stream, piece(way.model.signature, sequence, 2, 6)));
    assertSame(rest.prediction.heads, await way.whole(sequence), 0);
  });

  it('lets exactly one of many steps at once win, and tells the others with `after` where it stands', async () => {
    const stream = await way.openStream();
    let taken = sample(0 + 1);
    let length = 0;
    for (let round = 0; round < 5; round++) {
      const offered = Array.from({ length: 12 }, () => sample(1));
      const replies = await Promise.all(offered.map(next => way.step(stream, next, length)));
      const winners = offered.filter((_, i) => replies[i].status === 200);
      for (const reply of replies) if (reply.status !== 200) problemOf(reply, 409, 'STREAM_CONFLICT');
      assert.equal(winners.length, 1);
      taken = length === 0 ? winners[0] : joined(taken, winners[0]);
      length++;
      assert.equal((await infoOf(stream)).length, length);
    }
    const last = sample(2);
    const { prediction } = await json(way.step(stream, last, length));
    assertSame(prediction.heads, await way.whole(joined(taken, last)), 0);
    const late = problemOf(await way.step(stream, last, length), 409, 'STREAM_CONFLICT');
    assert.match(late.detail, /has 7 time steps, not 5/);
  });

  it('may become longer than one call may be', async () => {
    const model = app.service.models.get('recurrent');
    const long = new Continuing(model, call);
    const stream = await long.openStream();
    for (let i = 1; i <= 3; i++) {
      const next = randomSequence(model.signature, 300, random);
      assert.equal((await json(long.step(stream, next))).length, 300 * i);
    }
    problemOf(
      await call(`/v1/models/recurrent/streams/${stream}/steps`, {
        body: { sequence: Array(366).fill([0, 0, 0, 0, 1, 0]) },
      }),
      422,
      'INVALID_SEQUENCE',
    );
  });
});

type Sample = ReturnType<typeof randomSequence>;

/** One sequence after the other, of a model with a single input. */
function joined(first: Sample, second: Sample): Sample {
  const [a, b] = [first.parts[0], second.parts[0]];
  assert.ok(a && b);
  const data = Float32Array.from([...(a.data as Float32Array), ...(b.data as Float32Array)]);
  const length = a.length + b.length;
  const part = { length, dims: [length, ...a.dims.slice(1)], data };
  return { ...first, parts: [part, ...first.parts.slice(1)], length, longest: length };
}
