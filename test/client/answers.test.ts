// What the client makes of bytes in which numbers are not finite: the same as the server makes for REST.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { decodeBinary } from '../../client/src/answers.ts';
import type { Problem } from '../../client/src/problem.ts';
import type { HeadSpec } from '../../client/src/shapes.ts';

/** One sequence's answer to one head whose output holds these numbers. */
function answerOf(head: Partial<HeadSpec>, ...values: number[]) {
  const bytes = new Uint8Array(Float32Array.from(values).buffer);
  const output = {
    name: 'y',
    datatype: 'FP32',
    shape: [1, values.length],
    parameters: { binary_data_size: bytes.length },
  };
  const text = new TextEncoder().encode(JSON.stringify({ outputs: [output] }));
  const headers = new Headers({ 'inference-header-content-length': String(text.length) });
  const spec = { name: 'head', tensor: 'y', ...head } as HeadSpec;
  const encoded = { heads: [spec], lengths: [1] } as unknown as Parameters<typeof decodeBinary>[0];
  return decodeBinary(encoded, headers, Uint8Array.of(...text, ...bytes), undefined)[0].heads.head;
}

const labels = ['a', 'b'];

it('answers null by itself, or a problem, as the manifest says', () => {
  assert.deepEqual(answerOf({ kind: 'regression', nonFinite: 'null' }, Number.NaN), { value: null });
  assert.equal(answerOf({ kind: 'multiclass', labels, nonFinite: 'null' }, 1, Number.NaN), null);
  for (const [head, ...values] of [
    [{ kind: 'regression', nonFinite: 'error' }, Infinity],
    [{ kind: 'multiclass', labels, nonFinite: 'error' }, Number.NaN, 1],
    [{ kind: 'multilabel', labels, nonFinite: 'error' }, Number.NaN, 1],
  ] as const) {
    assert.throws(
      () => answerOf(head, ...values),
      (error: Problem) => error.code === 'INFERENCE_FAILED',
    );
  }
});

it('reads an infinite logit as a probability of 0 or 1', () => {
  const logits = { activation: 'logits', labels, nonFinite: 'null' } as const;
  assert.deepEqual(answerOf({ kind: 'multiclass', ...logits }, 3, -Infinity), {
    label: 'a',
    probability: 1,
    probabilities: { a: 1, b: 0 },
  });
  assert.equal(answerOf({ kind: 'multiclass', ...logits }, -Infinity, -Infinity), null);
  assert.deepEqual(answerOf({ kind: 'multilabel', ...logits }, Infinity, -Infinity), {
    labels: ['a'],
    probabilities: { a: 1, b: 0 },
  });
});
