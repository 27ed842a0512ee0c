// A server whose Redis is slow, full, gone or back: streams say so and recover by themselves, everything else goes on.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { randomNumbers, randomSequence } from '../../src/proof/samples.ts';
import { clientOf } from '../support/client/client.ts';
import { assertSame, Continuing, json, piece, v2Form } from '../support/client/continuing.ts';
import { problemOf } from '../support/client/contract.ts';
import { inject } from '../support/client/exchange.ts';
import { repositoryOf } from '../support/models/served-copies.ts';
import { until } from '../support/runner/until.ts';
import { Redis, redisMissing } from '../support/server/redis.ts';
import { startApp, type TestApp } from '../support/server/service.ts';

const skip = redisMissing();
if (skip) console.log(`outages of Redis are not tested: ${skip}`);

describe('a server over Redis', { skip, timeout: 180_000 }, () => {
  let redis: Redis;
  let app: TestApp;
  let way: Continuing;
  const random = randomNumbers(41);
  const repository = repositoryOf('models/weather');
  const start = () =>
    startApp({
      POLYHEAD_MODEL_REPOSITORY: repository,
      POLYHEAD_EXECUTION_PROVIDER: 'cpu',
      POLYHEAD_WORKERS: '1',
      POLYHEAD_STREAM_STORE: redis.url,
    });
  const wayOf = async (of: TestApp) => new Continuing(of.service.models.get('weather'), await clientOf(of));
  const sample = (length: number) => randomSequence(way.model.signature, length, random);
  const infer = (sequence: ReturnType<typeof sample>, parameters: object) =>
    inject(app.app, '/v2/models/weather/infer', {
      body: { inputs: v2Form(way.model.signature, sequence), outputs: [{ name: 'rain' }], parameters },
    });

  before(async () => {
    redis = await Redis.start();
    app = await start();
    way = await wayOf(app);
  });
  after(async () => {
    redis?.thaw();
    await app?.close();
    await redis?.end();
  });

  /** A stream and a protocol sequence on their way; what is done to Redis must leave both able to go on. */
  async function survives(outage: () => void | Promise<void>, recovery: () => void | Promise<void>): Promise<void> {
    const sequence = sample(12);
    const part = (from: number, to: number) => piece(way.model.signature, sequence, from, to);
    const stream = await way.openStream();
    await json(way.step(stream, part(0, 5), 0));
    const id = `sequence ${stream}`;
    await json(infer(part(0, 5), { sequence_id: id, sequence_start: true }));
    await outage();
    try {
      const started = performance.now();
      const [step, sequenceStep, opened] = await Promise.all([
        way.step(stream, part(5, 6), 5),
        infer(part(5, 6), { sequence_id: id }),
        app.app.inject({ method: 'POST', url: '/v1/models/weather/streams' }),
        assert.rejects(way.openStream()),
      ]);
      assert.match(problemOf(step, 503, 'STREAMS_UNAVAILABLE').detail, /stream store/);
      assert.deepEqual([sequenceStep.status, opened.statusCode], [503, 503]);
      assert.match(JSON.parse(sequenceStep.text).error, /stream store/);
      for (const headers of [step.headers, sequenceStep.headers, opened.headers]) assert.ok(headers['retry-after']);
      assert.ok(performance.now() - started < 20_000);
      assertSame(await way.token([part(0, 7), part(7, 12)]), await way.whole(sequence), 0);
      assert.equal((await infer(part(0, 3), {})).status, 200);
      assert.equal((await app.app.inject('/readyz')).statusCode, 200);
    } finally {
      await recovery();
    }
    await until('streams are back', async () => (await way.step(stream, sample(1), 99)).status === 409, 20_000);
    const info = await json(inject(app.app, `/v1/models/weather/streams/${stream}`));
    assert.equal(info.length, 5, 'a step that was answered 503 was applied');
    const { prediction } = await json(way.step(stream, part(5, 12), 5));
    assertSame(prediction.heads, await way.whole(sequence), 0);
    const rest = await until(
      'sequences are back',
      async () => {
        const reply = await infer(part(5, 12), { sequence_id: id, sequence_end: true });
        return reply.status === 200 && JSON.parse(reply.text);
      },
      20_000,
    );
    const whole = await json(infer(sequence, {}));
    assert.deepEqual(rest.outputs, whole.outputs);
  }

  it('outlives a freeze of Redis', () =>
    survives(
      () => redis.freeze(),
      () => redis.thaw(),
    ));

  it('outlives the death of a Redis that keeps its data', () =>
    survives(
      () => redis.kill(),
      () => redis.start(),
    ));

  it('refuses what a full Redis has no room for, and loses nothing by it', () =>
    survives(
      async () => assert.equal(await redis.command('CONFIG SET maxmemory 1'), '+OK'),
      async () => assert.equal(await redis.command('CONFIG SET maxmemory 0'), '+OK'),
    ));

  it('says that a stream is gone when Redis has forgotten it', async () => {
    const stream = await way.openStream();
    await json(way.step(stream, sample(2)));
    await json(infer(sample(2), { sequence_id: 77, sequence_start: true }));
    assert.equal(await redis.command('FLUSHALL'), '+OK');
    problemOf(await way.step(stream, sample(1)), 404, 'STREAM_NOT_FOUND');
    const reply = await infer(sample(1), { sequence_id: 77 });
    assert.equal(reply.status, 400);
    assert.match(JSON.parse(reply.text).error, /must specify the START flag/);
  });

  it('does not believe a state of another size', async () => {
    const stream = await way.openStream();
    await json(way.step(stream, sample(2)));
    const key = `{polyhead}:stream:${stream}`;
    for (const size of [1, 4, 100, 512]) {
      assert.equal(await redis.command(`HSET ${key} state ${'x'.repeat(size)}`), ':0');
      problemOf(await way.step(stream, sample(1)), 409, 'STREAM_CONFLICT');
    }
    assert.equal(await redis.command(`HDEL ${key} state`), ':1');
    problemOf(await way.step(stream, sample(1)), 409, 'STREAM_CONFLICT');
    assert.equal((await inject(app.app, `/v1/models/weather/streams/${stream}`, { method: 'DELETE' })).status, 204);
  });

  it('leaves its streams to the next server, and counts them', async () => {
    const sequence = sample(10);
    const stream = await way.openStream();
    await json(way.step(stream, piece(way.model.signature, sequence, 0, 6)));
    await json(infer(piece(way.model.signature, sequence, 0, 6), { sequence_id: 88, sequence_start: true }));
    await app.close();
    app = await start();
    way = await wayOf(app);
    const { prediction, length } = await json(way.step(stream, piece(way.model.signature, sequence, 6, 10), 6));
    assert.equal(length, 10);
    assertSame(prediction.heads, await way.whole(sequence), 0);
    const { outputs } = await json(infer(piece(way.model.signature, sequence, 6, 10), { sequence_id: 88 }));
    assert.deepEqual(outputs, (await json(infer(sequence, {}))).outputs);
    await until('the streams are counted', async () =>
      /^polyhead_streams 2$/m.test((await inject(app.app, '/metrics')).text),
    );
  });

  it('starts and ends without Redis, and finds it when it comes', async () => {
    const stream = await way.openStream();
    await json(way.step(stream, sample(3)));
    await app.close();
    await redis.kill();
    const started = performance.now();
    app = await start();
    way = await wayOf(app);
    assert.ok(performance.now() - started < 20_000);
    problemOf(await way.step(stream, sample(1)), 503, 'STREAMS_UNAVAILABLE');
    await way.whole(sample(3));
    await app.close();
    app = await start();
    way = await wayOf(app);
    await redis.start();
    await until('the stream goes on', async () => (await way.step(stream, sample(1), 3)).status === 200, 20_000);
  });
});
