// Two more questions to a graph, asked of made-up ones whose answers are known: does state continue, do side inputs matter?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Tensor, Tensors } from '../../src/core/tensor.ts';
import { bindSignature } from '../../src/model/bind.ts';
import { TOLERANCE } from '../../src/proof/certify.ts';
import { continuity, sideEffects } from '../../src/proof/continuity.ts';
import type { Run } from '../../src/runtime/runner.ts';
import { graphOf, info, manifestOf } from '../support/models/models.ts';

const X = { name: 'x', tensor: 'x', kind: 'tensor', time: { minimum: 1, maximum: 64 } };
const floats = (dims: number[], data: ArrayLike<number>): Tensor => ({
  dtype: 'float32',
  dims,
  data: Float32Array.from(data),
});

function signatureOf(time = X.time) {
  const inputs = [info('x', 'float32', ['n', 't', 1]), info('h', 'float32', [1, 'n', 1])];
  const outputs = [
    info('step', 'float32', ['n', 't', 1]),
    info('last', 'float32', ['n', 1]),
    info('hn', 'float32', [1, 'n', 1]),
  ];
  const heads = [
    { name: 'step', tensor: 'step', kind: 'tensor', per: 'step' },
    { name: 'last', tensor: 'last', kind: 'tensor' },
  ];
  const manifest = manifestOf({ inputs: [{ ...X, time }], heads, state: [{ input: 'h', output: 'hn' }] });
  return bindSignature(manifest, graphOf(inputs, outputs));
}

/** A running sum that starts at the state; `wrong` spoils what is handed over. */
function summing(wrong: (sum: number) => number = sum => sum): Run {
  return async ({ x, h }): Promise<Tensors> => {
    const [n, t] = x.dims;
    const steps = new Float32Array(n * t);
    const last = new Float32Array(n);
    for (let row = 0; row < n; row++) {
      let sum = (h.data as Float32Array)[row];
      for (let s = 0; s < t; s++) {
        sum = Math.fround(sum + (x.data as Float32Array)[row * t + s]);
        steps[row * t + s] = sum;
      }
      last[row] = sum;
    }
    return { step: floats([n, t, 1], steps), last: floats([n, 1], last), hn: floats([1, n, 1], last.map(wrong)) };
  };
}

test('state that continues is told apart from state that nearly does and from state that does not', async () => {
  const signature = signatureOf();
  assert.equal(await continuity(signature, summing(), TOLERANCE), 'exact');
  assert.equal(
    await continuity(
      signature,
      summing(sum => sum + 1e-6),
      TOLERANCE,
    ),
    'tolerance',
  );
  assert.equal(
    await continuity(
      signature,
      summing(sum => sum + 1e-3),
      TOLERANCE,
    ),
    'no',
  );
  assert.equal(
    await continuity(
      signature,
      summing(() => 0),
      TOLERANCE,
    ),
    'no',
  );
  assert.equal(
    await continuity(
      signature,
      summing(() => Number.NaN),
      TOLERANCE,
    ),
    'no',
  );
});

test('what cannot be cut in two is not tested', async () => {
  assert.equal(await continuity(signatureOf({ minimum: 10, maximum: 10 }), summing(), TOLERANCE), 'untested');
  assert.equal(await continuity(signatureOf({ minimum: 1, maximum: 12 }), summing(), TOLERANCE), 'untested');
});

function withSide(dtype: 'int64' | 'float32', more = {}) {
  const inputs = [X, { name: 'rate', tensor: 'sr', kind: 'side', ...more }];
  const tensors = [info('x', 'float32', ['n', 't', 1]), info('sr', dtype, [])];
  const heads = [{ name: 'y', tensor: 'y', kind: 'tensor' }];
  return bindSignature(manifestOf({ inputs, heads }), graphOf(tensors, [info('y', 'float32', ['n', 1])]));
}

test('a side input changes answers, changes nothing, or could not be tried', async () => {
  const tried: number[] = [];
  const answering = (answer: (rate: number) => number): Run => {
    return async ({ x, sr }) => {
      const rate = Number(sr.data[0]);
      tried.push(rate);
      return { y: floats([x.dims[0], 1], new Float32Array(x.dims[0]).fill(answer(rate))) };
    };
  };
  const only = (...rates: number[]) =>
    answering(rate => {
      if (!rates.includes(rate)) throw new Error('unsupported rate');
      return rate;
    });
  assert.deepEqual(
    await sideEffects(
      withSide('int64'),
      answering(rate => rate),
    ),
    { rate: 'changesAnswers' },
  );
  assert.ok(tried.every(Number.isInteger) && new Set(tried).size >= 4, tried.join());
  assert.deepEqual(
    await sideEffects(
      withSide('float32'),
      answering(() => 7),
    ),
    { rate: 'changesNothing' },
  );
  assert.ok(tried.includes(0.5));
  assert.deepEqual(await sideEffects(withSide('int64'), only(8000, 16000)), { rate: 'changesAnswers' });
  assert.deepEqual(await sideEffects(withSide('int64'), only(8000)), { rate: 'untested' });
  tried.length = 0;
  const listed = withSide('int64', { values: [44100, 48000] });
  assert.deepEqual(
    await sideEffects(
      listed,
      answering(() => 1),
    ),
    { rate: 'changesNothing' },
  );
  assert.deepEqual(tried, [44100, 48000]);
});
