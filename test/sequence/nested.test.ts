// Nested arrays and flat data: there and back for every type and shape, and every fault by its place.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FLOAT16_MAX } from '../../src/core/float16.ts';
import type { DType } from '../../src/core/tensor.ts';
import { randomNumbers } from '../../src/proof/samples.ts';
import { FLOAT32_MAX } from '../../src/sequence/faults.ts';
import { nest, parseNested, plainValues } from '../../src/sequence/nested.ts';
import { between } from '../support/models/models.ts';
import { faultOf } from '../support/models/refusal.ts';

/** The least and the greatest value of every type, and values beyond that are refused. */
const LIMITS: Record<Exclude<DType, 'string'>, { good: unknown[]; bad: unknown[] }> = {
  float32: {
    good: [FLOAT32_MAX, -FLOAT32_MAX, 0, -0, 1e-45],
    bad: [3.5e38, -3.5e38, FLOAT32_MAX * (1 + 2 ** -52), Infinity],
  },
  float64: { good: [Number.MAX_VALUE, -Number.MAX_VALUE, 5e-324], bad: [Infinity, -Infinity, Number.NaN] },
  float16: { good: [FLOAT16_MAX, -FLOAT16_MAX, 2 ** -24], bad: [FLOAT16_MAX + 1, -65505] },
  int8: { good: [-128, 127], bad: [-129, 128, 0.5] },
  int16: { good: [-32768, 32767], bad: [-32769, 32768, 1.5] },
  int32: { good: [-2147483648, 2147483647], bad: [-2147483649, 2147483648, 1e-9] },
  int64: { good: [-9007199254740991, 9007199254740991], bad: [9007199254740992, -9007199254740992, 0.5] },
  uint8: { good: [0, 255], bad: [-1, 256, 2.5] },
  uint16: { good: [0, 65535], bad: [-1, 65536] },
  uint32: { good: [0, 4294967295], bad: [-1, 4294967296] },
  uint64: { good: [0, 9007199254740991], bad: [-1, 9007199254740992] },
  bool: { good: [true, false], bad: [1, 0, 'true'] },
};

test('the limits of every type are accepted and what lies beyond is refused', () => {
  for (const [dtype, { good, bad }] of Object.entries(LIMITS) as [DType, { good: unknown[]; bad: unknown[] }][]) {
    const { dims, data } = parseNested(good, [], { dtype, dims: [null] });
    assert.deepEqual(dims, [good.length]);
    const back = plainValues(dtype, data).map(value => (typeof value === 'bigint' ? Number(value) : value));
    assert.deepEqual(
      back,
      good.map(value => (dtype === 'float32' ? Math.fround(value as number) : value)),
      dtype,
    );
    for (const value of [...bad, null, undefined, '1', [1], {}]) {
      const { message, pointer } = faultOf(() => parseNested([good[0], value], ['a'], { dtype, dims: [null] }));
      assert.match(message, /^a\[1\] is .+, expected (a |true or false)/, `${dtype} ${value}`);
      assert.equal(pointer, '/a/1');
    }
  }
  assert.deepEqual(parseNested(['', '東京'], [], { dtype: 'string', dims: [2] }).data, ['', '東京']);
  assert.equal(
    faultOf(() => parseNested([1], ['a'], { dtype: 'string', dims: [1] })).message,
    'a[0] is 1, expected a string',
  );
});

test('nest undoes parse for random shapes, and a row without dimensions is one value', () => {
  const random = randomNumbers(1);
  for (let round = 0; round < 500; round++) {
    const dims = Array.from({ length: between(random, 0, 5) }, () => between(random, 1, 4));
    const value = (axis: number): unknown =>
      axis === dims.length ? between(random, -99, 99) : Array.from({ length: dims[axis] }, () => value(axis + 1));
    const nested = value(0);
    const shape = { dtype: 'int32' as const, dims: dims.map(size => (random() < 0.5 ? size : null)) };
    const parsed = parseNested(nested, [], shape);
    assert.deepEqual(parsed.dims, dims);
    assert.deepEqual(nest(plainValues('int32', parsed.data), parsed.dims), nested);
  }
  assert.equal(nest([7], []), 7);
  assert.deepEqual(parseNested(7, [], { dtype: 'int64', dims: [] }), { dims: [], data: BigInt64Array.of(7n) });
});

test('every fault of the nesting is named by its place', () => {
  const shape = { dtype: 'float32' as const, dims: [null, 2] };
  const faults: [unknown, string, string][] = [
    [5, 's is 5, expected an array', '/s'],
    [null, 's is null, expected an array', '/s'],
    [{ 0: [1, 2] }, 's is an object, expected an array', '/s'],
    [[], 's has 0 values, expected one or more', '/s'],
    [[1, 2], 's[0] is 1, expected an array', '/s/0'],
    [[[1]], 's[0] has 1 values, expected 2', '/s/0'],
    [[[1, 2], [1]], 's[1] has 1 values, expected 2', '/s/1'],
    [[[1, 2], 3], 's[1] is 3, expected an array', '/s/1'],
    [
      [
        [1, 2],
        [1, 2, 3],
      ],
      's[1] has 3 values, expected 2',
      '/s/1',
    ],
    [
      [
        [1, 2],
        [1, [2]],
      ],
      's[1][1] is an array, expected a number in the range of float32',
      '/s/1/1',
    ],
    [
      [
        [1, 2],
        [1, 'x'],
      ],
      's[1][1] is "x", expected a number in the range of float32',
      '/s/1/1',
    ],
  ];
  for (const [value, message, pointer] of faults) {
    assert.deepEqual(
      faultOf(() => parseNested(value, ['s'], shape)),
      { message, pointer },
    );
  }
  const ragged = { dtype: 'float32' as const, dims: [null, null] };
  assert.equal(faultOf(() => parseNested([[1, 2], [1]], ['s'], ragged)).message, 's[1] has 1 values, expected 2');
});

test('a value nested deeper than the shape is refused where the shape ends, however deep it is', () => {
  let deep: unknown = 1;
  for (let i = 0; i < 5000; i++) deep = [deep];
  const { message, pointer } = faultOf(() => parseNested(deep, ['s'], { dtype: 'float32', dims: [1, 1] }));
  assert.equal(message, 's[0][0] is an array, expected a number in the range of float32');
  assert.equal(pointer, '/s/0/0');
});

test('float16 reads back as numbers and bool as true and false', () => {
  const half = parseNested([1, -2.5], [], { dtype: 'float16', dims: [2] });
  assert.deepEqual(half.data, Uint16Array.of(0x3c00, 0xc100));
  assert.deepEqual(plainValues('float16', half.data), [1, -2.5]);
  assert.deepEqual(plainValues('bool', Uint8Array.of(1, 0)), [true, false]);
});
