// Answers put right, against closed formulas; and what a manifest may not say.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { head as headSchema } from '../../src/model/manifest-heads.ts';
import { calibrator } from '../../src/sequence/calibrate.ts';
import type { Answer, ClassAnswer } from '../../src/sequence/heads.ts';

const put = (spec: object, answer: Answer) => {
  const act = calibrator(headSchema.parse({ name: 'h', tensor: 'y', ...spec }));
  assert.ok(act);
  return act(answer);
};
const near = (actual: ArrayLike<number>, wanted: readonly number[]) => {
  assert.equal(actual.length, wanted.length);
  wanted.forEach((value, i) => {
    assert.ok(Math.abs(actual[i] - value) < 1e-12, `${actual[i]}, expected ${value}`);
  });
};
function softmaxOf(logits: readonly number[]): number[] {
  const sum = logits.reduce((total, z) => total + Math.exp(z), 0);
  return logits.map(z => Math.exp(z) / sum);
}

describe('calibration', () => {
  it('by temperature is softmax of the logits divided by it', () => {
    const logits = [1.5, -0.25, 3, 0];
    const spec = { kind: 'multiclass', labels: ['a', 'b', 'c', 'd'], calibration: { temperature: 2.5 } };
    const answer = put(spec, { label: 2, probabilities: softmaxOf(logits) }) as ClassAnswer;
    near(answer.probabilities, softmaxOf(logits.map(z => z / 2.5)));
    assert.equal(answer.label, 2);
  });

  it('by temperature leaves 0 and 1 where they are', () => {
    const spec = { kind: 'binary', labels: ['no', 'yes'], calibration: { temperature: 3 } };
    assert.deepEqual(put(spec, { label: 1, probabilities: [0, 1] }), { label: 1, probabilities: [0, 1] });
  });

  it('by a monotone map is straight between corners and flat beyond, and the threshold is asked anew', () => {
    const beyond = {
      kind: 'binary',
      labels: ['no', 'yes'],
      calibration: { isotonic: { x: [0.4, 0.6], y: [0.1, 0.9] } },
    };
    for (const [p, q] of [
      [0, 0.1],
      [0.4, 0.1],
      [0.45, 0.3],
      [0.55, 0.7],
      [0.6, 0.9],
      [1, 0.9],
    ]) {
      const answer = put(beyond, { label: p >= 0.5 ? 1 : 0, probabilities: [1 - p, p] }) as ClassAnswer;
      near(answer.probabilities, [1 - q, q]);
      assert.equal(answer.label, q >= 0.5 ? 1 : 0);
    }
  });

  it('by a margin widens an interval, or the value; a negative one never turns it over', () => {
    const interval = { lower: 'l', upper: 'u' };
    const of = (margin: number) => ({ kind: 'regression', interval, conformal: { margin, coverage: 0.9 } });
    assert.deepEqual(put(of(0.5), { value: 2, lower: 1, upper: 4 }), { value: 2, lower: 0.5, upper: 4.5 });
    assert.deepEqual(put(of(-2), { value: 2, lower: 1, upper: 4 }), { value: 2, lower: 2.5, upper: 2.5 });
    const bare = { kind: 'regression', conformal: { margin: 3, coverage: 0.9 } };
    assert.deepEqual(put(bare, { value: 2 }), { value: 2, lower: -1, upper: 5 });
  });

  it('is refused where it could not be meant', () => {
    const binary = { name: 'h', tensor: 'y', kind: 'binary', labels: ['no', 'yes'] };
    for (const calibration of [
      { temperature: 0 },
      { temperature: 1, isotonic: { x: [0], y: [0] } },
      { isotonic: { x: [0, 1], y: [0] } },
      { isotonic: { x: [0, 0], y: [0, 1] } },
      { isotonic: { x: [0, 1], y: [1, 0] } },
      { isotonic: { x: [0, 1], y: [0, 2] } },
    ]) {
      assert.equal(headSchema.safeParse({ ...binary, calibration }).success, false, JSON.stringify(calibration));
    }
    const value = { name: 'h', tensor: 'y', kind: 'regression', conformal: { margin: -1, coverage: 0.9 } };
    assert.equal(headSchema.safeParse(value).success, false);
    assert.equal(headSchema.safeParse({ ...value, interval: { lower: 'l', upper: 'u' } }).success, true);
  });
});
