// The client against the real server: every model's golden answers by JSON and by bytes, chosen heads, many sequences,
// and continuing by stream and by token.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { connect, type Model, type ModelTypes, Problem, type SequenceSlice } from '../../client/src/client.ts';
import type { Manifest } from '../../src/model/manifest.ts';
import { listen } from '../support/client/client.ts';
import { assertGolden, goldenModels, type Prediction } from '../support/models/golden.ts';
import { ownModels, repositoryOf } from '../support/models/served-copies.ts';
import { until } from '../support/runner/until.ts';
import { FIXTURES, startApp, type TestApp } from '../support/server/service.ts';
import { EXAMPLE, interceptedFetch } from './server.ts';

const REPOSITORIES = [ownModels(), FIXTURES];

for (const repository of REPOSITORIES) {
  describe(`golden answers of ${repository === FIXTURES ? 'the fixtures' : 'the models'}`, () => {
    let server: TestApp;
    let origin: string;
    before(async () => {
      server = await startApp({ POLYHEAD_MODEL_REPOSITORY: repository, POLYHEAD_WORKERS: '1' });
      origin = await listen(server);
    });
    after(() => server.close());

    for (const transport of ['json', 'binary'] as const) {
      it(`by ${transport}`, async () => {
        const { fetch, calls } = interceptedFetch(() => undefined);
        const client = connect(origin, { transport, fetch });
        for (const golden of goldenModels(repository)) {
          const model = await client.model(golden.name, { version: golden.version });
          for (const one of golden.cases) {
            const { predictions } = await model.predict([one.sequence], { probabilities: 'all' });
            assertGolden(golden, one, predictions[0] as Prediction);
          }
        }
        const binary = calls.filter(({ url }) => url.endsWith('/infer')).length;
        assert.equal(binary > 0, transport === 'binary');
      });
    }
  });
}

describe('predict', () => {
  let server: TestApp;
  let origin: string;
  let weather: Model;
  before(async () => {
    server = await startApp({ POLYHEAD_MODEL_REPOSITORY: repositoryOf('models/weather'), POLYHEAD_MAX_SEQUENCES: '3' });
    origin = await listen(server);
    weather = await connect(origin).model('weather');
  });
  after(() => server.close());

  it('answers ragged sequences in one request as the ones alone, by both transports', async () => {
    const [json, binary] = await Promise.all(
      (['json', 'binary'] as const).map(async transport =>
        (await connect(origin, { transport }).model('weather')).predict(EXAMPLE),
      ),
    );
    assert.deepEqual(json.predictions.map(({ length }) => length), [10, 7]); // biome-ignore format: one line
    assertSame(binary.predictions, json.predictions);
  });

  it('answers heads that their manifest puts right as REST does, by both transports', async t => {
    const repository = repositoryOf('models/weather');
    const file = `${repository}/weather/1/manifest.json`;
    const manifest: Manifest = JSON.parse(readFileSync(file, 'utf8'));
    for (const head of manifest.heads) {
      if (head.kind === 'binary' || head.kind === 'multiclass') head.calibration = { temperature: 2 };
      if (head.kind === 'regression') head.conformal = { margin: 3, coverage: 0.9 };
    }
    writeFileSync(file, JSON.stringify(manifest));
    const other = await startApp({ POLYHEAD_MODEL_REPOSITORY: repository, POLYHEAD_WORKERS: '1' });
    t.after(() => other.close());
    const at = await listen(other);
    const [json, binary] = await Promise.all(
      (['json', 'binary'] as const).map(async transport =>
        (await connect(at, { transport }).model('weather')).predict(EXAMPLE),
      ),
    );
    assertSame(binary.predictions, json.predictions);
  });

  it('gives only the heads and the detail that were asked for, by both transports', async () => {
    for (const transport of ['json', 'binary'] as const) {
      const model = await connect(origin, { transport }).model('weather');
      const { predictions } = await model.predict(EXAMPLE, { heads: ['temp_max', 'weather'], probabilities: 'top' });
      assert.deepEqual(Object.keys(predictions[0].heads), ['temp_max', 'weather']);
      assert.deepEqual(Object.keys(predictions[0].heads.weather), ['label', 'probability']);
      assert.deepEqual(Object.keys(predictions[0].heads.temp_max), ['value', 'lower', 'upper', 'unit']);
    }
  });

  it('cuts more sequences than the server takes at once into several requests, in order', async () => {
    const many = Array.from({ length: 10 }, (_, i) => EXAMPLE[0].slice(0, 1 + i));
    const { predictions } = await weather.predict(many);
    assert.deepEqual(
      predictions.map(({ length }) => length),
      many.map(({ length }) => length),
    );
  });

  it('tells what the server says about a sequence, whatever the transport', async () => {
    for (const transport of ['json', 'binary'] as const) {
      const model = await connect(origin, { transport }).model('weather');
      const wrong = [[{ ...EXAMPLE[0][0], temp_max: 400 }]];
      await assert.rejects(model.predict(wrong), (error: Problem) => {
        assert.ok(error instanceof Problem);
        assert.deepEqual(
          [error.code, error.status, error.errors[0].pointer],
          ['INVALID_SEQUENCE', 422, '/sequences/0/0/temp_max'],
        );
        assert.match(error.message, /-60 to 60 degC/);
        assert.ok(error.requestId);
        return true;
      });
    }
  });

  it('names the model that there is none of', async () => {
    await assert.rejects(connect(origin).model('none'), { code: 'MODEL_NOT_FOUND', status: 404 });
  });

  it('goes on by stream and by token as the whole sequence at once', async () => {
    const [days] = EXAMPLE;
    const whole = await weather.predict(days.map((_, i) => days.slice(0, i + 1)));
    const stream = await weather.stream();
    const carried = weather.carried();
    const streamed = [];
    for await (const prediction of stream.steps(days.map(day => [day]))) streamed.push(prediction);
    const continued = [];
    for await (const prediction of carried.steps(days.map(day => [day]))) continued.push(prediction);
    assert.equal(stream.length, days.length);
    const expected = whole.predictions.map(({ heads }) => heads);
    for (const found of [streamed, continued]) {
      assertSame(
        found.map(({ heads }) => heads),
        expected,
      );
    }
    assert.ok(carried.state);
    const later = await weather.carried(carried.state).step([days[0]]);
    assert.deepEqual(later.heads, (await stream.step([days[0]])).heads);
    await stream.end();
    await assert.rejects(stream.step([days[0]]), { code: 'STREAM_NOT_FOUND' });
  });

  it('gives the answers of long sequences in slices, and of many new steps of a stream', async () => {
    const whole = await weather.predict(EXAMPLE);
    const slices: SequenceSlice<ModelTypes>[] = [];
    for await (const slice of weather.slices(EXAMPLE, { sliceSteps: 3 })) slices.push(slice);
    const stream = await weather.stream();
    const steps = [];
    for await (const slice of stream.slices(EXAMPLE[0], { sliceSteps: 4 })) steps.push(slice);
    assert.equal(stream.length, 10);
    assert.deepEqual(steps.map(({ length }) => length), [4, 8, 10]); // biome-ignore format: one line
    EXAMPLE.forEach((days, i) => {
      const own = slices.filter(({ sequence }) => sequence === i);
      assert.deepEqual(own.map(({ length }) => length), days.length === 10 ? [3, 6, 9, 10] : [3, 6, 7]); // biome-ignore format: one line
      assertSame(own.at(-1)?.prediction.heads, whole.predictions[i].heads);
    });
    assertSame(steps.at(-1)?.prediction.heads, whole.predictions[0].heads);
    const bad = weather.slices([[{ ...EXAMPLE[0][0], wind: -1 }]]);
    await assert.rejects(bad.next(), { name: 'Problem', code: 'INVALID_SEQUENCE', status: 422 });
    const stopped = weather.slices(EXAMPLE, { sliceSteps: 1 });
    await stopped.next();
    await stopped.return(undefined);
    await until('nothing is pending', () => server.service.models.get('weather').batcher.pending === 0);
  });

  it('tells a fault within slices, an end of the connection, and the end of the time', async () => {
    const line = '{"sequence":0,"length":1,"last":false,"prediction":{"length":1,"heads":{}}}\n';
    const error = '{"error":{"code":"INFERENCE_FAILED","detail":"it failed","status":500,"requestId":"r","errors":[]}}';
    const chunks = (texts: readonly string[], end: (controller: ReadableStreamDefaultController) => void) =>
      new Response(
        new ReadableStream({
          start: controller => {
            for (const text of texts) controller.enqueue(new TextEncoder().encode(text));
          },
          pull: end,
        }),
      );
    const cases: [Response, object][] = [
      [chunks([line.slice(0, 20), line.slice(20), error, '\n'], c => c.close()), { code: 'INFERENCE_FAILED', status: 500 }],
      [chunks([line], c => c.error(new TypeError('terminated'))), { code: 'UNREACHABLE' }],
      [chunks([line], c => c.error(new DOMException('late', 'TimeoutError'))), { code: 'DEADLINE_EXCEEDED' }],
    ]; // biome-ignore format: a case a line
    for (const [response, problem] of cases) {
      const { fetch } = interceptedFetch(call => (call === 2 ? Promise.resolve(response) : undefined));
      const slices = (await connect(origin, { fetch }).model('weather')).slices(EXAMPLE);
      assert.equal((await slices.next()).value?.length, 1);
      await assert.rejects(slices.next(), problem);
    }
  });

  it('explains as REST does', async () => {
    const [sequence] = EXAMPLE;
    const options = { heads: ['weather', 'temp_max'], method: 'occlusion', targets: { weather: 'snow' } } as const;
    const { explanations } = await weather.explain([sequence], options);
    const reply = await server.app.inject({
      method: 'POST',
      url: '/v1/models/weather/explain',
      payload: { sequences: [sequence], ...options },
    });
    assert.deepEqual(explanations, reply.json().explanations);
    const { target, output, attributions, convergence } = explanations[0].heads.weather;
    assert.deepEqual([target, convergence.partial], ['snow', false]);
    const shown = await weather.predict([sequence], { probabilities: 'all' });
    assert.equal(output, shown.predictions[0].heads.weather.probabilities?.snow);
    assert.deepEqual((attributions as number[][]).map(step => step.length), sequence.map(() => 7)); // biome-ignore format: one line
    await assert.rejects(weather.explain([sequence], { targets: { weather: 'hail' } }), { code: 'INVALID_REQUEST' });
  });
});

/** @throws {AssertionError} unless both say the same, numbers to a millionth: JSON tells float32 in few digits, bytes exactly. */
function assertSame(actual: unknown, expected: unknown, where = ''): void {
  if (typeof expected === 'number' && typeof actual === 'number') {
    assert.ok(
      Math.abs(actual - expected) <= 1e-6 * Math.max(1, Math.abs(expected)),
      `${where}: ${actual}, ${expected}`,
    );
  } else if (typeof expected === 'object' && expected !== null) {
    assert.deepEqual(Object.keys(actual as object), Object.keys(expected), where);
    for (const [key, value] of Object.entries(expected)) {
      assertSame((actual as Record<string, unknown>)[key], value, `${where}/${key}`);
    }
  } else assert.equal(actual, expected, where);
}
