// Heads that answer a normal distribution: its mean, its standard deviation, and the interval that holds a stated share of it.
import type { ManifestHead } from '../model/manifest.ts';
import type { SignatureHead } from '../model/signature.ts';
import type { Row } from './collate.ts';
import { type Odd, spanReader } from './values.ts';

export type Gaussian = Extract<ManifestHead, { kind: 'gaussian' }>;

export interface NormalAnswer {
  readonly value: number;
  readonly sd: number;
  readonly lower: number;
  readonly upper: number;
  /** As of a value. */
  readonly double?: true;
}

const DOUBLE = { double: true } as const;

/** The standard deviation, by what the graph gives of it; NaN where that is none. */
const DEVIATIONS: Readonly<Record<Gaussian['spreadAs'], (spread: number) => number>> = {
  sd: spread => (spread >= 0 ? spread : Number.NaN),
  variance: spread => Math.sqrt(spread),
  logVariance: spread => Math.exp(spread / 2),
  logSd: spread => Math.exp(spread),
  softplus: spread => Math.max(spread, 0) + Math.log1p(Math.exp(-Math.abs(spread))),
};

/** Means and standard deviations on the manifest's scale, in float64. */
export function normalDecoder(
  head: SignatureHead,
  { tensor, spread = tensor, spreadAs, coverage, scale, offset }: Gaussian,
  odd: Odd,
): (row: Row, steps: number) => NormalAnswer[] {
  const spanOf = spanReader(head);
  const reach = deviationsOf(coverage);
  const { width } = head;
  const plain = scale === 1 && offset === 0;
  return (row, steps) => {
    const digits = plain && row.outputs[tensor].dtype !== 'float64' ? {} : DOUBLE;
    const means = spanOf(row, tensor, steps);
    const spreads = width === 2 ? { ...means, start: means.start + 1 } : spanOf(row, spread, steps);
    return Array.from({ length: steps }, (_, s) => {
      const value = means.data[means.start + s * width] * scale + offset;
      const sd = DEVIATIONS[spreadAs](spreads.data[spreads.start + s * width]) * Math.abs(scale);
      if (!Number.isFinite(value)) odd(tensor, row, s, value);
      if (!Number.isFinite(sd)) odd(spread, row, s, sd);
      return { value, sd, lower: value - reach * sd, upper: value + reach * sd, ...digits };
    });
  };
}

/** How many standard deviations on both sides of the mean hold a share of a normal distribution. */
export function deviationsOf(coverage: number): number {
  return -quantile((1 - coverage) / 2);
}

/**
 * The quantile of the standard normal distribution for 0 < p <= 0.5, to about sixteen digits (Wichura, "Algorithm AS 241",
 * Applied Statistics 37, 1988).
 */
function quantile(p: number): number {
  const q = p - 0.5;
  if (Math.abs(q) <= 0.425) {
    const r = 0.180625 - q * q;
    return (q * polynomial(CENTRE, r)) / polynomial(CENTRE_BELOW, r);
  }
  const r = Math.sqrt(-Math.log(p));
  if (r <= 5) return -polynomial(MIDDLE, r - 1.6) / polynomial(MIDDLE_BELOW, r - 1.6);
  return -polynomial(TAIL, r - 5) / polynomial(TAIL_BELOW, r - 5);
}

function polynomial(coefficients: readonly number[], x: number): number {
  return coefficients.reduceRight((sum, coefficient) => sum * x + coefficient, 0);
}

const CENTRE = [
  3.3871328727963665, 133.14166789178438, 1971.5909503065513, 13731.69376550946, 45921.95393154987, 67265.7709270087,
  33430.57558358813, 2509.0809287301227,
];
const CENTRE_BELOW = [
  1, 42.31333070160091, 687.1870074920579, 5394.196021424751, 21213.794301586597, 39307.89580009271, 28729.085735721943,
  5226.495278852854,
];
const MIDDLE = [
  1.4234371107496835, 4.630337846156546, 5.769497221460691, 3.6478483247632045, 1.2704582524523684, 0.2417807251774506,
  0.022723844989269184, 0.0007745450142783414,
];
const MIDDLE_BELOW = [
  1, 2.053191626637759, 1.6763848301838038, 0.6897673349851, 0.14810397642748008, 0.015198666563616457,
  0.0005475938084995345, 1.0507500716444169e-9,
];
const TAIL = [
  6.657904643501103, 5.463784911164114, 1.7848265399172913, 0.29656057182850487, 0.026532189526576124,
  0.0012426609473880784, 0.000027115555687434876, 2.0103343992922881e-7,
];
const TAIL_BELOW = [
  1, 0.599832206555888, 0.1369298809227358, 0.014875361290850615, 0.0007868691311456133, 0.000018463183175100548,
  1.421511758316446e-7, 2.0442631033899397e-15,
];
