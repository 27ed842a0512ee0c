// Occlusion: what an output loses when a window of cells is replaced by the baseline (Zeiler and Fergus, "Visualizing and
// Understanding Convolutional Networks", 2014).
import { type Attribution, ends, type Game, type Group, noAttributions } from './game.ts';

/**
 * A cell gets f(input) - f(input without the window), averaged over the windows that hold it. Windows may overlap.
 * @param whole f(input), by output.
 */
export async function occlusion(game: Game, windows: readonly Group[], whole: Float64Array): Promise<Attribution> {
  const attributions = noAttributions(game);
  const held = new Uint32Array(game.cells);
  const asked = windows.filter(window => window.some(cell => game.differs(cell)));
  const points = asked.map(window => {
    const { input } = ends(game.cells);
    for (const cell of window) input[cell] = 0;
    return input;
  });
  const answers = await askInTurn(game, points);
  for (const window of windows) for (const cell of window) held[cell]++;
  answers.forEach((answer, w) => {
    for (let o = 0; o < game.outputs; o++) {
      for (const cell of asked[w]) attributions[o][cell] += (whole[o] - answer[o]) / held[cell];
    }
  });
  const unasked = asked.slice(answers.length);
  for (const window of unasked) for (const cell of window) for (const output of attributions) output[cell] = Number.NaN;
  return { attributions, partial: unasked.length > 0 };
}

/** Rows a question: one long question could only be answered whole or not at all. */
const BLOCK = 64;

/** The answers to as many points as time allows. */
async function askInTurn(game: Game, points: readonly Float64Array[]): Promise<Float64Array[]> {
  const answers: Float64Array[] = [];
  for (let start = 0; start < points.length; start += BLOCK) {
    const block = await game.ask(points.slice(start, start + BLOCK));
    if (!block) break;
    answers.push(...block);
  }
  return answers;
}
