// Sequence labels: the best path and its probability against every path there is, and spans against their definition.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Tensors } from '../../src/core/tensor.ts';
import { manifestSchema } from '../../src/model/manifest.ts';
import { headAxes, headWidth } from '../../src/model/signature.ts';
import { randomNumbers } from '../../src/proof/samples.ts';
import { chainDecoder } from '../../src/sequence/chain.ts';
import { headDecoder, type SpansAnswer } from '../../src/sequence/heads.ts';
import { spansOf } from '../../src/sequence/spans.ts';
import { splitWords } from '../../src/sequence/words.ts';
import { bestScore, type Chain, scoreOf } from '../support/models/paths.ts';

const random = randomNumbers(11);
const noise = (count: number, scale = 4) => Array.from({ length: count }, () => (random() - 0.5) * scale);
const LABELS = ['O', 'B-a', 'I-a', 'B-b', 'I-b'];

function randomChain(n: number, scale = 4): Chain {
  return { start: noise(n, scale), between: Array.from({ length: n }, () => noise(n, scale)), end: noise(n, scale) };
}

function* allPaths(labels: number, steps: number): Generator<number[]> {
  if (steps === 0) return yield [];
  for (const head of allPaths(labels, steps - 1)) for (let label = 0; label < labels; label++) yield [...head, label];
}

test('the path is the best of all there are, and its probability its share of them', () => {
  for (const scale of [0, 1, 8, 60]) {
    for (const chain of [undefined, randomChain(LABELS.length, scale), randomChain(LABELS.length, scale)]) {
      const decode = chainDecoder(LABELS, chain as never);
      for (let steps = 1; steps <= 5; steps++) {
        const scores = Float64Array.from(noise(3 + steps * LABELS.length, scale)); // the row begins at 3
        const own = scores.subarray(3);
        const paths = [...allPaths(LABELS.length, steps)].map(path => ({
          path,
          score: scoreOf(LABELS, path, own, chain),
        }));
        const top = Math.max(...paths.map(({ score }) => score));
        const { labels, probability } = decode(scores, 3, steps);
        assert.ok(Math.abs(scoreOf(LABELS, [...labels], own, chain) - top) <= 1e-9 * Math.max(1, Math.abs(top)));
        const share = 1 / paths.reduce((sum, { score }) => sum + Math.exp(score - top), 0);
        assert.ok(Math.abs(probability - share) <= 1e-9, `${probability}, expected ${share}`);
        const { best, total } = bestScore(LABELS, own, chain);
        assert.ok(
          Math.abs(best - top) <= 1e-9 * Math.max(1, Math.abs(top)) && Math.abs(Math.exp(best - total) - share) <= 1e-9,
        );
      }
    }
  }
});

test('a forbidden transition is taken only where nothing else is left, and huge scores do not overflow', () => {
  const chain = randomChain(LABELS.length, 0);
  const never = { ...chain, between: chain.between.map((row, i) => row.map((_, j) => (i === j ? 0 : -1e4))) };
  const { labels } = chainDecoder(LABELS, never as never)(Float64Array.from(noise(5 * 200)), 0, 200);
  assert.equal(new Set(labels).size, 1);
  const far = chainDecoder(LABELS, undefined)(Float64Array.from(noise(5 * 300, 1e6)), 0, 300);
  assert.ok(far.probability > 0 && far.probability <= 1);
});

test('spans are runs of one kind; a B begins a new one', () => {
  const path = Int32Array.from([1, 2, 1, 0, 3, 4, 4, 1]);
  assert.deepEqual(
    spansOf(LABELS, path, undefined).map(({ kind, start, end }) => [kind, start, end]),
    [
      ['a', 0, 2],
      ['a', 2, 3],
      ['b', 4, 7],
      ['a', 7, 8],
    ],
  );
});

test('words and their places: runs of letters, digits and underscores, and other characters one by one', () => {
  const cases: [string, string[]][] = [
    ['Play  Gia_2 now!', ['Play', 'Gia_2', 'now', '!']],
    ["don't stop…", ['don', "'", 't', 'stop', '…']],
    ['Romántica 東京 😀😀', ['Romántica', '東京', '😀', '😀']],
    [' \t\n ', []],
    ['\ud800x', ['\ud800', 'x']],
  ];
  for (const [text, words] of cases) {
    const found = splitWords(text);
    assert.deepEqual(found.words, words);
    words.forEach((word, i) => {
      assert.equal(text.slice(found.origin.places[2 * i], found.origin.places[2 * i + 1]), word);
    });
  }
});

test('ranges count characters, not halves of them, and tell the text between the first word and the last', () => {
  const text = '😀 play  the 😀 song';
  const { origin, words } = splitWords(text);
  const path = Int32Array.from(words, (_, i) => (i === 2 ? 1 : i > 2 ? 2 : 0));
  const [{ range }] = spansOf(LABELS, path, origin);
  assert.deepEqual(range, { start: 8, end: 18, text: 'the 😀 song' });
  assert.equal([...text].slice(range?.start, range?.end).join(''), range?.text);
});

test('a head of sequence labels answers for its own row and steps only', () => {
  const manifest = manifestSchema.parse({
    formatVersion: 1,
    graph: { file: 'model.onnx' },
    inputs: [{ name: 'x', tensor: 'x', kind: 'token', split: 'words' }],
    heads: [{ name: 'slots', tensor: 'y', kind: 'sequence-labels', labels: LABELS }],
  });
  const [spec] = manifest.heads;
  const decode = headDecoder({ spec, axes: headAxes(spec), width: headWidth(spec), follows: 0 });
  const data = Float32Array.from(noise(2 * 6 * 5));
  const outputs: Tensors = { y: { dtype: 'float32', dims: [2, 6, 5], data } };
  for (const [index, text] of ['a b c d', 'a b c d e f'].entries()) {
    const { words, origin } = splitWords(text);
    const part = { length: words.length, dims: [words.length], data: words, origin };
    const sequence = { parts: [part], length: words.length, longest: words.length, batchKey: '' };
    const answer = decode({ outputs, index, batchSize: 2, sequence: sequence as never }) as SpansAnswer;
    const own = data.subarray(index * 30, index * 30 + words.length * 5);
    assert.ok(Math.abs(scoreOf(LABELS, [...answer.path], own) - bestScore(LABELS, own).best) < 1e-6);
    for (const { start, end, range } of answer.spans) assert.equal(range?.text, words.slice(start, end).join(' '));
  }
});

const head = (spec: object) => () =>
  manifestSchema.parse({
    formatVersion: 1,
    graph: { file: 'model.onnx' },
    inputs: [{ name: 'x', tensor: 'x', kind: 'token' }],
    heads: [{ name: 'slots', tensor: 'y', kind: 'sequence-labels', ...spec }],
  });

test('labels that are no IOB2, and transitions of another size, are refused', () => {
  assert.throws(head({ labels: ['O', 'a'] }), /neither O nor B- or I-/);
  assert.throws(head({ labels: ['O', 'I-a'] }), /I-a.* has no .*B-a/);
  assert.throws(head({ labels: ['B-a', 'I-a'] }), /there is no O/);
  assert.throws(
    head({ labels: LABELS, transitions: randomChain(4) }),
    /transitions: 4 values where there are 5 labels/,
  );
  assert.throws(head({ labels: LABELS, per: 'sequence' }), /per/);
  assert.equal(head({ labels: LABELS, transitions: randomChain(5) })().heads[0].per, 'step');
});
