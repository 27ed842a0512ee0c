// The methods of explanation over functions whose true attributions are known by formula.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { randomNumbers } from '../../../src/proof/samples.ts';
import type { Attribution, Game } from '../../../src/service/explain/game.ts';
import { gaussLegendre, integratedGradients } from '../../../src/service/explain/integrated-gradients.ts';
import { occlusion } from '../../../src/service/explain/occlusion.ts';
import { shapley } from '../../../src/service/explain/shapley.ts';

type F = (x: readonly number[]) => number[];

/** A game between baseline and input over plain numbers; `rows` counts, `most` bounds what is answered. */
function gameOf(f: F, input: readonly number[], baseline: readonly number[], most = Infinity) {
  const game = {
    rows: 0,
    cells: input.length,
    outputs: f(input).length,
    differs: (cell: number) => input[cell] !== baseline[cell],
    ask: async (points: readonly Float64Array[]) => {
      if (game.rows + points.length > most) return undefined;
      game.rows += points.length;
      return points.map(point => Float64Array.from(f(input.map((x, i) => baseline[i] + point[i] * (x - baseline[i])))));
    },
  };
  return game satisfies Game & { rows: number };
}

const singles = (cells: number) => [...Array(cells).keys()].map(cell => [cell]);
const near = (found: ArrayLike<number>, expected: readonly number[], tolerance: number) => {
  assert.equal(found.length, expected.length);
  expected.forEach((value, i) => {
    assert.ok(Math.abs(found[i] - value) <= tolerance, `${i}: ${found[i]}, expected ${value}`);
  });
};

/** Random numbers of either sign. */
function randomPoint(cells: number, random: () => number): number[] {
  return Array.from({ length: cells }, () => 4 * random() - 2);
}

/** Smooth, with products between cells, two outputs. */
const smooth: F = x => {
  const sum = x.reduce((total, value, i) => total + value * Math.sin(i + 1), 0);
  const products = x.reduce((total, value, i) => total + value * (x[i + 1] ?? x[0]), 0);
  return [1 / (1 + Math.exp(-sum)), Math.tanh(0.2 * products) + 0.1 * sum];
};
/** The planted case: only cells 2 and 5 matter, and only together. */
const planted: F = x => [x[2] * x[5]];

async function all(f: F, input: readonly number[], baseline: readonly number[]) {
  const game = () => gameOf(f, input, baseline);
  const ends = { whole: Float64Array.from(f(input)), none: Float64Array.from(f(baseline)) };
  const groups = singles(input.length);
  const options = { groups, pairs: 40, random: randomNumbers(1), ...ends };
  return {
    occlusion: await occlusion(game(), groups, ends.whole),
    shapley: await shapley(game(), options),
    integratedGradients: await integratedGradients(game(), 24),
  } satisfies Record<string, Attribution>;
}

describe('every method', () => {
  it('gives the plain answer for a weighted sum', async () => {
    const weights = [3, -1, 0.5, 0, 2];
    const [input, baseline] = [
      [1, 2, -3, 4, 0.5],
      [0.5, 0, 1, -1, 0.5],
    ];
    const sum: F = x => [x.reduce((total, value, i) => total + weights[i] * value, 7)];
    const expected = weights.map((weight, i) => weight * (input[i] - baseline[i]));
    for (const [name, { attributions, partial }] of Object.entries(await all(sum, input, baseline))) {
      near(attributions[0], expected, 1e-9);
      assert.equal(partial, false, name);
    }
  });

  it('finds the two planted cells and no other', async () => {
    const input = [5, 1, 3, -2, 4, 2, 9];
    for (const { attributions } of Object.values(
      await all(
        planted,
        input,
        input.map(() => 0),
      ),
    )) {
      const found = [...attributions[0].keys()].filter(cell => Math.abs(attributions[0][cell]) > 1e-9);
      assert.deepEqual(found, [2, 5]);
    }
  });

  it('gives alike cells alike shares', async () => {
    const symmetric: F = x => [Math.exp(0.1 * x.reduce((total, value) => total + value, 0)) * (x[0] + x[1] + x[2])];
    const { shapley: sampled, ...exact } = await all(symmetric, [1, 1, 1, 3], [0, 0, 0, 0]);
    for (const { attributions } of Object.values(exact)) {
      near(attributions[0].slice(0, 3), new Array(3).fill(attributions[0][0]), 1e-9);
    }
    const [error] = sampled.standardErrors ?? [0];
    near(sampled.attributions[0].slice(0, 3), new Array(3).fill(sampled.attributions[0][0]), 6 * error);
  });
});

describe('completeness', () => {
  it('holds for Shapley sampling exactly and for integrated gradients closely, whatever the function', async () => {
    const random = randomNumbers(7);
    for (let round = 0; round < 20; round++) {
      const cells = 2 + Math.floor(random() * 9);
      const [input, baseline] = [randomPoint(cells, random), randomPoint(cells, random)];
      const results = await all(smooth, input, baseline);
      const [whole, none] = [smooth(input), smooth(baseline)];
      for (const o of [0, 1]) {
        const sum = ({ attributions }: Attribution) => attributions[o].reduce((total, value) => total + value, 0);
        assert.ok(Math.abs(sum(results.shapley) - (whole[o] - none[o])) < 1e-12);
        assert.ok(Math.abs(sum(results.integratedGradients) - (whole[o] - none[o])) < 2e-3, `round ${round}`);
      }
    }
  });
});

describe('Shapley sampling', () => {
  it('comes as near to the exact value as its error says', async () => {
    const random = randomNumbers(3);
    let within = 0;
    let cells = 0;
    for (let round = 0; round < 12; round++) {
      const [input, baseline] = [randomPoint(6, random), randomPoint(6, random)];
      const game = gameOf(smooth, input, baseline);
      const ends = { whole: Float64Array.from(smooth(input)), none: Float64Array.from(smooth(baseline)) };
      const sampled = await shapley(game, { groups: singles(6), pairs: 64, random, ...ends });
      const exact = exactShapley(x => smooth(x)[0], input, baseline);
      const [error] = sampled.standardErrors ?? [];
      for (let cell = 0; cell < 6; cell++) {
        cells++;
        if (Math.abs(sampled.attributions[0][cell] - exact[cell]) <= 2 * error + 1e-12) within++;
      }
    }
    assert.ok(within >= 0.95 * cells, `${within} of ${cells}`);
  });

  it('shares a group among its cells that differ, and stops at whole pairs', async () => {
    const input = [1, 1, 1, 1];
    const baseline = [0, 0, 1, 0];
    const f: F = x => [x[0] + x[1] + 4 * x[3]];
    const ends = { whole: Float64Array.from(f(input)), none: Float64Array.from(f(baseline)) };
    const options = { groups: [[0, 1, 2], [3]], pairs: 10, random: randomNumbers(1), ...ends };
    const full = await shapley(gameOf(f, input, baseline), options);
    near(full.attributions[0], [1, 1, 0, 4], 1e-12);
    const short = await shapley(gameOf(f, input, baseline, 5), options);
    near(short.attributions[0], [1, 1, 0, 4], 1e-12);
    assert.equal(short.partial, true);
    const none = await shapley(gameOf(f, input, baseline, 0), options);
    assert.ok(Number.isNaN(none.attributions[0][0]) && none.partial);
  });
});

describe('occlusion', () => {
  it('averages overlapping windows and leaves what it had no time for unknown', async () => {
    const f: F = x => [x[0] + 2 * x[1] + 4 * x[2]];
    const input = [1, 1, 1];
    const windows = [
      [0, 1],
      [1, 2],
    ];
    const whole = Float64Array.from(f(input));
    const { attributions } = await occlusion(gameOf(f, input, [0, 0, 0]), windows, whole);
    near(attributions[0], [3, 4.5, 6], 1e-12);
    const short = await occlusion(gameOf(f, input, [0, 0, 0], 0), windows, whole);
    assert.ok(short.partial && short.attributions[0].every(Number.isNaN));
  });

  it('asks nothing for cells that equal the baseline', async () => {
    const game = gameOf(planted, [0, 0, 3, 0, 0, 2], [0, 0, 0, 0, 0, 0]);
    await occlusion(game, singles(6), Float64Array.of(6));
    assert.equal(game.rows, 2);
  });
});

describe('integrated gradients', () => {
  it('follows the formula for a product of powers', async () => {
    const input = [1.5, 2];
    const { attributions, partial } = await integratedGradients(
      gameOf(x => [x[0] ** 2 * x[1]], input, [0, 0]),
      8,
    );
    // With x = a·input, the slopes are 2·a²·x0·x1 and a²·x0²; each integrates to a third times the way of its cell.
    near(attributions[0], [(2 / 3) * 1.5 ** 2 * 2, (1 / 3) * 1.5 ** 2 * 2], 1e-3);
    assert.equal(partial, false);
  });

  it('weighs what it had time for as the whole', async () => {
    const f: F = x => [3 * x[0] - x[1]];
    const short = await integratedGradients(gameOf(f, [1, 1], [0, 0], 8), 6);
    near(short.attributions[0], [3, -1], 1e-9);
    assert.equal(short.partial, true);
  });

  it('integrates polynomials of twice the nodes less one exactly', () => {
    for (const count of [1, 2, 5, 12, 32]) {
      const nodes = gaussLegendre(count);
      for (let power = 0; power < 2 * count; power++) {
        const found = nodes.reduce((sum, { at, weight }) => sum + weight * at ** power, 0);
        assert.ok(Math.abs(found - 1 / (power + 1)) < 1e-13, `${count} nodes, power ${power}: ${found}`);
      }
    }
  });
});

/** By all subsets (Shapley, "A Value for n-Person Games", 1953). */
function exactShapley(f: (x: number[]) => number, input: readonly number[], baseline: readonly number[]): number[] {
  const n = input.length;
  const factorial = (k: number): number => (k < 2 ? 1 : k * factorial(k - 1));
  const value = (set: number) => f(input.map((x, i) => (set & (1 << i) ? x : baseline[i])));
  return input.map((_, i) => {
    let sum = 0;
    for (let set = 0; set < 1 << n; set++) {
      if (set & (1 << i)) continue;
      const size = set.toString(2).replaceAll('0', '').length;
      sum += ((factorial(size) * factorial(n - size - 1)) / factorial(n)) * (value(set | (1 << i)) - value(set));
    }
    return sum;
  });
}
