// golden.json: what is read, what is refused, and the figure by which an answer is off.

import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { after, test } from 'node:test';
import type { Tensors } from '../../src/core/tensor.ts';
import { largestDifference } from '../../src/proof/difference.ts';
import { checkGolden, type Golden, readGolden } from '../../src/proof/golden.ts';
import type { Run } from '../../src/runtime/runner.ts';
import { graphOf, HEAD_OUTPUTS, openFixture } from '../support/models/models.ts';
import { echo, numbersOf, SIGNATURE } from '../support/models/numbered.ts';
import { refusalOf } from '../support/models/refusal.ts';
import { TemporaryRepository } from '../support/models/repository.ts';

const folder = new TemporaryRepository();
after(() => folder.remove());

const GRAPH = graphOf(
  SIGNATURE.feeds.map(feed => feed.tensor),
  HEAD_OUTPUTS,
);
const CASE = { sequence: [[3], [3]], outputs: { y: [3] } };
const LEAST = { formatVersion: 1, producer: 'by hand', tolerance: 1e-5, cases: [CASE] };

function read(content: unknown): Promise<Golden | undefined> {
  writeFileSync(folder.at('golden.json'), typeof content === 'string' ? content : JSON.stringify(content));
  return readGolden(folder.root, SIGNATURE, GRAPH);
}

const goldenOf = async (content: unknown) => (await read(content)) as Golden;
const answering = (answer: (feeds: Tensors) => number[]): Run => {
  return async feeds => {
    const data = Float32Array.from(answer(feeds));
    return { y: { dtype: 'float32', dims: [1, data.length], data } };
  };
};

test('a model without golden answers has none', async () => {
  rmSync(folder.at('golden.json'), { force: true });
  assert.equal(await readGolden(folder.root, SIGNATURE, GRAPH), undefined);
});

test('the cases are read as a caller would send them', async () => {
  const golden = await goldenOf({ ...LEAST, cases: [CASE, { ...CASE, sequence: [{ u: 0.5 }] }] });
  assert.equal(golden.producer, 'by hand');
  assert.deepEqual(
    golden.cases.map(({ sequence }) => Array.from((sequence?.parts[0]?.data ?? []) as Float32Array)),
    [[3, 3], [0.5]],
  );
});

test('every fault of the file is named', async () => {
  const faults: [unknown, RegExp][] = [
    ['{"a":\n x}', /^golden\.json is not JSON: /],
    [{ ...LEAST, formatVersion: 2 }, /^golden\.json: formatVersion: /],
    [{ ...LEAST, extra: 1 }, /^golden\.json: .*"extra"/],
    [{ ...LEAST, tolerance: 0 }, /^golden\.json: tolerance: /],
    [{ ...LEAST, tolerance: 0.1 }, /^golden\.json: tolerance: /],
    [{ ...LEAST, cases: [] }, /^golden\.json: cases: /],
    [{ ...LEAST, cases: [{ ...CASE, outputs: { y: [] } }] }, /^golden\.json: cases\.0\.outputs\.y: /],
    [{ ...LEAST, cases: [{ ...CASE, outputs: { y: [null] } }] }, /^golden\.json: cases\.0\.outputs\.y\.0: /],
    [
      { ...LEAST, cases: [CASE, { ...CASE, outputs: {} }] },
      /^golden\.json: cases\.1\.outputs: a case without outputs checks nothing$/,
    ],
    [
      { ...LEAST, cases: [CASE, { ...CASE, sequence: [[1, 2]] }] },
      /^golden\.json: cases\[1\]\[0\] has 2 features, expected 1$/,
    ],
  ];
  for (const [content, expected] of faults) assert.match(await refusalOf(read(content)), expected);
});

test('the difference is relative to numbers above one, absolute below, and NaN if any is NaN', () => {
  const cases: [number[], number[], number][] = [
    [[1, 2, 3], [1, 2, 3], 0],
    [[0.5], [0.25], 0.25],
    [[110], [100], 0.1],
    [[-110], [-100], 0.1],
    [[1, 7, 2], [1, 5, 1], 1],
    [[1, Number.NaN], [1, 1], Number.NaN],
    [[Number.NaN, 5], [1, 1], Number.NaN],
    [[1], [1, 1], Number.NaN],
  ];
  for (const [actual, expected, difference] of cases) assert.equal(largestDifference(actual, expected), difference);
});

test('right answers pass, with the largest difference among them', async () => {
  const cases = [3, 7].map(n => ({ sequence: [[n]], outputs: { y: [n] } }));
  const golden = await goldenOf({ ...LEAST, cases });
  const fetched: string[][] = [];
  const check = await checkGolden(golden, async (feeds, fetches) => {
    fetched.push([...fetches]);
    return echo(feeds);
  });
  assert.deepEqual(check, { producer: 'by hand', tolerance: 1e-5, cases: 2, worstDifference: 0 });
  assert.deepEqual(fetched, [['y'], ['y']]);
  const off = await checkGolden(
    golden,
    answering(feeds => numbersOf(feeds).map(n => n + n * 2 ** -20)),
  );
  assert.equal(off.worstDifference, 2 ** -20);
});

test('a wrong answer is refused with its figure, at the first case that has one', async () => {
  const cases = [3, 7, 9].map(n => ({ sequence: [[n]], outputs: { y: [n] } }));
  const golden = await goldenOf({ ...LEAST, cases });
  const shifted = answering(feeds => numbersOf(feeds).map(n => (n < 5 ? n : n + 0.5)));
  assert.equal(
    await refusalOf(checkGolden(golden, shifted)),
    'golden.json case 1: output "y" is off by 7.14e-2, tolerance 0.00001',
  );
  const nan = await refusalOf(
    checkGolden(
      golden,
      answering(() => [Number.NaN]),
    ),
  );
  assert.equal(nan, 'golden.json case 0: output "y" is off by NaN, tolerance 0.00001');
  const long = await refusalOf(
    checkGolden(
      golden,
      answering(() => [3, 3]),
    ),
  );
  assert.equal(long, 'golden.json case 0: output "y" has 2 values, expected 1');
  const failing = checkGolden(golden, () => Promise.reject(new Error('no output "y"\nat a build path')));
  assert.equal(await refusalOf(failing), 'golden.json case 0: the run failed (no output "y")');
});

test('every golden of the good fixtures and of the weather model is read', async () => {
  for (const fixture of ['models/weather/1', 'test/fixtures/models/two-inputs/1', 'test/fixtures/models/tokens/1']) {
    const { signature, graph, folder: version } = await openFixture(fixture);
    const golden = await readGolden(version, signature, graph);
    assert.ok(golden && golden.cases.length >= 4, fixture);
    assert.match(golden.producer, /^torch /);
  }
});
