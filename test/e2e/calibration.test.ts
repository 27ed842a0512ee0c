// polyhead calibrate and what a manifest then answers, against scipy's and scikit-learn's numbers for the weather model's
// answers to known days (test/fixtures/makers/calibration.py).
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { clientOf } from '../support/client/client.ts';
import { answerOf, faultOf } from '../support/client/command.ts';
import { repositoryOf } from '../support/models/served-copies.ts';
import { ROOT, startApp } from '../support/server/service.ts';

const FOLDER = `${ROOT}test/fixtures/calibration`;
const expected = JSON.parse(readFileSync(`${FOLDER}/expected.json`, 'utf8'));
const known = readFileSync(`${FOLDER}/test.jsonl`, 'utf8')
  .trim()
  .split('\n')
  .map(line => JSON.parse(line));
const calibrate = (repository: string, ...more: string[]) =>
  answerOf(['calibrate', repository, 'weather', `${FOLDER}/fit.jsonl`, '--test', `${FOLDER}/test.jsonl`, ...more]);
const near = (actual: number, wanted: number, tolerance: number, what: string) =>
  assert.ok(Math.abs(actual - wanted) <= tolerance, `${what}: ${actual}, expected ${wanted}`);

/** What a repository's weather model answers to the known days by REST, and one head's raw tensor by protocol v2. */
async function served(repository: string) {
  const app = await startApp({ POLYHEAD_MODEL_REPOSITORY: repository, POLYHEAD_WORKERS: '1' });
  try {
    const call = await clientOf(app); // holds every answer against the API document
    const sequences = known.map(({ sequence }) => sequence);
    const { status, text } = await call('/v1/models/weather/predict', { body: { sequences } });
    assert.equal(status, 200, text);
    const inputs = [
      { name: 'x', datatype: 'FP32', shape: [1, 1, 7], data: [0.5, 12, 5, 4.7, 4, 100, 1] },
      { name: 'lengths', datatype: 'INT64', shape: [1], data: [1] },
    ];
    const payload = { inputs, outputs: [{ name: 'rain' }] };
    const infer = await app.app.inject({ method: 'POST', url: '/v2/models/weather/infer', payload });
    assert.equal(infer.statusCode, 200, infer.body);
    return { heads: JSON.parse(text).predictions.map((p: { heads: object }) => p.heads), raw: infer.json().outputs };
  } finally {
    await app.close();
  }
}

describe('polyhead calibrate', () => {
  it('finds and measures what scipy and scikit-learn do, and the server answers by it', async () => {
    const repository = repositoryOf('models/weather');
    const before = await served(repository);
    const told = await calibrate(repository);
    const [table, json] = told.split('\n\n');
    const found = JSON.parse(json);
    for (const [head, wanted] of Object.entries<Record<string, never>>(expected)) {
      const { temperature, margin } = wanted;
      if (temperature) near(found[head].calibration.temperature, temperature, 1e-5, head);
      else near(found[head].conformal.margin, margin, 1e-5, head);
      for (const [measure, was] of Object.entries<number>(wanted.before)) {
        const row = table.split('\n').find(line => line.startsWith(`${head} `) && line.includes(` ${measure} `));
        const [count, asItIs, putRight] = (row ?? '').match(/\d+(\.\d+)?/g)?.map(Number) ?? [];
        assert.equal(count, known.length);
        near(asItIs, was, 5.1e-5, `${head}, ${measure}`);
        near(putRight, wanted.after[measure], 1.1e-4, `${head}, ${measure}, put right`);
      }
    }
    await calibrate(repository, '--write');
    const after = await served(repository);
    assert.deepEqual(after.raw, before.raw, "tensors are the graph's own");
    let inside = 0;
    known.forEach(({ targets }, i) => {
      const [was, is] = [before.heads[i], after.heads[i]];
      const p = was.rain.probabilities.rain;
      const q = 1 / (1 + ((1 - p) / p) ** (1 / expected.rain.temperature));
      near(is.rain.probabilities.rain, q, 1e-6, 'tempered');
      near(is.temp_max.lower, was.temp_max.lower - expected.temp_max.margin, 1e-5, 'widened');
      if (is.temp_max.lower <= targets.temp_max && targets.temp_max <= is.temp_max.upper) inside++;
    });
    near(inside / known.length, expected.temp_max.after.inside, 1e-9, 'coverage of the answers');
    const again = await calibrate(repository);
    assert.equal(again, told, 'what a manifest says is not put right twice');
  });

  it("fits scikit-learn's isotonic map", async () => {
    const repository = repositoryOf('models/weather');
    await calibrate(repository, '--binary', 'isotonic', '--write');
    const { heads } = await served(repository);
    heads.forEach((head: { rain: { probabilities: { rain: number } } }, i: number) => {
      near(head.rain.probabilities.rain, expected.rain.isotonic[i], 1e-6, `day ${i}`);
    });
  });

  it('takes a coverage, and gives values an interval where the graph has none', async () => {
    const repository = repositoryOf('models/weather');
    const file = `${repository}/weather/1/manifest.json`;
    const manifest = JSON.parse(readFileSync(file, 'utf8'));
    for (const head of manifest.heads) delete head.interval;
    writeFileSync(file, JSON.stringify(manifest));
    await calibrate(repository, '--coverage', '0.5', '--write');
    const { heads } = await served(repository);
    const inside = known.filter(({ targets: { wind } }, i) => {
      const { lower, value, upper } = heads[i].wind;
      near(value - lower, upper - value, 1e-5, 'the same margin on both sides');
      return lower <= wind && wind <= upper;
    });
    // 146 cases: within five standard deviations of a half.
    near(inside.length / known.length, 0.5, 0.21, 'coverage');
  });

  it('says which line is wrong, and what cannot be put right', async () => {
    const repository = repositoryOf('models/weather');
    const file = `${repository}/known.jsonl`;
    const [{ sequence }] = known;
    const fault = (targets: object, ...more: string[]) => {
      writeFileSync(file, `\n${JSON.stringify({ sequence, targets })}`);
      return faultOf(['calibrate', repository, 'weather', file, ...more]);
    };
    assert.match(await fault({ rain: 'maybe' }), /line 2: "rain": "maybe" is none of its labels/);
    assert.match(await fault({ wind: '3' }), /line 2: "wind": a target is a number, or null/);
    assert.match(await fault({ snow: 1 }), /line 2: "snow" is no head of this model/);
    assert.match(await fault({ rain: null }), /holds no targets/);
    assert.match(await fault({ wind: 3 }), /"wind": 1 cases are too few for a coverage of 0.8/);
    const usage = await faultOf(['calibrate', repository, 'weather', file, '--coverage', '1'], {}, 2);
    assert.match(usage, /--coverage is between 0 and 1/);
  });
});
