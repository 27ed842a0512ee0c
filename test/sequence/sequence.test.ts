// From a caller's JSON to numbers: what is accepted, and the numbers that it becomes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomNumbers } from '../../src/proof/samples.ts';
import { FLOAT32_MAX } from '../../src/sequence/faults.ts';
import type { Part } from '../../src/sequence/rows.ts';
import { sequenceParser } from '../../src/sequence/sequence.ts';
import { between, numericSignature } from '../support/models/models.ts';
import { idSignature, NAMED, RULED, SEVERAL, WORDS } from '../support/models/signatures.ts';

test('the limits of the manifest are themselves accepted', () => {
  const { data } = sequenceParser(RULED)(
    [
      [0, 5, 1, 0],
      [1000, -FLOAT32_MAX, 2 ** 24, 2],
    ],
    [],
  ).parts[0] as Part;
  assert.deepEqual([...data], [0, 5, 1, 0, 1000, -FLOAT32_MAX, 2 ** 24, 2]);
});

test('a category is accepted by its label and by its index, in arrays and in objects', () => {
  const steps = ['fog', 'rain', 'sun', 0, 1, 2].map((weather, i) =>
    i % 2 === 0 ? [1, 1, 1, weather] : { weather, count: 1, depth: 1, rain: 1 },
  );
  const { data } = sequenceParser(RULED)(steps, []).parts[0] as Part;
  assert.deepEqual(
    [...data].filter((_, i) => i % 4 === 3),
    [0, 1, 2, 0, 1, 2],
  );
});

test('names that objects inherit are features like any other', () => {
  const step = JSON.parse('{"toString":2,"a/b~c":3,"constructor":1}');
  assert.deepEqual([...(sequenceParser(NAMED)([step], []).parts[0] as Part).data], [1, 2, 3]);
});

test('arrays and objects give the same numbers, each rounded once to float32', () => {
  const random = randomNumbers(1);
  for (let round = 0; round < 300; round++) {
    const width = between(random, 1, 9);
    const names = Array.from({ length: width }, (_, i) => `f${i}`);
    const parse = sequenceParser(numericSignature(names.map(name => ({ name }))));
    const steps = Array.from({ length: between(random, 1, 40) }, () =>
      names.map(() => (random() - 0.5) * 10 ** between(random, -30, 30)),
    );
    const objects = steps.map(step => {
      const shuffled = names.map((name, i) => [name, step[i]] as const).sort(() => random() - 0.5);
      return random() < 0.5 ? Object.fromEntries(shuffled) : step;
    });
    const [asArrays, asObjects] = [steps, objects].map(value => parse(JSON.parse(JSON.stringify(value)), []));
    assert.deepEqual(asArrays, asObjects);
    assert.deepEqual([...(asArrays.parts[0] as Part).data], steps.flat().map(Math.fround));
    assert.deepEqual([asArrays.length, asArrays.longest], [steps.length, steps.length]);
  }
});

test('ids become integers of the type that the graph takes', () => {
  const [wide, narrow] = (['int64', 'int32'] as const).map(dtype => sequenceParser(idSignature(dtype))([0, 7, 19], []));
  assert.deepEqual(wide.parts[0]?.data, BigInt64Array.of(0n, 7n, 19n));
  assert.deepEqual(narrow.parts[0]?.data, Int32Array.of(0, 7, 19));
});

test('words pass as they are, the empty one too', () => {
  const words = ['cat', '', '東京', '👍', '__proto__'];
  assert.deepEqual(sequenceParser(WORDS)(words, []).parts, [{ length: 5, dims: [5], data: words }]);
});

test('several inputs keep their own lengths, in the order of the signature', () => {
  const sequence = sequenceParser(SEVERAL)({ 'to~/ids': [1, 2, 3], a: [[0.5], { u: 1 }] }, []);
  assert.deepEqual(sequence, {
    parts: [
      { length: 2, dims: [2, 1], data: Float32Array.of(0.5, 1) },
      { length: 3, dims: [3], data: Int32Array.of(1, 2, 3) },
    ],
    length: 2,
    longest: 3,
    batchKey: '',
  });
});
