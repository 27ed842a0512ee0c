// Infer answers: JSON, and after it the tensors that are answered as bytes.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DType } from '../../../src/core/tensor.ts';
import { type Asked, encodeInfer } from '../../../src/http/v2/convert.ts';
import { bytesOf } from '../../support/client/v2.ts';
import { info } from '../../support/models/models.ts';
import { rawModel } from '../../support/models/raw-model.ts';

describe('the answer', () => {
  const tensor = (dtype: DType, data: Float32Array | Uint16Array | string[]) => ({ dtype, dims: [data.length], data });
  const answer = (asked: Pick<Asked, 'binary' | 'id'>) => {
    const outputs = [
      { name: 'a"', tensor: tensor('string', ['é', '']) },
      { name: 'b', tensor: tensor('float32', Float32Array.of(0.5, Number.NaN)) },
    ];
    return encodeInfer(
      rawModel([info('x', 'float32', ['batch', 'time', 2])]),
      asked as Asked,
      { outputs } as unknown as Parameters<typeof encodeInfer>[2],
    );
  };

  it('is JSON alone without a header length where nothing is binary', () => {
    const { body, headerLength } = answer({ binary: () => false, id: 'é"' });
    assert.equal(headerLength, undefined);
    assert.deepEqual(JSON.parse(body.toString()), {
      model_name: 'm',
      model_version: '3',
      id: 'é"',
      outputs: [
        { name: 'a"', datatype: 'BYTES', shape: [2], data: ['é', ''] },
        { name: 'b', datatype: 'FP32', shape: [2], data: [0.5, null] },
      ],
    });
  });

  it('has the bytes after the JSON in the order of the outputs, exact where JSON says null', () => {
    const { body, headerLength } = answer({ binary: () => true });
    const json = JSON.parse(body.toString('utf8', 0, headerLength));
    assert.ok(!('id' in json));
    assert.deepEqual(json.outputs, [
      { name: 'a"', datatype: 'BYTES', shape: [2], parameters: { binary_data_size: 10 } },
      { name: 'b', datatype: 'FP32', shape: [2], parameters: { binary_data_size: 8 } },
    ]);
    const expected = Buffer.concat([bytesOf('BYTES', ['é', '']), bytesOf('FP32', [0.5, Number.NaN])]);
    assert.deepEqual(body.subarray(headerLength), expected);
    const mixed = answer({ binary: name => name === 'b' });
    assert.deepEqual(mixed.body.subarray(mixed.headerLength), bytesOf('FP32', [0.5, Number.NaN]));
  });
});
