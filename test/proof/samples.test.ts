// The random sequences of the warm-up and the certificate: the same at every load, and what a caller might send.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isRowInput } from '../../src/model/signature.ts';
import { randomNumbers, randomSequence } from '../../src/proof/samples.ts';
import type { Part } from '../../src/sequence/rows.ts';
import { sequenceParser } from '../../src/sequence/sequence.ts';
import { numericSignature, openFixture } from '../support/models/models.ts';

test('the numbers are those of mulberry32, the same for the same seed', () => {
  const random = randomNumbers(1);
  assert.deepEqual([random(), random(), random()], [0.6270739405881613, 0.002735721180215478, 0.5274470399599522]);
  const [a, b, c] = [7, 7, 8].map(seed => Array.from({ length: 100 }, randomNumbers(seed)));
  assert.deepEqual(a, b);
  assert.notDeepEqual(a, c);
});

test('the numbers fill [0, 1) evenly', () => {
  const random = randomNumbers(3);
  const bins = new Array(10).fill(0);
  for (let i = 0; i < 100_000; i++) bins[Math.floor(random() * 10)]++;
  for (const count of bins) assert.ok(Math.abs(count - 10_000) < 500, `${count}`);
});

function jsonOf({ data, length }: Part, width: number, nested: boolean): unknown[] {
  const values = Array.from(data as ArrayLike<number | bigint | string>, v => (typeof v === 'bigint' ? Number(v) : v));
  return nested ? Array.from({ length }, (_, t) => values.slice(t * width, (t + 1) * width)) : values;
}

test('a caller could send every random sequence', async () => {
  const random = randomNumbers(5);
  for (const name of [
    'models/weather/1',
    ...['two-inputs', 'tokens', 'ids', 'lstm', 'plain'].map(m => `test/fixtures/models/${m}/1`),
  ]) {
    const { signature } = await openFixture(name);
    const parse = sequenceParser(signature);
    for (const length of [1, 2, 7, 30, 64, 5000]) {
      const sequence = randomSequence(signature, length, random);
      const parts = signature.inputs.map(input => {
        const part = sequence.parts[input.feed];
        assert.ok(part && isRowInput(input.spec));
        assert.equal(part.length, Math.min(length, input.spec.time.maximum));
        return jsonOf(part, input.width, input.spec.kind === 'numeric');
      });
      const named = Object.fromEntries(signature.inputs.map((input, i) => [input.spec.name, parts[i]]));
      assert.deepEqual(parse(parts.length === 1 ? parts[0] : named, []), sequence);
    }
  }
});

test('a sequence is never shorter than the manifest allows', () => {
  const signature = numericSignature([{ name: 'u' }], { minimum: 10, maximum: 12 });
  const lengths = [1, 10, 11, 99].map(length => randomSequence(signature, length, Math.random).length);
  assert.deepEqual(lengths, [10, 10, 11, 12]);
});

test('values reach all of what a feature allows', () => {
  const signature = numericSignature([
    { name: 'free' },
    { name: 'range', minimum: 5, maximum: 9 },
    { name: 'whole', integer: true, minimum: 0, maximum: 3 },
    { name: 'kind', categories: ['a', 'b', 'c'] },
    { name: 'low', minimum: 100 },
    { name: 'high', maximum: -100 },
  ]);
  const data = randomSequence({ ...signature }, 100, randomNumbers(1)).parts[0]?.data;
  const column = (f: number) => Array.from(data as Float32Array).filter((_, i) => i % 6 === f);
  assert.ok(column(0).some(v => v < -1) && column(0).some(v => v > 1));
  assert.ok(column(1).every(v => v >= 5 && v <= 9) && new Set(column(1)).size > 50);
  assert.deepEqual([...new Set(column(2))].sort(), [0, 1, 2, 3]);
  assert.deepEqual([...new Set(column(3))].sort(), [0, 1, 2]);
  assert.ok(column(4).every(v => v >= 100));
  assert.ok(
    column(5).every(v => v <= -100),
    'a maximum below the usual range is kept to',
  );
});

test('half of the sequences have gaps, and only where a feature may be missing', () => {
  const signature = numericSignature([{ name: 'u', missing: true }, { name: 'v' }]);
  const random = randomNumbers(9);
  const gapsOf = (whole?: boolean) => {
    const { data } = randomSequence(signature, 40, random, { whole }).parts[0] as { data: Float32Array };
    assert.ok(data.every((value, i) => i % 2 === 0 || Number.isFinite(value)));
    return data.filter(Number.isNaN).length;
  };
  const counts = Array.from({ length: 200 }, () => gapsOf());
  const gapped = counts.filter(count => count > 0);
  assert.ok(Math.abs(gapped.length - 100) < 30, `${gapped.length}`);
  assert.ok(Math.abs(gapped.reduce((sum, count) => sum + count, 0) / gapped.length - 10) < 1.5);
  for (let i = 0; i < 50; i++) assert.equal(gapsOf(true), 0);
});
