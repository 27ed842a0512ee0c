// How far two distributions lie apart, and how sure an answer is: closed formulas over plain arrays.

/** What an empty bin counts as, so that logarithms stay finite; the usual value of monitoring tools. */
export const EMPTY_SHARE = 1e-4;

/** Counts as shares of their sum; all zero if there is nothing. */
export function sharesOf(counts: ArrayLike<number>): number[] {
  let sum = 0;
  for (let i = 0; i < counts.length; i++) sum += counts[i];
  return Array.from(counts, count => (sum === 0 ? 0 : count / sum));
}

/**
 * Population stability index Σ (q − p) ln(q / p), also called Jeffreys' divergence: 0 for equal shares; by custom below 0.1
 * is nothing, above 0.25 a shift. Empty bins count as `EMPTY_SHARE`.
 */
export function stabilityIndex(reference: ArrayLike<number>, current: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < reference.length; i++) {
    const p = reference[i] || EMPTY_SHARE;
    const q = current[i] || EMPTY_SHARE;
    sum += (q - p) * Math.log(q / p);
  }
  return sum;
}

/** Shannon entropy in nats. */
export function entropy(probabilities: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < probabilities.length; i++) {
    const p = probabilities[i];
    if (p > 0) sum -= p * Math.log(p);
  }
  return sum;
}

/** The value below which a share `at` of the sorted values lies, linear between neighbours (type 7 of Hyndman and Fan, 1996). */
export function quantile(sorted: ArrayLike<number>, at: number): number {
  const place = at * (sorted.length - 1);
  const below = Math.floor(place);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (place - below) * (sorted[above] - sorted[below]);
}

/** Inner edges that cut the values into at most `bins` bins of nearly equal share; fewer where values repeat. */
export function edgesOf(values: readonly number[], bins: number): number[] {
  const sorted = Float64Array.from(values).sort();
  if (sorted.length === 0) return [];
  const edges = Array.from({ length: bins - 1 }, (_, i) => quantile(sorted, (i + 1) / bins));
  return edges.filter((edge, i) => edge > (i === 0 ? sorted[0] : edges[i - 1]));
}

/** The bin of a value: the number of edges at or below it. */
export function binOf(edges: ArrayLike<number>, value: number): number {
  let low = 0;
  let high = edges.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (edges[middle] <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}
