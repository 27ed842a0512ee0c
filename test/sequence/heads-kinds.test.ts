// Heads beyond the common ones: ordered labels, scaled values, other float types and axes, and raw tensors of every type.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toFloat16 } from '../../src/core/float16.ts';
import type { DType, Tensor } from '../../src/core/tensor.ts';
import { headAxes, headWidth, type SignatureHead } from '../../src/model/signature.ts';
import { randomNumbers } from '../../src/proof/samples.ts';
import type { Row } from '../../src/sequence/collate.ts';
import { type Answer, type ClassAnswer, headDecoder, type TensorAnswer } from '../../src/sequence/heads.ts';
import { manifestOf } from '../support/models/models.ts';
import { sequenceOf } from '../support/models/numbered.ts';

function headOf(spec: object): SignatureHead {
  const inputs = [{ name: 'x', tensor: 'x', kind: 'token' }];
  const [head] = manifestOf({ inputs, heads: [{ name: 'head', tensor: 'y', ...spec }] }).heads;
  return { spec: head, axes: headAxes(head), width: headWidth(head), follows: 0 };
}

/** A row of a batch for each length. */
function rowsOf(outputs: Record<string, Tensor>, lengths: readonly number[]): Row[] {
  return lengths.map((length, index) => ({
    outputs,
    index,
    batchSize: lengths.length,
    sequence: sequenceOf(length, 0),
  }));
}

const floats = (dims: number[], ...values: number[]): Tensor => ({
  dtype: 'float32',
  dims,
  data: Float32Array.from(values),
});
const LABELS = ['low', 'middle', 'high', 'extreme'];

test('ordinal: the differences of P(beyond a label), made to fall first; they sum to one', () => {
  const decode = headDecoder(headOf({ kind: 'ordinal', labels: LABELS }));
  const cases: [number[], number[], number][] = [
    [[0.9, 0.5, 0.25], [0.1, 0.4, 0.25, 0.25], 1],
    [[0, 0, 0], [1, 0, 0, 0], 0],
    [[1, 1, 1], [0, 0, 0, 1], 3],
    [[0.5, 0.75, 0.25], [0.5, 0, 0.25, 0.25], 0], // 0.75 after 0.5 counts as 0.5: no label gets less than nothing
  ];
  for (const [beyond, probabilities, label] of cases) {
    const [row] = rowsOf({ y: floats([1, 3], ...beyond) }, [1]);
    const answer = decode(row) as ClassAnswer;
    assert.equal(answer.label, label, beyond.join());
    Array.from(answer.probabilities).forEach((p, i) => {
      assert.ok(Math.abs(p - probabilities[i]) < 1e-6, `${beyond}: ${p} for ${LABELS[i]}`);
    });
  }
  const random = randomNumbers(1);
  const fromLogits = headDecoder(headOf({ kind: 'ordinal', labels: LABELS, activation: 'logits' }));
  for (let i = 0; i < 200; i++) {
    const logits = [0, 1, 2].map(() => 20 * random() - 10);
    const [row] = rowsOf({ y: floats([1, 3], ...logits) }, [1]);
    const { label, probabilities } = fromLogits(row) as ClassAnswer;
    const p = Array.from(probabilities);
    assert.ok(p.every(value => value >= 0 && value <= 1));
    assert.ok(Math.abs(p.reduce((a, b) => a + b) - 1) < 1e-12);
    assert.equal(p[label], Math.max(...p));
    assert.ok(Math.abs(1 - p[0] - 1 / (1 + Math.exp(-Math.fround(logits[0])))) < 1e-12);
  }
});

test('regression: scale and offset, in float64; a negative scale swaps the bounds', () => {
  const outputs = { y: floats([2], 1, -2), low: floats([2], 0.5, -3), high: floats([2], 2, -1) };
  const answersOf = (spec: object) => {
    const decode = headDecoder(headOf({ kind: 'regression', ...spec }));
    return rowsOf(outputs, [1, 1]).map(row => decode(row));
  };
  const interval = { lower: 'low', upper: 'high' };
  assert.deepEqual(answersOf({ scale: 10, offset: 5 }), [
    { value: 15, double: true },
    { value: -15, double: true },
  ]);
  assert.deepEqual(answersOf({ scale: 10, offset: 5, interval }), [
    { value: 15, lower: 10, upper: 25, double: true },
    { value: -15, lower: -25, upper: -5, double: true },
  ]);
  const turned = answersOf({ scale: -10, offset: 5, interval }) as { value: number; lower: number; upper: number }[];
  assert.deepEqual(turned, [
    { value: -5, lower: -15, upper: 0, double: true },
    { value: 25, lower: 15, upper: 35, double: true },
  ]);
  for (const { value, lower, upper } of turned) assert.ok(lower <= value && value <= upper);
  const [{ value }] = answersOf({ scale: 0.1 }) as { value: number }[];
  assert.equal(value, 0.1, 'not rounded to float32');
});

test('time-major heads and heads whose batch is not first are read along their own axes', () => {
  // Each value says where it stands: 100 x row + 10 x step + class, as a part of 1024, which float32 holds exactly.
  const at = (row: number, step: number, label: number) => (100 * row + 10 * step + label) / 1024;
  const lengths = [3, 1];
  const labels = ['a', 'b'];
  const orders: [object, number[], (i: number, j: number, k: number) => number][] = [
    [{ batchAxis: 1, timeAxis: 0 }, [3, 2, 2], (t, b, c) => at(b, t, c)],
    [{ batchAxis: 0, timeAxis: 1 }, [2, 3, 2], (b, t, c) => at(b, t, c)],
  ];
  for (const [axes, dims, value] of orders) {
    const data: number[] = [];
    for (let i = 0; i < dims[0]; i++)
      for (let j = 0; j < dims[1]; j++) for (let k = 0; k < dims[2]; k++) data.push(value(i, j, k));
    const y = floats(dims, ...data);
    const decode = headDecoder(headOf({ kind: 'multiclass', labels, per: 'step', ...axes }));
    rowsOf({ y }, lengths).forEach((row, b) => {
      const answers = decode(row) as readonly ClassAnswer[];
      const probabilities = answers.map(answer => Array.from(answer.probabilities));
      assert.deepEqual(
        probabilities,
        Array.from({ length: lengths[b] }, (_, t) => [at(b, t, 0), at(b, t, 1)]),
      );
    });
    const raw = headDecoder(headOf({ kind: 'tensor', per: 'step', ...axes }));
    const [, second] = rowsOf({ y }, lengths);
    assert.deepEqual(raw(second), { dtype: 'float32', dims: [1, 2], values: [at(1, 0, 0), at(1, 0, 1)] });
  }
  const last = headDecoder(headOf({ kind: 'regression', batchAxis: 1 }));
  assert.deepEqual(
    rowsOf({ y: floats([1, 2], 7, 8) }, [4, 4]).map(row => last(row)),
    [{ value: 7 }, { value: 8 }],
  );
});

test('float16 and float64 outputs are decoded like float32, without a loss', () => {
  const values = [0.25, 0.5, 0.125, 0.125];
  const types: Tensor[] = [
    { dtype: 'float16', dims: [1, 4], data: Uint16Array.from(values, toFloat16) },
    { dtype: 'float64', dims: [1, 4], data: Float64Array.from(values) },
    floats([1, 4], ...values),
  ];
  for (const y of types) {
    const decode = headDecoder(headOf({ kind: 'multiclass', labels: LABELS }));
    const { label, probabilities } = decode(rowsOf({ y }, [1])[0]) as ClassAnswer;
    assert.deepEqual([label, ...Array.from(probabilities)], [1, ...values], y.dtype);
  }
  const double: Tensor = { dtype: 'float64', dims: [1], data: Float64Array.of(0.1) };
  assert.deepEqual(headDecoder(headOf({ kind: 'regression' }))(rowsOf({ y: double }, [1])[0]), {
    value: 0.1,
    double: true,
  });
  for (const bits of [0x7c00, 0xfc00, 0x7e00]) {
    const y: Tensor = { dtype: 'float16', dims: [1], data: Uint16Array.of(bits) };
    for (const kind of ['regression', 'tensor']) {
      const decode = headDecoder(headOf({ kind, nonFinite: 'error' }));
      assert.throws(() => decode(rowsOf({ y }, [1])[0]), { code: 'INFERENCE_FAILED' });
    }
  }
});

test('a raw head gives the row of any type in its own shape', () => {
  const rows: [DType, Tensor['data'], TensorAnswer['values']][] = [
    ['int64', BigInt64Array.of(1n, 2n, -(2n ** 62n), 4n), [-(2n ** 62n), 4n]],
    ['int32', Int32Array.of(1, 2, -3, 4), [-3, 4]],
    ['uint8', Uint8Array.of(1, 2, 255, 4), [255, 4]],
    ['bool', Uint8Array.of(0, 0, 1, 0), [true, false]],
    ['string', ['a', 'b', '', '東'], ['', '東']],
    ['float64', Float64Array.of(1, 2, 0.1, 4), [0.1, 4]],
    ['float16', Uint16Array.of(0, 0, 0x3c00, 0xc000), [1, -2]],
  ];
  for (const [dtype, data, values] of rows) {
    const decode = headDecoder(headOf({ kind: 'tensor' }));
    const y = { dtype, dims: [2, 2], data };
    assert.deepEqual(decode(rowsOf({ y }, [9, 9])[1]), { dtype, dims: [2], values }, dtype);
  }
  const whole = headDecoder(headOf({ kind: 'tensor', batchAxis: null }));
  assert.deepEqual(whole(rowsOf({ y: floats([2, 2], 1, 2, 3, 4) }, [9])[0]), {
    dtype: 'float32',
    dims: [2, 2],
    values: [1, 2, 3, 4],
  });
});

test('a head per step follows the input it names, not the first one', () => {
  const head = { ...headOf({ kind: 'regression', per: 'step' }), follows: 1 };
  const sequence = { ...sequenceOf(5, 0) };
  const parts = [sequence.parts[0], { length: 2, dims: [2, 1], data: new Float32Array(2) }];
  const row: Row = {
    outputs: { y: floats([1, 5], 1, 2, 3, 4, 5) },
    index: 0,
    batchSize: 1,
    sequence: { ...sequence, parts },
  };
  assert.deepEqual(headDecoder(head)(row) as Answer[], [{ value: 1 }, { value: 2 }]);
});

test('regression: what a float64 graph or the scale gives keeps its digits, and beyond the largest double there is no answer', () => {
  const float64 = (value: number): Tensor => ({ dtype: 'float64', dims: [1], data: Float64Array.of(value) });
  const answer = (y: Tensor, spec: object = {}) =>
    headDecoder(headOf({ kind: 'regression', nonFinite: 'error', ...spec }))(rowsOf({ y }, [1])[0]);
  assert.deepEqual(answer(float64(123456789.123)), { value: 123456789.123, double: true });
  assert.deepEqual(answer(floats([1], 1.5), { offset: 1.7e9 }), { value: 1700000001.5, double: true });
  const interval = { lower: 'y', upper: 'y' };
  for (const [y, spec] of [
    [float64(1e308), { scale: 10 }],
    [float64(-1e308), { scale: 1e10, offset: -1 }],
    [floats([1], 3e38), { scale: 1e300, interval }],
  ] as const) {
    assert.throws(() => answer(y, spec), { code: 'INFERENCE_FAILED' });
  }
});

test('what lies outside 0 to 1 is no probability; what rounding put there is 0 or 1 again', () => {
  const kinds = [
    { kind: 'binary', labels: ['no', 'yes'] },
    { kind: 'multiclass', labels: ['a', 'b'] },
    { kind: 'multilabel', labels: ['a', 'b'] },
    { kind: 'ordinal', labels: ['a', 'b', 'c'] },
  ];
  for (const spec of kinds) {
    const decode = headDecoder(headOf(spec));
    const width = spec.kind === 'binary' ? 1 : 2;
    for (const bad of [7.25, -6.25, 1.01, -0.01]) {
      const [row] = rowsOf({ y: floats([1, width], ...[bad, 0.5].slice(0, width)) }, [1]);
      assert.throws(() => decode(row), { code: 'INFERENCE_FAILED' }, `${spec.kind} ${bad}`);
    }
    for (const near of [1 + 2 ** -20, -(2 ** -20)]) {
      const [row] = rowsOf({ y: floats([1, width], ...[near, 0.5].slice(0, width)) }, [1]);
      const { probabilities } = decode(row) as ClassAnswer;
      for (const p of Array.from(probabilities)) assert.ok(p >= 0 && p <= 1, `${spec.kind} ${near}: ${p}`);
    }
  }
});
