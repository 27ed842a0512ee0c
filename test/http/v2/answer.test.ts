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
  const answer = (asked: Pick<Asked, 'binary' | 'id'>, mostBytes = 1e6) => {
    const outputs = [
      { name: 'a"', tensor: tensor('string', ['é', '']) },
      { name: 'b', tensor: tensor('float32', Float32Array.of(0.5, Number.NaN)) },
    ];
    const model = rawModel([info('x', 'float32', ['batch', 'time', 2])]);
    return encodeInfer(asked as Asked, { model, outputs } as unknown as Parameters<typeof encodeInfer>[1], mostBytes);
  };

  it('is JSON alone without a header length where nothing is binary', async () => {
    const { body, headerLength } = await answer({ binary: () => false, id: 'é"' });
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

  it('has the bytes after the JSON in the order of the outputs, exact where JSON says null', async () => {
    const { body, headerLength } = await answer({ binary: () => true });
    const json = JSON.parse(body.toString('utf8', 0, headerLength));
    assert.ok(!('id' in json));
    assert.deepEqual(json.outputs, [
      { name: 'a"', datatype: 'BYTES', shape: [2], parameters: { binary_data_size: 10 } },
      { name: 'b', datatype: 'FP32', shape: [2], parameters: { binary_data_size: 8 } },
    ]);
    const expected = Buffer.concat([bytesOf('BYTES', ['é', '']), bytesOf('FP32', [0.5, Number.NaN])]);
    assert.deepEqual(body.subarray(headerLength), expected);
    const mixed = await answer({ binary: name => name === 'b' });
    assert.deepEqual(mixed.body.subarray(mixed.headerLength), bytesOf('FP32', [0.5, Number.NaN]));
  });

  it('is refused beyond a bound, whatever its form', async () => {
    for (const binary of [true, false]) {
      const { body } = await answer({ binary: () => binary });
      await assert.rejects(answer({ binary: () => binary }, 10), { code: 'ANSWER_TOO_LARGE' });
      assert.ok(body.length > 10);
    }
  });
});
