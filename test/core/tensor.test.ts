// Plain tensors: zero-filled by type and shape.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { copyBlock, type DType, elementCount, strides, zeros } from '../../src/core/tensor.ts';
import { randomNumbers } from '../../src/proof/samples.ts';
import { between } from '../support/models/models.ts';

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

test('strides are how far neighbours lie apart', () => {
  assert.deepEqual(strides([2, 3, 4]), [12, 4, 1]);
  assert.deepEqual(strides([7]), [1]);
  assert.deepEqual(strides([]), []);
});

/** Every index of a shape, the last axis fastest. */
function indicesOf(dims: readonly number[]): number[][] {
  return dims.reduce<number[][]>(
    (all, size) => all.flatMap(i => Array.from({ length: size }, (_, k) => [...i, k])),
    [[]],
  );
}

const flat = (index: readonly number[], dims: readonly number[]) =>
  index.reduce((offset, i, axis) => offset * dims[axis] + i, 0);

test('a block is copied from anywhere to anywhere, as a formula over single indices does', () => {
  const random = randomNumbers(3);
  for (let round = 0; round < 600; round++) {
    const extent = Array.from({ length: between(random, 0, 4) }, () => between(random, round % 50 === 0 ? 0 : 1, 3));
    const make = () => {
      const at = extent.map(() => between(random, 0, 2));
      const dims = extent.map((size, axis) => size + at[axis] + between(random, 0, 2));
      return { at, dims, count: elementCount(dims), offset: flat(at, dims) };
    };
    const [from, to] = [make(), make()];
    const strings = round % 3 === 0;
    const source = Array.from({ length: from.count }, (_, i) => i + 1);
    const data = strings ? source.map(String) : Float64Array.from(source);
    const target = strings ? new Array<string>(to.count).fill('') : new Float64Array(to.count);
    const expected = Array.from(target as ArrayLike<number | string>);
    for (const index of indicesOf(extent)) {
      const place = (corner: { at: number[]; dims: number[] }) => index.map((i, axis) => i + corner.at[axis]);
      expected[flat(place(to), to.dims)] = data[flat(place(from), from.dims)];
    }
    copyBlock(
      { data, dims: from.dims, offset: from.offset },
      { data: target, dims: to.dims, offset: to.offset },
      extent,
    );
    assert.deepEqual(Array.from(target as ArrayLike<number | string>), expected, JSON.stringify({ from, to, extent }));
  }
});
