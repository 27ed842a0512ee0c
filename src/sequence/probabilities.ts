// Logits and ordered thresholds to probabilities, in float64; and the check that a graph's own probabilities are some.
import { ServiceError } from '../core/errors.ts';
import type { Row } from './collate.ts';

type Floats = Float32Array | Float64Array;
/** How far float16 may round a probability beyond 0 or 1. */
const ROUNDING = 1e-3;

/**
 * The values if they are probabilities; what rounding put beside 0 or 1 is put there again. A graph that answers logits
 * under a manifest that says `activation: none` comes here. @throws {ServiceError} INFERENCE_FAILED
 */
export function probable<T extends Floats | number[]>(values: T, row: Row): T {
  let rounded = false;
  for (const value of values) {
    if (value >= 0 && value <= 1) continue;
    if (value < -ROUNDING || value > 1 + ROUNDING) {
      throw new ServiceError('INFERENCE_FAILED', 'the model gave a probability that lies outside 0 to 1', {
        cause: new Error(`row ${row.index}: ${value} is no probability; are the outputs logits?`),
      });
    }
    rounded = true;
  }
  return rounded ? (values.map(value => Math.min(1, Math.max(0, value))) as T) : values;
}

export function largest(values: Floats): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i] > values[best]) best = i;
  return best;
}

export function sigmoid(logit: number): number {
  return 1 / (1 + Math.exp(-logit));
}

/** Softmax in float64, shifted by the largest logit so that nothing overflows. */
export function softmax(logits: Floats): Float64Array {
  const top = logits[largest(logits)];
  const exponentials = Float64Array.from(logits, logit => Math.exp(logit - top));
  const sum = exponentials.reduce((total, value) => total + value, 0);
  return exponentials.map(value => value / sum);
}

/**
 * Probabilities of ordered labels from P(beyond label k), which are first made to fall: no label gets less than nothing
 * (Frank and Hall, "A Simple Approach to Ordinal Classification", 2001).
 */
export function spread(beyond: Floats): Float64Array {
  const result = new Float64Array(beyond.length + 1);
  let above = 1;
  for (let k = 0; k < beyond.length; k++) {
    const next = Math.min(above, beyond[k]);
    result[k] = above - next;
    above = next;
  }
  result[beyond.length] = above;
  return result;
}
