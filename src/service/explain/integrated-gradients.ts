// Integrated gradients: slopes along the straight way from the baseline to the input (Sundararajan, Taly and Yan,
// "Axiomatic Attribution for Deep Networks", 2017), by central differences, since a served graph gives no gradients.
import { type Attribution, type Game, noAttributions } from './game.ts';

/** Half the width of a central difference, as a part of the way: rounding of float32 outputs weighs 1/STEP, curvature STEP². */
const STEP = 1 / 64;
/** Near an end it is less, so that no point lies beyond the baseline or the input, where the graph need not answer well. */
const stepAt = (at: number) => Math.min(STEP, at / 2, (1 - at) / 2);

/** Attributions add up to f(input) - f(baseline) as nearly as so many Gauss-Legendre nodes integrate the way. */
export async function integratedGradients(game: Game, nodes: number): Promise<Attribution> {
  const attributions = noAttributions(game);
  const cells = [...Array(game.cells).keys()].filter(cell => game.differs(cell));
  let weighed = 0;
  for (const { at, weight } of gaussLegendre(nodes)) {
    const step = stepAt(at);
    const points = cells.flatMap(cell => [beside(game, at, cell, step), beside(game, at, cell, -step)]);
    const answers = await game.ask(points);
    if (!answers) break;
    weighed += weight;
    cells.forEach((cell, c) => {
      const [above, below] = [answers[2 * c], answers[2 * c + 1]];
      for (let o = 0; o < game.outputs; o++) {
        attributions[o][cell] += (weight * (above[o] - below[o])) / (2 * step);
      }
    });
  }
  const partial = weighed < 1 - 1e-9 && cells.length > 0;
  if (partial) for (const output of attributions) for (const cell of cells) output[cell] /= weighed; // 0/0: nothing known
  return { attributions, partial };
}

/** The point on the way, with one cell a little before or behind. */
function beside(game: Game, at: number, cell: number, step: number): Float64Array {
  const point = new Float64Array(game.cells).fill(at);
  point[cell] += step;
  return point;
}

/**
 * Nodes and weights on [0, 1], the middle ones first so that a sum cut short is still balanced: roots of the Legendre
 * polynomial by Newton's method (Press et al., "Numerical Recipes", 3rd ed., 4.6.1).
 */
export function gaussLegendre(count: number): { at: number; weight: number }[] {
  const nodes = Array.from({ length: count }, (_, i) => {
    let x = Math.cos((Math.PI * (i + 0.75)) / (count + 0.5));
    let slope = 0;
    for (let round = 0; round < 100; round++) {
      const { value, derivative } = legendre(count, x);
      slope = derivative;
      const move = value / derivative;
      x -= move;
      if (Math.abs(move) < 1e-15) break;
    }
    return { at: (1 + x) / 2, weight: 1 / ((1 - x * x) * slope * slope) };
  });
  return nodes.sort((a, b) => Math.abs(a.at - 0.5) - Math.abs(b.at - 0.5));
}

function legendre(degree: number, x: number): { value: number; derivative: number } {
  let [before, value] = [0, 1];
  for (let k = 1; k <= degree; k++) [before, value] = [value, ((2 * k - 1) * x * value - (k - 1) * before) / k];
  return { value, derivative: (degree * (x * value - before)) / (x * x - 1) };
}
