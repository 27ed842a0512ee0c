// polyhead calibrate on multilabel and ordinal heads, per sequence and per step, and what a manifest then answers, against
// scipy's and scikit-learn's numbers (test/fixtures/makers/calibration_kinds.py).
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { clientOf } from '../support/client/client.ts';
import { answerOf, faultOf } from '../support/client/command.ts';
import { kindsModel } from '../support/models/kinds.ts';
import { ROOT, startApp } from '../support/server/service.ts';

interface Expected {
  readonly temperature: number;
  readonly before: Record<string, number>;
  readonly after: Record<string, number>;
  /** Probabilities of the first cases, put right. */
  readonly answers: readonly (readonly number[])[];
}
interface Case {
  readonly sequence: unknown;
  readonly targets: Record<string, unknown>;
}
interface Said {
  readonly label?: string;
  readonly labels?: readonly string[];
  readonly probabilities: Record<string, number>;
}
const { cases, expected } = JSON.parse(readFileSync(`${ROOT}test/fixtures/calibration/kinds.json`, 'utf8')) as {
  cases: Case[];
  expected: Record<string, Expected>;
};
const repository = kindsModel();
const file = path.join(repository, 'known.jsonl');
const write = (lines: readonly object[]) => writeFileSync(file, lines.map(line => JSON.stringify(line)).join('\n'));
const near = (actual: number, wanted: number, tolerance: number, what: string) =>
  assert.ok(Math.abs(actual - wanted) <= tolerance, `${what}: ${actual}, expected ${wanted}`);

test('temperatures and measures are those of scipy and scikit-learn, and the server answers by them', async () => {
  write(cases);
  const [table, json] = (await answerOf(['calibrate', repository, 'kinds', file])).split('\n\n');
  const found = JSON.parse(json);
  assert.deepEqual(Object.keys(found).sort(), Object.keys(expected).sort());
  for (const [head, { temperature, before, after }] of Object.entries(expected)) {
    near(found[head].calibration.temperature, temperature, 1e-6, head);
    for (const [measure, was] of Object.entries(before)) {
      const row = table.split('\n').find(line => line.startsWith(`${head} `) && line.includes(` ${measure} `));
      const [count, asItIs, putRight] = (row ?? '').match(/\d+(\.\d+)?/g)?.map(Number) ?? [];
      assert.equal(count, head.endsWith('_step') ? 2 * cases.length : cases.length);
      near(asItIs, was, 5.1e-5, `${head}, ${measure}`);
      near(putRight, after[measure], 5.1e-5, `${head}, ${measure}, put right`);
    }
  }
  await answerOf(['calibrate', repository, 'kinds', file, '--write']);
  const app = await startApp({ POLYHEAD_MODEL_REPOSITORY: repository, POLYHEAD_WORKERS: '1' });
  try {
    const call = await clientOf(app); // holds every answer against the API document
    const sequences = cases.slice(0, 8).map(({ sequence }) => sequence);
    const { status, text } = await call('/v1/models/kinds/predict', { body: { sequences, probabilities: 'all' } });
    assert.equal(status, 200, text);
    const { predictions } = JSON.parse(text) as { predictions: { heads: Record<string, Said & { steps: Said[] }> }[] };
    for (const [head, { answers }] of Object.entries(expected)) {
      const said = predictions.flatMap(({ heads }) => heads[head].steps ?? [heads[head]]);
      for (const [i, wanted] of answers.entries()) {
        const names = Object.keys(said[i].probabilities);
        names.forEach((name, k) => {
          near(said[i].probabilities[name], wanted[k], 1e-6, `${head}, case ${i}, ${name}`);
        });
        if (said[i].labels)
          assert.deepEqual(said[i].labels, names.filter((_, k) => wanted[k] >= 0.5)); // biome-ignore format: one thought
        else assert.equal(said[i].label, names[wanted.indexOf(Math.max(...wanted))]);
      }
    }
  } finally {
    await app.close();
  }
});

test('targets that do not fit are refused by their line', async () => {
  const fault = (targets: object) => {
    write([{ sequence: cases[0].sequence, targets }]);
    return faultOf(['calibrate', repository, 'kinds', file]);
  };
  assert.match(await fault({ signs_sequence: 'dry' }), /line 1: "signs_sequence": a target is an array of labels/);
  assert.match(await fault({ signs_sequence: ['dry', 'wet'] }), /"signs_sequence": "wet" is none of its labels/);
  assert.match(await fault({ signs_step: [['dry']] }), /"signs_step" needs 2 targets, one for each time step/);
  assert.match(await fault({ grade_sequence: 'best' }), /"grade_sequence": "best" is none of its labels/);
  assert.match(await fault({ level_sequence: 1 }), /"level_sequence" is of a kind that is not calibrated/);
});
