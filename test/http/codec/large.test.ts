// Large answers: the numbers that were given, written while others are served, and refused beyond a bound.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Tensor } from '../../../src/core/tensor.ts';
import { encodeInstancesWithin, encodeOneWithin, encodeWithin, jsonWithin } from '../../../src/http/codec/large.ts';
import type { Detail } from '../../../src/http/codec/predictions.ts';
import type { SignatureHead } from '../../../src/model/signature.ts';
import { randomNumbers } from '../../../src/proof/samples.ts';
import type { Predictions } from '../../../src/service/predict.ts';

const MOST = 1e9;
const random = randomNumbers(5);
const floats = (count: number) => Float32Array.from({ length: count }, () => (random() - 0.5) * 10 ** (random() * 8));
const LABELS = ['a', 'b"', 'c'];

/** A result of these answers; only what the writers look at. */
function resultOf(heads: readonly object[], ...predictions: readonly unknown[][]): Predictions {
  return {
    model: { name: 'm', version: '1' },
    heads: heads.map(spec => ({ spec }) as SignatureHead),
    predictions: predictions.map(answers => ({ length: 7, answers })),
    timing: { queueMs: 0, runMs: 0, batchSize: 1 },
  } as unknown as Predictions;
}

async function written(result: Predictions, detail?: Detail) {
  return JSON.parse((await encodeWithin(result, detail, MOST)).toString());
}

describe('large answers', () => {
  it('hold the values of a tensor in its shape, bit for bit, nulls too', async () => {
    for (const dims of [[70_000], [100, 700], [3, 1, 9000], [2, 5, 7, 1000], [4, 1]]) {
      const count = dims.reduce((a, b) => a * b, 1);
      const data: (number | null)[] = [...floats(count)];
      data[count - 1] = Number.NaN;
      const head = { name: 'h"', kind: 'tensor', per: 'sequence' };
      const result = resultOf([head], [{ dtype: 'float32', dims, values: data }]);
      const { model, predictions } = await written(result);
      assert.equal(model, 'm');
      let level = predictions[0].heads['h"'].values;
      for (const dim of dims.slice(0, -1)) {
        assert.ok(level.length > 0 && level.length % dim === 0);
        level = level.flat();
      }
      assert.equal(level.length, count);
      assert.ok(level.every((value: number, i: number) => i === count - 1 || Math.fround(value) === data[i]));
      assert.equal(level[count - 1], null);
    }
  });

  it('hold every step of a head per step', async () => {
    const steps = Array.from({ length: 20_000 }, (_, i) => ({ label: i % 3, probabilities: [0.25, 0.5, 0.25] }));
    const head = { name: 'h', kind: 'multiclass', per: 'step', labels: LABELS };
    const given = [...steps, null, ...steps];
    for (const detail of [undefined, 'all', 'none'] as const) {
      const { predictions } = await written(resultOf([head, head], [given, given]), detail);
      const { steps: answered } = predictions[0].heads.h;
      assert.deepEqual(
        answered.map((step: { label: string } | null) => step?.label),
        given.map(step => step && LABELS[step.label]).map(label => label ?? undefined),
      );
      assert.deepEqual(Object.keys(answered[5]).includes('probabilities'), detail === 'all');
    }
  });

  it('are written in slices: other work is done in between', async () => {
    let turns = 0;
    let writing = true;
    const turn = () => {
      turns++;
      if (writing) setImmediate(turn);
    };
    setImmediate(turn);
    const values = [...floats(1_000_000)];
    const result = resultOf([{ name: 'h', kind: 'tensor' }], [{ dtype: 'float32', dims: [1_000_000], values }]);
    await encodeWithin(result, undefined, MOST);
    assert.ok(turns > 10, `${turns} turns`);
    turns = 0;
    const tensor: Tensor = { dtype: 'float32', dims: [1_000_000], data: floats(1_000_000) };
    const numbers = JSON.parse(await jsonWithin(tensor, MOST));
    writing = false;
    assert.deepEqual(Float32Array.from(numbers), tensor.data);
    assert.ok(turns > 3, `${turns} turns`);
  });

  it('of a step, and of the v1 protocol, are the same in their frames', async () => {
    const steps = Array.from({ length: 20_000 }, (_, i) => ({ label: i % 3, probabilities: [0.25, 0.5, 0.25] }));
    const heads = [
      { name: 'h"', kind: 'multiclass', per: 'step', labels: LABELS },
      { name: 't', kind: 'tensor' },
    ];
    const answersOf = (count: number) => [steps.slice(0, count), { dtype: 'float32', dims: [2], values: [1, 2.5] }];
    for (const count of [3, steps.length]) {
      const result = resultOf(heads, answersOf(count));
      const [prediction] = (await written(result)).predictions;
      const text = await encodeOneWithin(['data: {"p":', '}\n'], result, undefined, MOST);
      assert.deepEqual(JSON.parse(text.toString().slice('data: '.length)), { p: prediction });
      await assert.rejects(encodeOneWithin(['', ''], result, undefined, 10), { code: 'ANSWER_TOO_LARGE' });
      const two = resultOf(heads, answersOf(count), answersOf(2));
      const { predictions } = await written(two);
      assert.deepEqual(JSON.parse((await encodeInstancesWithin(two, MOST)).toString()), {
        predictions: predictions.map(({ heads: answers }: { heads: unknown }) => answers),
      });
      await assert.rejects(encodeInstancesWithin(two, 10), { code: 'ANSWER_TOO_LARGE' });
    }
    const none = resultOf([], ...Array.from({ length: 2 }, () => []));
    assert.deepEqual(JSON.parse((await encodeInstancesWithin(none, MOST)).toString()), { predictions: [{}, {}] });
  });

  it('are refused beyond the bound, before they are written where that is certain', async () => {
    const values = new Array(100_000).fill(0.5);
    const result = resultOf([{ name: 'h', kind: 'tensor' }], [{ dtype: 'float32', dims: [100_000], values }]);
    const { length } = await encodeWithin(result, undefined, MOST);
    await assert.rejects(encodeWithin(result, undefined, length - 1), { code: 'ANSWER_TOO_LARGE' });
    assert.equal((await encodeWithin(result, undefined, length)).length, length);
    await assert.rejects(encodeWithin(result, undefined, 199_999), { code: 'ANSWER_TOO_LARGE' });
    const bits: Tensor = { dtype: 'uint8', dims: [50_000], data: new Uint8Array(50_000) };
    assert.equal((await jsonWithin(bits, 100_001)).length, 100_001);
    await assert.rejects(jsonWithin(bits, 100_000), { code: 'ANSWER_TOO_LARGE' });
    const texts: Tensor = { dtype: 'string', dims: [20_000], data: new Array(20_000).fill('é"') };
    assert.deepEqual(JSON.parse(await jsonWithin(texts, MOST)), texts.data);
  });
});
