// Heads of kind gaussian, against scipy.stats.norm (scipy 1.17.1): isf((1 - coverage) / 2), and interval(coverage, mean, sd).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { manifestSchema } from '../../src/model/manifest.ts';
import { headAxes, headTensors, headWidth, type SignatureHead } from '../../src/model/signature.ts';
import type { Row } from '../../src/sequence/collate.ts';
import { headDecoder, type ValueAnswer } from '../../src/sequence/heads.ts';
import { deviationsOf } from '../../src/sequence/normal.ts';
import { assertClose } from '../support/models/close.ts';
import { sequenceOf } from '../support/models/numbered.ts';

test('deviations that hold a share', () => {
  const table = [
    [0.01, 0.012533469508069276],
    [0.5, 0.6744897501960817],
    [0.8, 1.2815515655446004],
    [0.9, 1.6448536269514729],
    [0.95, 1.959963984540054],
    [0.99, 2.5758293035489004],
    [0.999, 3.2905267314918945],
    [0.999999, 4.8916384756929325],
    [0.999999999999, 7.130509892879273],
  ];
  for (const [coverage, deviations] of table) assertClose(deviationsOf(coverage), deviations, 1e-13);
});

function headOf(spec: Record<string, unknown>): SignatureHead {
  const manifest = manifestSchema.parse({
    formatVersion: 1,
    graph: { file: 'model.onnx' },
    inputs: [{ name: 'x', tensor: 'x', kind: 'token' }],
    heads: [{ name: 'head', tensor: 'mean', kind: 'gaussian', ...spec }],
  });
  const [head] = manifest.heads;
  return { spec: head, axes: headAxes(head), width: headWidth(head), follows: 0 };
}

function rowOf(outputs: Record<string, number[]>, length = 1): Row {
  const tensors = Object.entries(outputs).map(([name, values]) => [
    name,
    { dtype: 'float64' as const, dims: [1, values.length], data: Float64Array.from(values) },
  ]);
  return { outputs: Object.fromEntries(tensors), index: 0, batchSize: 1, sequence: sequenceOf(length, 0) };
}

function assertAnswer(answer: unknown, expected: Record<'value' | 'sd' | 'lower' | 'upper', number>): void {
  for (const [name, number] of Object.entries(expected)) {
    assertClose((answer as Record<string, number>)[name], number, 1e-13);
  }
}

test('mean and variance, an interval of a stated coverage', () => {
  const decode = headDecoder(headOf({ spread: 'v', spreadAs: 'variance' }));
  const answer = decode(rowOf({ mean: [1.25], v: [0.49] }));
  assertAnswer(answer, { value: 1.25, sd: 0.7, lower: 0.09860246113396909, upper: 2.4013975388660302 });
});

test('every way to tell the spread', () => {
  const sd = 2;
  const spreads = {
    sd,
    variance: 4,
    logVariance: Math.log(4),
    logSd: Math.log(2),
    softplus: Math.log(Math.expm1(2)),
  };
  for (const [spreadAs, spread] of Object.entries(spreads)) {
    const head = headOf({ spread: 's', spreadAs, coverage: 0.95 });
    assert.deepEqual(headTensors(head.spec), ['mean', 's']);
    const answer = headDecoder(head)(rowOf({ mean: [-3], s: [spread] }));
    assertAnswer(answer, { value: -3, sd, lower: -6.919927969080108, upper: 0.9199279690801081 });
  }
  const wide = headDecoder(headOf({ spread: 's', spreadAs: 'softplus' }))(rowOf({ mean: [0], s: [800] }));
  assert.equal((wide as ValueAnswer).sd, 800);
});

test('side by side in one tensor, step by step, on another scale', () => {
  const head = headOf({ per: 'step', coverage: 0.5, scale: -10, offset: 1 });
  assert.equal(head.width, 2);
  const answers = headDecoder(head)(rowOf({ mean: [0, 0.001, 2, 0.5] }, 2)) as ValueAnswer[];
  assert.equal(answers.length, 2);
  const z = 0.6744897501960817;
  assertAnswer(answers[0], { value: 1, sd: 0.01, lower: 1 - 0.01 * z, upper: 1 + 0.01 * z });
  assertAnswer(answers[1], { value: -19, sd: 5, lower: -19 - 5 * z, upper: -19 + 5 * z });
});

test('a spread that is none is no number: null, or an error where the manifest says so', () => {
  for (const [spreadAs, spread] of [
    ['sd', -1],
    ['variance', -1],
    ['logVariance', Number.NaN],
    ['logSd', 1e6],
  ]) {
    const odd: string[] = [];
    const row = rowOf({ mean: [1], s: [spread as number] });
    const answer = headDecoder(headOf({ spread: 's', spreadAs }), output => odd.push(output))(row) as ValueAnswer;
    assert.equal(answer.value, 1);
    assert.ok(!Number.isFinite(answer.sd) && !Number.isFinite(answer.lower) && !Number.isFinite(answer.upper));
    assert.deepEqual(odd, ['s']);
    const strict = headDecoder(headOf({ spread: 's', spreadAs, nonFinite: 'error' }));
    assert.throws(() => strict(row), /not a finite number/);
  }
});
