// The plain networks of the theory, computed here from their equations and weights, against what the server answers.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { ROOT, startApp, type TestApp } from '../support/server/service.ts';
import { lstm, type Matrix, plus, rnn, sigmoid, times } from './equations.ts';

const CLOSE = 1e-5;

interface Fixture {
  readonly arrays: Readonly<Record<string, { readonly dims: readonly number[]; readonly base64: string }>>;
  readonly cases: readonly {
    readonly sequence: never;
    readonly expected: Readonly<Record<string, readonly number[]>>;
  }[];
}
type Days = readonly (readonly number[])[];

function read(model: string) {
  const fixture: Fixture = JSON.parse(readFileSync(path.join(ROOT, 'test/fixtures/formulas', `${model}.json`), 'utf8'));
  const vector = (name: string) => {
    const bytes = Buffer.from(fixture.arrays[name].base64, 'base64');
    return Float64Array.from(new Float32Array(new Uint8Array(bytes).buffer));
  };
  const matrix = (name: string): Matrix => {
    const values = vector(name);
    const width = fixture.arrays[name].dims.at(-1) as number;
    return Array.from({ length: values.length / width }, (_, row) => values.subarray(row * width, (row + 1) * width));
  };
  return { cases: fixture.cases, vector, matrix };
}

/** Weather features as the graphs scale them: root of the rain, then temperatures and wind. */
function scaled(day: readonly number[], mean: Float64Array, scale: Float64Array): number[] {
  const raw = [Math.sqrt(Math.max(Math.fround(day[0]), 0)), ...day.slice(1, 4).map(Math.fround)];
  return raw.map((value, i) => (value - mean[i]) * scale[i]);
}

let started: TestApp;
let app: TestApp['app'];
before(async () => {
  started = await startApp({ POLYHEAD_MODEL_REPOSITORY: path.join(ROOT, 'models') });
  app = started.app;
});
after(() => started.close());

async function served(model: string, sequence: unknown) {
  const reply = await app.inject({
    method: 'POST',
    url: `/v1/models/${model}/predict`,
    payload: { sequences: [sequence] },
  });
  assert.equal(reply.statusCode, 200, reply.body);
  return reply.json().predictions[0].heads;
}

function near(actual: number, expected: number, what: string): void {
  const off = Math.abs(actual - expected) / Math.max(1, Math.abs(expected));
  assert.ok(off <= CLOSE, `${what}: served ${actual}, by the equations ${expected}`);
}

test('lstm-stack: LSTM(64) over every step, LSTM(32), and a logistic unit on its last', async () => {
  const { cases, vector, matrix } = read('lstm-stack');
  const [mean, scale] = [vector('mean'), vector('scale')];
  for (const { sequence } of cases) {
    const steps = (sequence as Days).map(day => Float64Array.from([...scaled(day, mean, scale), ...day.slice(4)]));
    const first = lstm(steps, matrix('W1'), matrix('R1'), vector('B1'));
    const second = lstm(first, matrix('W2'), matrix('R2'), vector('B2'));
    const [logit] = plus(times(matrix('dense_weight'), second.at(-1) as Float64Array), vector('dense_bias'));
    const { rain } = await served('lstm-stack', sequence);
    near(rain.probabilities.rain, sigmoid(logit), 'rain');
  }
});

test('recurrent: h_t = tanh(W x_t + R h_{t-1} + b) and o_t = W_ho h_t + W_xo x_t + b_o, at every step', async () => {
  const { cases, vector, matrix } = read('recurrent');
  const [mean, scale, season] = [vector('mean'), vector('scale'), matrix('season')];
  const [targetMean, targetSd, widen] = [vector('target_mean'), vector('target_sd'), vector('widen')];
  for (const { sequence } of cases) {
    const days = sequence as Days;
    const steps = days.map(day => Float64Array.from([...scaled(day, mean, scale), ...season[day[4]], day[5]]));
    const hidden = rnn(steps, matrix('W'), matrix('R'), vector('B'));
    const heads = await served('recurrent', sequence);
    hidden.forEach((h, t) => {
      const o = plus(times(matrix('W_ho'), h), times(matrix('W_xo'), steps[t]), vector('b_o'));
      ['temp_max', 'temp_min'].forEach((head, k) => {
        const value = o[k] * targetSd[k] + targetMean[k];
        const answer = heads[head].steps[t];
        near(answer.value, value, `${head} at step ${t}`);
        near(answer.lower, value - Math.exp(o[2 + k]) * targetSd[k] * widen[k], `lower ${head} at step ${t}`);
        near(answer.upper, value + Math.exp(o[4 + k]) * targetSd[k] * widen[k], `upper ${head} at step ${t}`);
      });
    });
    assert.equal(heads.temp_max.steps.length, days.length);
  }
});

test('two-cities: each task has its own input, recurrence and output', async () => {
  const { cases, vector, matrix } = read('two-cities');
  const season = matrix('season');
  const out = (city: string, days: Days) => {
    const [mean, scale] = [vector(`${city}_mean`), vector(`${city}_scale`)];
    const steps = days.map(day => Float64Array.from([...scaled(day, mean, scale), ...season[day[4]]]));
    const h = lstm(steps, matrix(`${city}_W`), matrix(`${city}_R`), vector(`${city}_B`)).at(-1) as Float64Array;
    return plus(times(matrix(`${city}_out_weight`), h), vector(`${city}_out_bias`));
  };
  const [[mean], [sd], [widen]] = [vector('target_mean'), vector('target_sd'), vector('widen')];
  for (const { sequence } of cases) {
    const { seattle, new_york } = sequence as { seattle: Days; new_york: Days };
    const heads = await served('two-cities', sequence);
    const rain = sigmoid(out('seattle', seattle)[0]);
    const label = rain >= 0.5 ? rain : 1 - rain;
    near(heads.seattle_rain.probability, label, 'rain in Seattle');
    const [v, a, b] = out('new_york', new_york);
    const value = v * sd + mean;
    near(heads.new_york_temp_max.value, value, 'temperature in New York');
    near(heads.new_york_temp_max.lower, value - Math.exp(a) * sd * widen, 'its lower bound');
    near(heads.new_york_temp_max.upper, value + Math.exp(b) * sd * widen, 'its upper bound');
  }
});
