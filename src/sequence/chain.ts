// The best path through the labels of a sequence (Viterbi, "Error bounds for convolutional codes", 1967) and its probability
// among all legal paths (the forward algorithm of Lafferty, McCallum and Pereira, "Conditional Random Fields", 2001).
import { allowedBefore, type Transitions } from '../model/label-chain.ts';

type Floats = Float32Array | Float64Array;

export interface Path {
  /** One label a step. */
  readonly labels: Int32Array;
  /** exp(score) over the sum of exp(score) of every legal path. */
  readonly probability: number;
}

/** Decodes the scores [steps, labels] that begin at `start` of the data. A path's score is the sum over its steps and transitions. */
export type ChainDecoder = (data: Floats, start: number, steps: number) => Path;

/** Among paths of one score the one whose last differing label stands first is taken. */
export function chainDecoder(labels: readonly string[], chain: Transitions | undefined): ChainDecoder {
  const count = labels.length;
  const first = labels.map((label, j) => (label.startsWith('I-') ? -Infinity : (chain?.start[j] ?? 0)));
  const into = allowedBefore(labels).map((before, j) => ({
    before: Int32Array.from(before),
    scores: Float64Array.from(before, i => chain?.between[i][j] ?? 0),
  }));
  return (data, start, steps) => {
    let best = Float64Array.from(first, (score, j) => score + data[start + j]);
    let total = best; // of all paths that end in a label, as logarithm
    const back = new Int32Array(steps * count);
    for (let t = 1; t < steps; t++) {
      const [nextBest, nextTotal] = [new Float64Array(count), new Float64Array(count)];
      const at = start + t * count;
      for (let j = 0; j < count; j++) {
        const { before, scores } = into[j];
        const k = strongest(best, before, scores);
        back[t * count + j] = before[k];
        nextBest[j] = best[before[k]] + scores[k] + data[at + j];
        nextTotal[j] = logSum(total, before, scores) + data[at + j];
      }
      best = nextBest;
      total = nextTotal;
    }
    const all = Int32Array.from(labels.keys());
    const end = Float64Array.from(all, j => chain?.end[j] ?? 0);
    const path = new Int32Array(steps);
    const last = strongest(best, all, end);
    path[steps - 1] = last;
    for (let t = steps - 1; t > 0; t--) path[t - 1] = back[t * count + path[t]];
    return { labels: path, probability: Math.min(1, Math.exp(best[last] + end[last] - logSum(total, all, end))) };
  };
}

/** The place in `before` of the largest sum; the first of equals. */
function strongest(values: Float64Array, before: Int32Array, scores: Float64Array): number {
  let [place, top] = [0, -Infinity];
  for (let k = 0; k < before.length; k++) {
    const value = values[before[k]] + scores[k];
    if (value > top) [place, top] = [k, value];
  }
  return place;
}

/** log of the sum of exp over `before`, shifted by its largest term so that nothing overflows; -Infinity if no term is finite. */
function logSum(values: Float64Array, before: Int32Array, scores: Float64Array): number {
  let top = -Infinity;
  for (let k = 0; k < before.length; k++) top = Math.max(top, values[before[k]] + scores[k]);
  if (top === -Infinity) return top;
  let sum = 0;
  for (let k = 0; k < before.length; k++) {
    const below = values[before[k]] + scores[k] - top;
    if (below > -40) sum += Math.exp(below); // less is lost in the sum's last bit anyway
  }
  return top + Math.log(sum);
}
