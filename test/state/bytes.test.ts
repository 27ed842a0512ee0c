// State as bytes: what a run gave comes back into the next one bit for bit, for every dtype, order and place of the batch.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ARRAYS, type DType, elementCount, type Tensors } from '../../src/core/tensor.ts';
import { bindSignature } from '../../src/model/bind.ts';
import { randomNumbers, randomSequence } from '../../src/proof/samples.ts';
import { collate, split } from '../../src/sequence/collate.ts';
import { continueFrom, stateBytes, stateOf } from '../../src/state/bytes.ts';
import { graphOf, HEAD_OUTPUTS, info, manifestOf } from '../support/models/models.ts';

const DTYPES = ['float16', 'float32', 'float64'] as const;
const INPUT = { name: 'signal', tensor: 'x', kind: 'numeric', features: [{ name: 'u' }] };

/** Pairs whose alphabetical order differs between inputs and outputs, of one dtype, the batch in another place in each. */
function signatureOf(dtype: DType) {
  const state = [
    { input: 'z_h', output: 'a_h' },
    { input: 'a_c', output: 'z_c', batchAxis: 0 },
    { input: 'm_p', output: 'b_p', batchAxis: 2 },
  ];
  const dims = { h: [2, 'n', 3], c: ['n', 5], p: [2, 2, 'n'] };
  return bindSignature(
    manifestOf({ inputs: [INPUT], state }),
    graphOf(
      [
        info('x', 'float32', ['n', 't', 1]),
        info('z_h', dtype, dims.h),
        info('a_c', dtype, dims.c),
        info('m_p', dtype, dims.p),
      ],
      [...HEAD_OUTPUTS, info('a_h', dtype, dims.h), info('z_c', dtype, dims.c), info('b_p', dtype, dims.p)],
    ),
  );
}

/** An output of this shape that holds random bits. */
function randomOutput(dtype: DType, dims: number[], random: () => number) {
  const bytes = new Uint8Array(elementCount(dims) * ARRAYS[dtype as 'float32'].BYTES_PER_ELEMENT);
  for (let i = 0; i < bytes.length; i++) bytes[i] = random() * 256;
  return { dtype, dims, data: new ARRAYS[dtype as 'float32'](bytes.buffer) };
}

const bytesOf = (tensor: Tensors[string]) => {
  const { buffer, byteOffset, byteLength } = tensor.data as Float32Array;
  return Buffer.from(buffer, byteOffset, byteLength);
};

describe('state as bytes', () => {
  for (const dtype of DTYPES) {
    it(`goes from a run's outputs into the next run's feeds: ${dtype}`, () => {
      const signature = signatureOf(dtype);
      const random = randomNumbers(11);
      const rows = 4;
      const sequences = Array.from({ length: rows }, () => randomSequence(signature, 3, random));
      const outputs: Tensors = {
        y: randomOutput('float32', [rows], random),
        a_h: randomOutput(dtype, [2, rows, 3], random),
        z_c: randomOutput(dtype, [rows, 5], random),
        b_p: randomOutput(dtype, [2, 2, rows], random),
      };
      const states = split(signature, outputs, sequences).map(row => stateOf(signature, row));
      const expected = (6 + 5 + 4) * ARRAYS[dtype].BYTES_PER_ELEMENT;
      assert.equal(stateBytes(signature), expected);
      for (const state of states) assert.equal(state.length, expected);
      const feeds = collate(
        signature,
        sequences.map((sequence, i) => continueFrom(signature, sequence, states[i])),
      );
      for (const [input, output] of [
        ['z_h', 'a_h'],
        ['a_c', 'z_c'],
        ['m_p', 'b_p'],
      ]) {
        assert.deepEqual(feeds[input].dims, outputs[output].dims);
        assert.ok(bytesOf(feeds[input]).equals(bytesOf(outputs[output])), input);
      }
    });
  }

  it('is little-endian, in the order of the manifest, and the bytes are its own', () => {
    const signature = signatureOf('float32');
    const [sequence] = [randomSequence(signature, 1, randomNumbers(1))];
    const at = (first: number, count: number) => Float32Array.from({ length: count }, (_, i) => first + i);
    const outputs: Tensors = {
      y: { dtype: 'float32', dims: [1], data: at(0, 1) },
      a_h: { dtype: 'float32', dims: [2, 1, 3], data: at(10, 6) },
      z_c: { dtype: 'float32', dims: [1, 5], data: at(20, 5) },
      b_p: { dtype: 'float32', dims: [2, 2, 1], data: at(30, 4) },
    };
    const state = stateOf(signature, split(signature, outputs, [sequence])[0]);
    const expected = [...at(10, 6), ...at(20, 5), ...at(30, 4)];
    (outputs.a_h.data as Float32Array).fill(-1);
    expected.forEach((value, i) => {
      assert.equal(state.readFloatLE(4 * i), value);
    });
  });

  it('stands beside rows without state, which begin at zero', () => {
    const signature = signatureOf('float32');
    const random = randomNumbers(3);
    const [first, second] = [2, 2].map(length => randomSequence(signature, length, random));
    const state = Buffer.from(new Float32Array(15).fill(7).buffer);
    const feeds = collate(signature, [first, continueFrom(signature, second, state)]);
    assert.deepEqual([...(feeds.a_c.data as Float32Array)], [0, 0, 0, 0, 0, 7, 7, 7, 7, 7]);
    assert.deepEqual([...(feeds.m_p.data as Float32Array)], [0, 7, 0, 7, 0, 7, 0, 7]);
    assert.deepEqual([...(feeds.z_h.data as Float32Array)], [0, 0, 0, 7, 7, 7, 0, 0, 0, 7, 7, 7]);
  });
});
