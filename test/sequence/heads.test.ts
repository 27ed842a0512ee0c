// Head rows to answers, against the formulas in float64: sigmoid, softmax, thresholds, labels, steps and intervals.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServiceError } from '../../src/core/errors.ts';
import type { Tensors } from '../../src/core/tensor.ts';
import { manifestSchema } from '../../src/model/manifest.ts';
import { headAxes, headWidth, type SignatureHead } from '../../src/model/signature.ts';
import { randomNumbers } from '../../src/proof/samples.ts';
import type { Row } from '../../src/sequence/collate.ts';
import { type Answer, type ClassAnswer, headDecoder, type MultilabelAnswer } from '../../src/sequence/heads.ts';
import { sequenceOf } from '../support/models/numbered.ts';

function headOf(spec: Record<string, unknown>): SignatureHead {
  const manifest = manifestSchema.parse({
    formatVersion: 1,
    graph: { file: 'model.onnx' },
    inputs: [{ name: 'x', tensor: 'x', kind: 'token' }],
    heads: [{ name: 'head', tensor: 'y', ...spec }],
  });
  const [head] = manifest.heads;
  return { spec: head, axes: headAxes(head), width: headWidth(head), follows: 0 };
}

/** A batch of `lengths.length` rows over one flat output, padded to the longest. */
function rowsOf(outputs: Record<string, ArrayLike<number>>, lengths: readonly number[]): Row[] {
  const tensors: Tensors = {};
  for (const [name, values] of Object.entries(outputs)) {
    const data = Float32Array.from(values);
    tensors[name] = { dtype: 'float32', dims: [lengths.length, data.length / lengths.length], data };
  }
  return lengths.map((length, index) => {
    return { outputs: tensors, index, batchSize: lengths.length, sequence: sequenceOf(length, 0) };
  });
}

function near(actual: ArrayLike<number>, expected: ArrayLike<number>): void {
  assert.equal(actual.length, expected.length);
  for (let i = 0; i < expected.length; i++) {
    assert.ok(Math.abs(actual[i] - expected[i]) <= 1e-12, `${actual[i]} at ${i}, expected ${expected[i]}`);
  }
}

const LABELS = ['a', 'b', 'c', 'd'];
const random = randomNumbers(5);
const noise = (count: number, scale: number) => Float32Array.from({ length: count }, () => (random() - 0.5) * scale);

test('binary: the sigmoid of a logit, or the probability as the graph gave it; the threshold belongs to the second label', () => {
  const logits = [...noise(50, 20), 0, 100, -100, 800, -800];
  const lengths = logits.map(() => 1);
  const decode = headDecoder(headOf({ kind: 'binary', labels: ['no', 'yes'], threshold: 0.3, activation: 'logits' }));
  rowsOf({ y: logits }, lengths).forEach((row, i) => {
    const p = 1 / (1 + Math.exp(-Math.fround(logits[i])));
    const { label, probabilities } = decode(row) as ClassAnswer;
    near(probabilities, [1 - p, p]);
    assert.equal(label, p >= 0.3 ? 1 : 0);
  });
  const asGiven = headDecoder(headOf({ kind: 'binary', labels: ['no', 'yes'], threshold: 0.5 }));
  const answers = rowsOf({ y: [0.25, 0.5, 0.75] }, [1, 1, 1]).map(row => asGiven(row));
  assert.deepEqual(answers, [
    { label: 0, probabilities: [0.75, 0.25] },
    { label: 1, probabilities: [0.5, 0.5] },
    { label: 1, probabilities: [0.25, 0.75] },
  ]);
});

test('multiclass: the softmax of the logits in float64, which never overflows', () => {
  const decode = headDecoder(headOf({ kind: 'multiclass', labels: LABELS, activation: 'logits' }));
  for (const scale of [0.01, 1, 10, 100, 2000]) {
    const logits = noise(40, scale);
    rowsOf({ y: logits }, Array(10).fill(1)).forEach((row, i) => {
      const own = [...logits.subarray(i * 4, i * 4 + 4)];
      const powers = own.map(logit => Math.exp(logit - Math.max(...own)));
      const sum = powers.reduce((a, b) => a + b);
      const { label, probabilities } = decode(row) as ClassAnswer;
      near(
        probabilities,
        powers.map(power => power / sum),
      );
      assert.equal(own[label], Math.max(...own));
      assert.ok(Math.abs([...Array.from(probabilities)].reduce((a, b) => a + b) - 1) < 1e-12);
    });
  }
});

test("multiclass without logits: the graph's own probabilities, unchanged; of equal ones the first wins", () => {
  const decode = headDecoder(headOf({ kind: 'multiclass', labels: LABELS }));
  const [first, second] = rowsOf({ y: [0.1, 0.2, 0.6, 0.1, 0.25, 0.25, 0.25, 0.25] }, [1, 1]).map(
    row => decode(row) as ClassAnswer,
  );
  assert.deepEqual([...Array.from(first.probabilities)], [0.1, 0.2, 0.6, 0.1].map(Math.fround));
  assert.deepEqual([first.label, second.label], [2, 0]);
});

test('multilabel: each label on its own, at or above the threshold', () => {
  const decode = headDecoder(headOf({ kind: 'multilabel', labels: LABELS, threshold: 0.5 }));
  const [row] = rowsOf({ y: [0.5, 0.49, 1, 0] }, [1]);
  assert.deepEqual((decode(row) as MultilabelAnswer).labels, [0, 2]);
  const fromLogits = headDecoder(headOf({ kind: 'multilabel', labels: LABELS, threshold: 0.9, activation: 'logits' }));
  const logits = noise(40, 12);
  rowsOf({ y: logits }, Array(10).fill(1)).forEach((own, i) => {
    const expected = [...logits.subarray(i * 4, i * 4 + 4)].map(logit => 1 / (1 + Math.exp(-logit)));
    const { labels, probabilities } = fromLogits(own) as MultilabelAnswer;
    near(probabilities, expected);
    assert.deepEqual(
      labels,
      [0, 1, 2, 3].filter(k => expected[k] >= 0.9),
    );
  });
});

test('regression: the value, with its bounds where the head names them', () => {
  const value = headDecoder(headOf({ kind: 'regression' }));
  assert.deepEqual(
    rowsOf({ y: [1.5, -2] }, [1, 1]).map(row => value(row)),
    [{ value: 1.5 }, { value: -2 }],
  );
  const bounded = headDecoder(headOf({ kind: 'regression', interval: { lower: 'low', upper: 'high' } }));
  assert.deepEqual(
    rowsOf({ y: [1, 2], low: [0.5, 1.5], high: [3, 4] }, [1, 1]).map(row => bounded(row)),
    [
      { value: 1, lower: 0.5, upper: 3 },
      { value: 2, lower: 1.5, upper: 4 },
    ],
  );
});

test('a head per step answers exactly as many steps as the sequence has, of every kind', () => {
  const lengths = [3, 1, 5];
  const longest = 5;
  const specs = [
    { kind: 'binary', labels: ['no', 'yes'] },
    { kind: 'multiclass', labels: LABELS },
    { kind: 'multilabel', labels: LABELS },
    { kind: 'regression', interval: { lower: 'y', upper: 'y' } },
  ];
  for (const spec of specs) {
    const width = spec.labels?.length === 4 ? 4 : 1;
    const head = headOf({ ...spec, per: 'step' });
    // Each value says where it stands: row, step and class; the padding would say so too.
    const data = Float32Array.from({ length: 3 * longest * width }, (_, i) => i / 1024);
    const rows = rowsOf({ y: data }, lengths);
    rows.forEach((row, b) => {
      const answers = headDecoder(head)(row) as readonly Answer[];
      assert.equal(answers.length, lengths[b]);
      answers.forEach((answer, t) => {
        const start = (b * longest + t) * width;
        const own = [...data.subarray(start, start + width)];
        if ('value' in answer) assert.deepEqual(answer, { value: own[0], lower: own[0], upper: own[0] });
        else near(answer.probabilities, width === 1 ? [1 - own[0], own[0]] : own);
      });
    });
  }
});

test('a row of a large batch is read at its own place', () => {
  const data = noise(64 * 4, 1).map(Math.abs);
  const decode = headDecoder(headOf({ kind: 'multiclass', labels: LABELS }));
  rowsOf({ y: data }, Array(64).fill(1)).forEach((row, b) => {
    near((decode(row) as ClassAnswer).probabilities, data.subarray(b * 4, b * 4 + 4));
  });
});

test('what is not a finite number, or is missing, is no answer; the padding does not matter', () => {
  const failed = (spec: Record<string, unknown>, outputs: Record<string, number[]>, lengths: number[], b: number) => {
    const [row] = rowsOf(outputs, lengths).slice(b);
    assert.throws(
      () => headDecoder(headOf(spec))(row),
      (error: unknown) => {
        assert.ok(error instanceof ServiceError && error.code === 'INFERENCE_FAILED');
        assert.equal(error.message, 'the model gave an answer that is not a finite number');
        assert.match(
          (error.cause as Error).message,
          /^output "(y|low)" row \d value \d is ((NaN|-?Infinity); the manifest may say "nonFinite": "null" of the head|missing)$/,
        );
        return true;
      },
    );
  };
  const error = { nonFinite: 'error' };
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
    failed({ kind: 'binary', labels: ['no', 'yes'] }, { y: [0, bad] }, [1, 1], 1);
    failed({ kind: 'multiclass', labels: LABELS }, { y: [1, 2, bad, 4] }, [1], 0);
    failed({ kind: 'multilabel', labels: LABELS }, { y: [1, 2, 3, bad] }, [1], 0);
    failed({ kind: 'regression', ...error }, { y: [bad] }, [1], 0);
    const interval = { lower: 'low', upper: 'y' };
    failed({ kind: 'regression', interval, ...error }, { y: [1], low: [bad] }, [1], 0);
    failed({ kind: 'regression', per: 'step', ...error }, { y: [1, 2, bad, 4] }, [1, 1, 1, 1], 2);
    failed({ kind: 'tensor', ...error }, { y: [1, bad] }, [1, 1], 1);
    const padded = headDecoder(headOf({ kind: 'regression', per: 'step', ...error }))(
      rowsOf({ y: [1, 2, bad] }, [2])[0],
    );
    assert.deepEqual(padded, [{ value: 1 }, { value: 2 }]);
  }
  for (const kind of ['binary', 'multiclass', 'multilabel']) {
    const labels = kind === 'binary' ? ['no', 'yes'] : LABELS;
    failed({ kind, labels, activation: 'logits' }, { y: [Number.NaN, 1, 2, 3].slice(0, labels.length) }, [1], 0);
  }
  failed({ kind: 'multiclass', labels: LABELS }, { y: [1, 2] }, [1], 0);
  failed({ kind: 'regression', per: 'step' }, { y: [1, 2, 3, 4] }, [2, 3], 1);
});

test('an infinite logit is a probability of 0 or 1; no softmax goes over only such ones, or over one without bound', () => {
  const [no, yes] = [-Infinity, Infinity];
  const decode = (spec: Record<string, unknown>, y: number[]) =>
    headDecoder(headOf({ activation: 'logits', nonFinite: 'null', ...spec }))(rowsOf({ y }, [1])[0]);
  const binary = { kind: 'binary', labels: ['no', 'yes'] };
  assert.deepEqual(decode(binary, [yes]), { label: 1, probabilities: [0, 1] });
  assert.deepEqual(decode(binary, [no]), { label: 0, probabilities: [1, 0] });
  const masked = decode({ kind: 'multiclass', labels: LABELS }, [0, no, Math.log(3), no]) as ClassAnswer;
  const ratio = Math.exp(Math.fround(Math.log(3)));
  near(masked.probabilities, [1 / (1 + ratio), 0, ratio / (1 + ratio), 0]);
  assert.equal(masked.label, 2);
  const many = decode({ kind: 'multilabel', labels: LABELS }, [yes, no, 0, no]) as MultilabelAnswer;
  assert.deepEqual(
    [many.labels, [...(many.probabilities as Float64Array)]],
    [
      [0, 2],
      [1, 0, 0.5, 0],
    ],
  );
  assert.equal(decode({ kind: 'multiclass', labels: LABELS }, [no, no, no, no]), null);
  assert.equal(decode({ kind: 'multiclass', labels: LABELS }, [0, yes, 0, 0]), null);
});

test('where the manifest lets it, what is no number is nothing, by itself, and is told', () => {
  const told: string[] = [];
  const decode = (spec: Record<string, unknown>, outputs: Record<string, number[]>, length = 1) =>
    headDecoder(headOf(spec), output => told.push(output))(rowsOf(outputs, [length])[0]);
  const probabilities = { kind: 'multiclass', labels: LABELS, per: 'step', nonFinite: 'null' };
  const steps = decode(
    probabilities,
    { y: [1, 0, 0, 0, 0, Number.NaN, 0, 0, 0, 0, 0, 1] },
    3,
  ) as (ClassAnswer | null)[];
  assert.deepEqual(
    steps.map(step => step?.label),
    [0, undefined, 3],
  );
  assert.deepEqual(told, ['y']);
  const interval = { lower: 'low', upper: 'high' };
  const open = decode({ kind: 'regression', interval }, { y: [2], low: [1], high: [Infinity] });
  assert.deepEqual(open, { value: 2, lower: 1, upper: Infinity });
  decode({ kind: 'tensor' }, { y: [-Infinity] });
  assert.deepEqual(told, ['y', 'y', 'y']);
  const spans = { kind: 'sequence-labels', labels: ['O', 'B-x', 'I-x'], nonFinite: 'null' };
  assert.equal(decode(spans, { y: [0, Number.NaN, 0] }), null);
  assert.equal(decode(spans, { y: [-Infinity, -Infinity, 9] }), null, 'no path is left');
  assert.ok(decode(spans, { y: [-Infinity, 1, 9] }), 'a label that cannot be leaves the others');
});
