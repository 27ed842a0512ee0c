// Shapley values by sampling: the mean change that a group brings when groups join in random order (Castro, Gómez and
// Tejada, "Polynomial calculation of the Shapley value based on sampling", 2009), in antithetic pairs: every order and its
// reverse (Mitchell, Cooper, Frank and Holmes, "Sampling Permutations for Shapley Value Estimation", 2022).
import { type Attribution, type Game, type Group, noAttributions } from './game.ts';

export interface ShapleyOptions {
  /** Groups of cells that join together; no cell is in two of them. */
  readonly groups: readonly Group[];
  /** Pairs of orders at most. */
  readonly pairs: number;
  /** f(input) and f(baseline), by output. */
  readonly whole: Float64Array;
  readonly none: Float64Array;
  /** Numbers in [0, 1). */
  readonly random: () => number;
}

/**
 * A group's value is shared equally by those of its cells that differ from the baseline. Attributions add up to
 * f(input) - f(baseline) whatever the number of orders. At least one pair is needed.
 */
export async function shapley(game: Game, options: ShapleyOptions): Promise<Attribution> {
  const { pairs, random } = options;
  const groups = options.groups
    .map(group => group.filter(cell => game.differs(cell)))
    .filter(group => group.length > 0);
  const sums = groups.map(() => new Float64Array(game.outputs));
  const squares = groups.map(() => new Float64Array(game.outputs));
  let done = 0;
  for (; done < pairs && groups.length > 0; done++) {
    const order = shuffled(groups.length, random);
    const forth = await marginals(game, groups, order, options);
    const back = forth && (await marginals(game, groups, order.toReversed(), options));
    if (!forth || !back) break;
    for (let g = 0; g < groups.length; g++) {
      for (let o = 0; o < game.outputs; o++) {
        const mean = (forth[g][o] + back[g][o]) / 2;
        sums[g][o] += mean;
        squares[g][o] += mean * mean;
      }
    }
  }
  const attributions = noAttributions(game);
  const standardErrors = new Array<number>(game.outputs).fill(0);
  groups.forEach((group, g) => {
    for (let o = 0; o < game.outputs; o++) {
      const mean = done > 0 ? sums[g][o] / done : Number.NaN;
      for (const cell of group) attributions[o][cell] = mean / group.length;
      const variance = done > 1 ? Math.max(0, squares[g][o] / done - mean * mean) / (done - 1) : Number.NaN;
      standardErrors[o] = Math.max(standardErrors[o], Math.sqrt(variance) / group.length);
    }
  });
  return { attributions, standardErrors, partial: done < pairs && groups.length > 0 };
}

/** What every group brings in one order, by group and output; undefined when the time is up. */
async function marginals(
  game: Game,
  groups: readonly Group[],
  order: readonly number[],
  { whole, none }: ShapleyOptions,
): Promise<Float64Array[] | undefined> {
  const present = new Float64Array(game.cells);
  const points = order.slice(0, -1).map(g => {
    for (const cell of groups[g]) present[cell] = 1;
    return present.slice();
  });
  const answers = points.length === 0 ? [] : await game.ask(points);
  if (!answers) return undefined;
  const along = [none, ...answers, whole]; // the ends are known: nobody, and everybody
  const result = new Array<Float64Array>(groups.length);
  order.forEach((g, place) => {
    result[g] = along[place + 1].map((value, o) => value - along[place][o]);
  });
  return result;
}

/** 0 to count - 1 in random order (Fisher and Yates). */
function shuffled(count: number, random: () => number): number[] {
  const order = [...Array(count).keys()];
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}
