// Rows on any axis: what was put into a batch is what is taken out, whatever the rank and wherever the time steps lie.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { elementCount, type Tensor, type TensorData, zeros } from '../../src/core/tensor.ts';
import { type Axes, rowTimeAxis } from '../../src/model/signature.ts';
import { randomNumbers } from '../../src/proof/samples.ts';
import { putRow, rowsAreRuns, type TensorRow, takeRow } from '../../src/sequence/rows.ts';
import { between, pick } from '../support/models/models.ts';

const DTYPES = ['float32', 'float64', 'float16', 'int64', 'int32', 'bool', 'string'] as const;

function valuesOf(dtype: Tensor['dtype'], count: number, first: number): TensorData {
  const { data } = zeros(dtype, [count]);
  for (let i = 0; i < count; i++) {
    const value = dtype === 'bool' ? 1 : first + i;
    data[i] = (dtype === 'string' ? `w${value}` : dtype === 'int64' ? BigInt(value) : value) as never;
  }
  return data;
}

test('put, then take, gives the row back, and the padding behind it stays as it was', () => {
  const random = randomNumbers(1);
  for (let round = 0; round < 2000; round++) {
    const rank = between(random, 1, 4);
    const batch = between(random, 0, rank - 1);
    const others = [...Array(rank).keys()].filter(axis => axis !== batch);
    const time = others.length > 0 && random() < 0.8 ? pick(random, others) : null;
    const axes: Axes = { batch, time };
    const rows = between(random, 1, 4);
    const longest = between(random, 1, 5);
    const dims = Array.from({ length: rank }, (_, axis) =>
      axis === batch ? rows : axis === time ? longest : between(random, 1, 3),
    );
    const dtype = pick(random, DTYPES);
    const target = zeros(dtype, dims);
    const put: TensorRow[] = Array.from({ length: rows }, (_, b) => {
      const own = dims.toSpliced(batch, 1);
      const at = rowTimeAxis(axes);
      if (at !== null) own[at] = between(random, 1, longest);
      return { dims: own, data: valuesOf(dtype, elementCount(own), 1 + 100 * b) };
    });
    put.forEach((row, b) => {
      putRow(target, axes, b, row);
    });
    const where = JSON.stringify({ dims, axes, dtype });
    put.forEach((row, b) => {
      const length = time === null ? 1 : row.dims[rowTimeAxis(axes) as number];
      assert.deepEqual(takeRow(target, axes, b, length), row, where);
    });
    const filled = Array.from(target.data as ArrayLike<unknown>).filter(value => value && value !== '').length;
    assert.equal(
      filled,
      put.reduce((sum, row) => sum + row.data.length, 0),
      where,
    );
  }
});

test('a tensor without a batch axis is its own row, cut to its steps', () => {
  const source: Tensor = { dtype: 'float32', dims: [4, 2], data: Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8) };
  const whole = { batch: null, time: null };
  assert.deepEqual(takeRow(source, whole, 0, 1), { dims: [4, 2], data: source.data });
  assert.deepEqual(takeRow(source, { batch: null, time: 0 }, 0, 3), {
    dims: [3, 2],
    data: Float32Array.of(1, 2, 3, 4, 5, 6),
  });
  assert.deepEqual(takeRow(source, { batch: null, time: 1 }, 0, 1), {
    dims: [4, 1],
    data: Float32Array.of(1, 3, 5, 7),
  });
  const target = zeros('float32', [4, 2]);
  putRow(target, whole, 0, { dims: [4, 2], data: source.data });
  assert.deepEqual(target.data, source.data);
});

test('a row is a view where the layout allows it, and a length beyond the axis is cut', () => {
  const source: Tensor = { dtype: 'float32', dims: [2, 2, 1], data: Float32Array.of(1, 2, 3, 4) };
  const row = takeRow(source, { batch: 0, time: 1 }, 1, Infinity);
  assert.deepEqual(row, { dims: [2, 1], data: Float32Array.of(3, 4) });
  assert.equal((row.data as Float32Array).buffer, (source.data as Float32Array).buffer);
  assert.deepEqual(takeRow(source, { batch: 1, time: 0 }, 1, 2), { dims: [2, 1], data: Float32Array.of(2, 4) });
  for (const [axes, view] of [
    [{ batch: 1, time: null }, true], // all before it is 1: state of one layer
    [{ batch: 1, time: 2 }, false],
    [{ batch: 2, time: null }, false],
  ] as const) {
    const state: Tensor = { dtype: 'float32', dims: [1, 2, 2], data: Float32Array.of(1, 2, 3, 4) };
    const { data } = takeRow(state, axes, 1, Infinity);
    assert.equal((data as Float32Array).buffer === (state.data as Float32Array).buffer, view, JSON.stringify(axes));
  }
});

test('rows are runs only if the batch comes first and the time right after it', () => {
  const cases: [Axes, boolean][] = [
    [{ batch: 0, time: 1 }, true],
    [{ batch: 0, time: null }, true],
    [{ batch: 0, time: 2 }, false],
    [{ batch: 1, time: 0 }, false],
    [{ batch: 1, time: null }, false],
    [{ batch: null, time: 0 }, false],
  ];
  for (const [axes, expected] of cases) assert.equal(rowsAreRuns(axes), expected, JSON.stringify(axes));
});
