// Plain tensors: zero-filled by type and shape.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type DType, elementCount, zeros } from '../../src/core/tensor.ts';

const BYTES: Record<Exclude<DType, 'string'>, number> = {
  float32: 4,
  float64: 8,
  float16: 2,
  int8: 1,
  int16: 2,
  int32: 4,
  int64: 8,
  uint8: 1,
  uint16: 2,
  uint32: 4,
  uint64: 8,
  bool: 1,
};

test('zeros of every type have the shape asked for and the width of the type', () => {
  for (const [dtype, bytes] of Object.entries(BYTES) as [Exclude<DType, 'string'>, number][]) {
    const tensor = zeros(dtype, [2, 3, 5]);
    assert.deepEqual([tensor.dtype, tensor.dims, tensor.data.length], [dtype, [2, 3, 5], 30]);
    assert.ok(!Array.isArray(tensor.data) && tensor.data.BYTES_PER_ELEMENT === bytes, dtype);
    assert.ok(Array.from(tensor.data as ArrayLike<number | bigint>).every(value => Number(value) === 0));
  }
  assert.deepEqual(zeros('string', [1, 2]), { dtype: 'string', dims: [1, 2], data: ['', ''] });
});

test('a scalar holds one element, an empty axis none', () => {
  assert.deepEqual(
    [[], [3], [2, 3], [4, 0, 2]].map(dims => elementCount(dims)),
    [1, 3, 6, 0],
  );
});
