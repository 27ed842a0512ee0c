// Fits what makes a head's numbers honest on data with known answers: a temperature, a monotone map, a conformal margin.
import type { MonotoneMap } from '../sequence/monotone.ts';

/**
 * The temperature T that minimises the negative log-likelihood of softmax(logits / T) (Guo and others, "On Calibration of
 * Modern Neural Networks", 2017). `logits` is [row, class] row-major, `labels` the true class of each row. The function
 * is convex in 1/T, so a golden-section search of ln T in [ln 0.05, ln 20] finds it.
 */
export function fitTemperature(logits: ArrayLike<number>, labels: ArrayLike<number>): number {
  const width = logits.length / labels.length;
  const loss = (logT: number) => {
    const scale = Math.exp(-logT);
    let sum = 0;
    for (let row = 0; row < labels.length; row++) {
      const start = row * width;
      let top = Number.NEGATIVE_INFINITY;
      for (let k = 0; k < width; k++) top = Math.max(top, logits[start + k] * scale);
      let total = 0;
      for (let k = 0; k < width; k++) total += Math.exp(logits[start + k] * scale - top);
      sum += top + Math.log(total) - logits[start + labels[row]] * scale;
    }
    return sum;
  };
  return Math.exp(goldenSection(loss, Math.log(0.05), Math.log(20)));
}

/**
 * The temperature T of ordered labels: P(beyond label k) is sigmoid(logit k / T), and it minimises the negative
 * log-likelihood of the labels. `logits` is [row, label but the last] row-major and falls along each row. The
 * likelihood is log-concave in 1/T (Pratt, "Concavity of the Log Likelihood", 1981).
 */
export function fitOrdinalTemperature(logits: ArrayLike<number>, labels: ArrayLike<number>): number {
  const width = logits.length / labels.length;
  const loss = (logT: number) => {
    const scale = Math.exp(-logT);
    let sum = 0;
    for (let row = 0; row < labels.length; row++) {
      const label = labels[row];
      const from = label === 0 ? Infinity : logits[row * width + label - 1] * scale;
      const to = label === width ? -Infinity : logits[row * width + label] * scale;
      // ln(sigmoid(from) - sigmoid(to)), where neither is rounded to 0 or 1
      const log = Math.log1p(-Math.exp(to - from)) - softplus(-from) - softplus(to);
      sum -= Math.max(log, LEAST_LOG);
    }
    return sum;
  };
  return Math.exp(goldenSection(loss, Math.log(0.05), Math.log(20)));
}

/** Of a label that cannot be. */
const LEAST_LOG = Math.log(2 ** -149);
const softplus = (x: number) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

function goldenSection(f: (x: number) => number, low: number, high: number): number {
  const ratio = (Math.sqrt(5) - 1) / 2;
  let [a, b] = [low, high];
  let [c, d] = [b - ratio * (b - a), a + ratio * (b - a)];
  let [fc, fd] = [f(c), f(d)];
  while (b - a > 1e-9) {
    if (fc < fd) {
      [b, d, fd] = [d, c, fc];
      c = b - ratio * (b - a);
      fc = f(c);
    } else {
      [a, c, fc] = [c, d, fd];
      d = a + ratio * (b - a);
      fd = f(d);
    }
  }
  return (a + b) / 2;
}

/**
 * Isotonic regression: the rising step function nearest to the outcomes (0 or 1) in least squares, by pooling adjacent
 * violators. Equal scores are one point. The corners of each pooled block are kept.
 */
export function fitIsotonic(scores: readonly number[], outcomes: readonly number[]): MonotoneMap {
  const order = Array.from(scores.keys()).sort((a, b) => scores[a] - scores[b]);
  const blocks: { first: number; last: number; sum: number; count: number }[] = [];
  for (const i of order) {
    const previous = blocks.at(-1);
    if (previous && previous.last === scores[i]) {
      previous.sum += outcomes[i];
      previous.count++;
    } else blocks.push({ first: scores[i], last: scores[i], sum: outcomes[i], count: 1 });
  }
  const pooled: typeof blocks = [];
  for (const block of blocks) {
    let merged = block;
    for (let last = pooled.at(-1); last && last.sum * merged.count >= merged.sum * last.count; last = pooled.at(-1)) {
      pooled.pop();
      const [sum, count] = [last.sum + merged.sum, last.count + merged.count];
      merged = { first: last.first, last: merged.last, sum, count };
    }
    pooled.push(merged);
  }
  const x: number[] = [];
  const y: number[] = [];
  for (const { first, last, sum, count } of pooled) {
    x.push(first);
    y.push(sum / count);
    if (last === first) continue;
    x.push(last);
    y.push(sum / count);
  }
  return { x, y };
}

/**
 * Split-conformal margin: with it, value ± margin (or the interval widened by it) covers at least `coverage` of new cases
 * that are exchangeable with these. It is the ⌈(n + 1) coverage⌉-th smallest score (Vovk and others, 2005; Romano and others,
 * "Conformalized Quantile Regression", 2019). Infinite where there are too few cases.
 */
export function conformalMargin(scores: readonly number[], coverage: number): number {
  const rank = Math.ceil((scores.length + 1) * coverage - 1e-9);
  if (rank > scores.length) return Number.POSITIVE_INFINITY;
  return Float64Array.from(scores).sort()[rank - 1];
}

/** Expected calibration error over equal bins of confidence: the mean gap between confidence and accuracy, weighted by cases. */
export function calibrationError(confidences: readonly number[], right: readonly boolean[], bins = 10): number {
  const sums = Array.from({ length: bins }, () => ({ confidence: 0, right: 0 }));
  confidences.forEach((confidence, i) => {
    const bin = sums[Math.min(bins - 1, Math.floor(confidence * bins))];
    bin.confidence += confidence;
    bin.right += right[i] ? 1 : 0;
  });
  return sums.reduce((sum, bin) => sum + Math.abs(bin.confidence - bin.right), 0) / confidences.length;
}
