// Paths through the labels of a sequence, from the definition: the score of one, the best, and the sum of all of them.
export interface Chain {
  readonly start: readonly number[];
  readonly between: readonly (readonly number[])[];
  readonly end: readonly number[];
}

/** Whether `next` may follow `before` (undefined: at the first step) in IOB2. */
export function legal(before: string | undefined, next: string): boolean {
  return !next.startsWith('I-') || before === `B-${next.slice(2)}` || before === next;
}

/** -Infinity for a path that IOB2 forbids. */
export function scoreOf(
  labels: readonly string[],
  path: readonly number[],
  scores: ArrayLike<number>,
  chain?: Chain,
): number {
  return path.reduce((sum, label, t) => {
    const before = t === 0 ? undefined : path[t - 1];
    if (!legal(before === undefined ? undefined : labels[before], labels[label])) return -Infinity;
    const step = before === undefined ? (chain?.start[label] ?? 0) : (chain?.between[before][label] ?? 0);
    const end = t === path.length - 1 ? (chain?.end[label] ?? 0) : 0;
    return sum + scores[t * labels.length + label] + step + end;
  }, 0);
}

/** The best score of all paths, and the logarithm of the sum of exp(score) over them, step by step. */
export function bestScore(labels: readonly string[], scores: ArrayLike<number>, chain?: Chain) {
  const n = labels.length;
  const steps = scores.length / n;
  const place = [...labels.keys()];
  const logSum = (values: number[]) => {
    const top = Math.max(...values);
    return top === -Infinity ? top : top + Math.log(values.reduce((sum, value) => sum + Math.exp(value - top), 0));
  };
  let best = place.map(j => (legal(undefined, labels[j]) ? (chain?.start[j] ?? 0) + scores[j] : -Infinity));
  let total = [...best];
  for (let t = 1; t < steps; t++) {
    const into = (values: number[], j: number) =>
      place.map(i => (legal(labels[i], labels[j]) ? values[i] + (chain?.between[i][j] ?? 0) : -Infinity));
    const bests = place.map(j => Math.max(...into(best, j)) + scores[t * n + j]);
    const totals = place.map(j => logSum(into(total, j)) + scores[t * n + j]);
    [best, total] = [bests, totals];
  }
  const end = (values: number[]) => values.map((value, j) => value + (chain?.end[j] ?? 0));
  return { best: Math.max(...end(best)), total: logSum(end(total)) };
}
