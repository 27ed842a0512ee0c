// Tensors that callers send as they are, held against what the manifest says of values; padding may hold anything.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toFloat16 } from '../../src/core/float16.ts';
import type { DType, TensorData } from '../../src/core/tensor.ts';
import { manifestSchema } from '../../src/model/manifest.ts';
import { type Feed, inputAxes, type Signature, type SignatureInput } from '../../src/model/signature.ts';
import { checkRanges, withinBounds } from '../../src/sequence/ranges.ts';
import type { Sequence } from '../../src/sequence/sequence.ts';

/** A model of one input `x`, whose steps the second feed tells if a role is given. */
function signatureOf(input: Record<string, unknown>, dtype: DType, role?: 'lengths' | 'mask'): Signature {
  const [spec] = manifestSchema.parse({
    formatVersion: 1,
    graph: { file: 'model.onnx' },
    inputs: [{ name: 'x', tensor: 'x', ...input }],
    heads: [{ name: 'y', tensor: 'y', kind: 'regression' }],
  }).inputs;
  const axes = inputAxes(spec);
  const tensor = { name: 'x', dtype, dims: ['batch', 'time'] };
  const feeds: Feed[] = [{ tensor, axes, role: 'data' }];
  if (role) feeds.push({ tensor: { ...tensor, name: role }, axes, role, of: 0 });
  const inputs: SignatureInput[] = [{ spec, feed: 0, tensor, axes, width: 1, padding: role ?? 'none' }];
  return {
    feeds,
    inputs,
    heads: [],
    state: [],
    controls: [],
    outputs: new Map(),
    fetches: [],
    fetchesWithState: [],
    others: new Set(),
    padding: 'none',
  };
}

const rowOf = (data: TensorData, length: number, told?: TensorData): Sequence => {
  const part = { dims: [length], length, data };
  const parts = told ? [part, { dims: [told.length], length: 1, data: told }] : [part];
  return { parts, length, longest: length, batchKey: '' };
};

const NUMERIC = {
  kind: 'numeric',
  features: [
    { name: 'city', categories: ['a', 'b', 'c'] },
    { name: 'count', integer: true, minimum: 0 },
    { name: 'share', minimum: 0.1, maximum: 0.9 },
    { name: 'free' },
  ],
};

test('categories, whole numbers and ranges hold, with the row, the step and the feature of what does not', () => {
  const signature = signatureOf(NUMERIC, 'float32');
  const good = Float32Array.of(2, 5, 0.1, -1e30);
  checkRanges(signature, [rowOf(good, 1), rowOf(Float32Array.of(...good, 0, 0, 0.9, 0), 2)]);
  for (const [feature, value, words] of [
    [0, 3, 'a whole number from 0 to 2 (city)'],
    [0, -1, 'a whole number from 0 to 2 (city)'],
    [0, 0.5, 'a whole number from 0 to 2 (city)'],
    [1, 1.5, 'a whole number of at least 0 (count)'],
    [1, -1, 'a whole number of at least 0 (count)'],
    [2, 0.95, 'a number from 0.1 to 0.9 (share)'],
  ] as const) {
    const bad = Float32Array.of(...good, ...good.with(feature, value));
    const message = `input "x" value [1, 1, ${feature}] is ${Math.fround(value)}, expected ${words}`;
    assert.throws(() => checkRanges(signature, [rowOf(good, 1), rowOf(bad, 2)]), { code: 'INVALID_REQUEST', message });
  }
});

test('float16 and float64 are read as what they are', () => {
  for (const [dtype, array] of [
    ['float16', (...values: number[]) => Uint16Array.from(values, toFloat16)],
    ['float64', (...values: number[]) => Float64Array.of(...values)],
  ] as const) {
    const signature = signatureOf(NUMERIC, dtype);
    checkRanges(signature, [rowOf(array(2, 5, 0.5, 7), 1)]);
    assert.throws(() => checkRanges(signature, [rowOf(array(7, 5, 0.5, 7), 1)]), /\[0, 0, 0\] is 7, expected/);
  }
});

test('ids outside the vocabulary are refused, the negative ones that some graphs count from the end too', () => {
  for (const [dtype, array] of [
    ['int64', (...ids: number[]) => BigInt64Array.from(ids, BigInt)],
    ['int32', (...ids: number[]) => Int32Array.of(...ids)],
    ['float32', (...ids: number[]) => Float32Array.of(...ids)],
  ] as const) {
    const signature = signatureOf({ kind: 'index', size: 5 }, dtype);
    checkRanges(signature, [rowOf(array(0, 4), 2)]);
    assert.ok(withinBounds(signature, { x: { dtype, dims: [1, 2], data: array(0, 4) } }));
    for (const id of [5, -1, -5, dtype === 'float32' ? 1.5 : 2 ** 31 - 1]) {
      assert.ok(!withinBounds(signature, { x: { dtype, dims: [1, 2], data: array(0, id) } }));
      const message = `input "x" value [0, 1] is ${id}, expected a whole number from 0 to 4`;
      assert.throws(() => checkRanges(signature, [rowOf(array(0, id), 2)]), { message });
    }
  }
});

test('what lengths or a mask call padding may hold anything', () => {
  const ids = BigInt64Array.of(1n, 99n, 2n);
  const index = { kind: 'index', size: 5 };
  const lengths = signatureOf({ ...index, lengths: 'lengths' }, 'int64', 'lengths');
  checkRanges(lengths, [rowOf(ids, 3, BigInt64Array.of(1n))]);
  assert.throws(() => checkRanges(lengths, [rowOf(ids, 3, BigInt64Array.of(2n))]), /\[0, 1\] is 99/);
  const mask = signatureOf({ ...index, mask: 'mask' }, 'int64', 'mask');
  checkRanges(mask, [rowOf(ids, 3, Uint8Array.of(1, 0, 1))]);
  assert.throws(() => checkRanges(mask, [rowOf(ids, 3, Uint8Array.of(1, 1, 1))]), /\[0, 1\] is 99/);
});

test('a side input is one of the values that the manifest names', () => {
  const side = { name: 'x', tensor: 'x', kind: 'side', values: [8000, 16000] } as const;
  const [spec] = manifestSchema.parse({
    formatVersion: 1,
    graph: { file: 'model.onnx' },
    inputs: [side, { name: 't', tensor: 't', kind: 'token' }],
    heads: [{ name: 'y', tensor: 'y', kind: 'regression' }],
  }).inputs;
  const signature = signatureOf({ kind: 'token' }, 'int64');
  const inputs = [{ ...signature.inputs[0], spec }];
  checkRanges({ ...signature, inputs }, [rowOf(BigInt64Array.of(16000n), 1)]);
  assert.throws(() => checkRanges({ ...signature, inputs }, [rowOf(BigInt64Array.of(7n), 1)]), {
    message: 'input "x" is 7, expected one of 8000,16000',
  });
});
