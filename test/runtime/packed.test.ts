// Tensors through one buffer: unpack(pack(x)) is x, whatever their types, sizes and names.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ARRAYS, type DType, elementCount, type Tensors } from '../../src/core/tensor.ts';
import { randomNumbers } from '../../src/proof/samples.ts';
import { pack, unpack } from '../../src/runtime/packed.ts';
import { between, pick } from '../support/models/models.ts';

const DTYPES = Object.keys(ARRAYS) as (keyof typeof ARRAYS)[];
const NAMES = ['x', '', 'constructor', 'toString', '1', 'onnx::LSTM_114', 'naïve "name"\n', '0'];
const random = randomNumbers(1);

/** Random bits of a type; each array is a view into the middle of a larger buffer, as an output's may be. */
function randomData(dtype: keyof typeof ARRAYS, count: number) {
  const array = new ARRAYS[dtype](count + 2);
  const bytes = new Uint8Array(array.buffer);
  for (let i = 0; i < bytes.length; i++) bytes[i] = random() * 256;
  return array.subarray(1, count + 1);
}

function randomTensors(): Tensors {
  const tensors: Tensors = {};
  for (let i = between(random, 0, 6); i > 0; i--) {
    const dims = Array.from({ length: between(random, 0, 3) }, () => between(random, 0, 5));
    const dtype: DType = pick(random, [...DTYPES, 'string']);
    const count = elementCount(dims);
    const data =
      dtype === 'string' ? Array.from({ length: count }, () => pick(random, NAMES)) : randomData(dtype, count);
    tensors[pick(random, NAMES)] = { dtype, dims, data };
  }
  return tensors;
}

test('unpack(pack(x)) is x, bit for bit, in the same order', () => {
  for (let round = 0; round < 2000; round++) {
    const tensors = randomTensors();
    const back = unpack(structuredClone(pack(tensors)));
    assert.deepEqual(Object.keys(back), Object.keys(tensors));
    for (const [name, { dtype, dims, data }] of Object.entries(tensors)) {
      assert.deepEqual([back[name].dtype, back[name].dims], [dtype, dims]);
      assert.deepEqual(bitsOf(back[name].data), bitsOf(data));
    }
  }
});

test('the packed copy is its own: the tensors may change at once', () => {
  const data = Float32Array.of(1, 2, 3);
  const packed = pack({ x: { dtype: 'float32', dims: [3], data } });
  data.fill(0);
  assert.deepEqual(unpack(packed), { x: { dtype: 'float32', dims: [3], data: Float32Array.of(1, 2, 3) } });
});

function bitsOf(data: Tensors[string]['data']): unknown {
  return Array.isArray(data) ? data : [...new Uint8Array(data.buffer, data.byteOffset, data.byteLength)];
}
