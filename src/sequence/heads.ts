// Head rows to answers: sigmoid, softmax, thresholds, labels; per sequence or per time step; or the row as it is.
import type { DType } from '../core/tensor.ts';
import type { ManifestHead } from '../model/manifest.ts';
import type { SignatureHead } from '../model/signature.ts';
import { chainDecoder } from './chain.ts';
import { type Row, rowOf } from './collate.ts';
import { plainValues } from './nested.ts';
import { type Gaussian, normalDecoder } from './normal.ts';
import { largest, probable, sigmoid, softmax, spread } from './probabilities.ts';
import { type LabelSpan, spansOf } from './spans.ts';
import { type Floats, notFinite, type Odd, OFFER, type Span, spanReader } from './values.ts';

/** One decision among labels. `probabilities` stand in the order of the head's labels. */
export interface ClassAnswer {
  readonly label: number;
  readonly probabilities: ArrayLike<number>;
}
/** Any number of labels; `labels` holds the indices of those at or above the threshold. */
export interface MultilabelAnswer {
  readonly labels: readonly number[];
  readonly probabilities: ArrayLike<number>;
}
export interface ValueAnswer {
  readonly value: number;
  readonly sd?: number;
  readonly lower?: number;
  readonly upper?: number;
  /** Whether it has the digits of a float64, for the graph or the manifest's scale gave it that many; else of a float32. */
  readonly double?: true;
}
/** The graph's own numbers, row-major in the shape `dims`. */
export interface TensorAnswer {
  readonly dtype: DType;
  readonly dims: readonly number[];
  readonly values: readonly (number | bigint | string | boolean)[];
}
/** Spans of a whole sequence, with the labels that tell them and the probability of all of those together. */
export interface SpansAnswer {
  readonly spans: readonly LabelSpan[];
  readonly path: Int32Array;
  readonly probability: number;
}
export type Answer = ClassAnswer | MultilabelAnswer | ValueAnswer;

/** A head's answer for one sequence: one answer, one per time step, spans, or a tensor's row; null for what is no number. */
export type HeadAnswer = Answer | readonly (Answer | null)[] | SpansAnswer | TensorAnswer | null;

/** @throws {ServiceError} INFERENCE_FAILED if the graph gave too few numbers, or one that the head may not answer. */
export type HeadDecoder = (row: Row) => HeadAnswer;

const DOUBLE = { double: true } as const;
type SequenceLabels = Extract<ManifestHead, { kind: 'sequence-labels' }>;
type Regression = Extract<ManifestHead, { kind: 'regression' }>;
type Labelled = Exclude<ManifestHead, SequenceLabels | Regression | Gaussian | { kind: 'tensor' }>;

/** @param noteOdd hears of an output that gave a row numbers which are not finite, as often as it does. */
export function headDecoder(head: SignatureHead, noteOdd: (output: string) => void = () => {}): HeadDecoder {
  const { spec } = head;
  const odd: Odd = (tensor, row, index, value) => {
    noteOdd(tensor);
    if (spec.nonFinite === 'error') throw notFinite(tensor, row, index, value, OFFER);
    return null;
  };
  if (spec.kind === 'tensor') return row => tensorAnswer(head, row, odd);
  if (spec.kind === 'sequence-labels') return spansDecoder(head, spec, odd);
  const decode =
    spec.kind === 'regression'
      ? valueDecoder(head, spec, odd)
      : spec.kind === 'gaussian'
        ? normalDecoder(head, spec, odd)
        : labelDecoder(head, spec, odd);
  if (spec.per === 'sequence') return row => decode(row, 1)[0];
  return row => decode(row, row.sequence.parts[head.follows]?.length ?? 1);
}

function tensorAnswer({ spec, axes, follows }: SignatureHead, row: Row, odd: Odd): TensorAnswer {
  const { dtype } = row.outputs[spec.tensor];
  const { dims, data } = rowOf(row, spec.tensor, axes, follows);
  const values = plainValues(dtype, data);
  const bad = dtype.startsWith('float') ? values.findIndex(value => !Number.isFinite(value)) : -1;
  if (bad >= 0) odd(spec.tensor, row, bad, values[bad] as number);
  return { dtype, dims, values };
}

function spansDecoder(head: SignatureHead, { tensor, labels, transitions }: SequenceLabels, odd: Odd): HeadDecoder {
  const decode = chainDecoder(labels, transitions);
  const spanOf = spanReader(head);
  return row => {
    const part = row.sequence.parts[head.follows];
    const steps = part?.length ?? 1;
    const { data, start, clean } = spanOf(row, tensor, steps);
    const bad = clean ? -1 : oddScore(data, start, steps * head.width);
    if (bad >= 0) return odd(tensor, row, bad, data[start + bad]);
    const { labels: path, probability } = decode(data, start, steps);
    if (Number.isNaN(probability)) return odd(tensor, row, 0, probability); // no path is possible
    return { spans: spansOf(labels, path, part?.origin), path, probability };
  };
}

/** The place of the first score that says nothing; -Infinity says that a label cannot be. */
function oddScore(data: Floats, start: number, count: number): number {
  for (let i = 0; i < count; i++) if (!(data[start + i] < Infinity)) return i;
  return -1;
}

/** Decodes so many steps of a row, each from the values that begin at a place of the run's data. */
function labelDecoder(head: SignatureHead, spec: Labelled, odd: Odd): (row: Row, steps: number) => (Answer | null)[] {
  const { width } = head;
  const spanOf = spanReader(head);
  const answer = answererOf(spec, width);
  return (row, steps) => {
    const { data, start, clean } = spanOf(row, spec.tensor, steps);
    const at = (s: number) => {
      const from = start + s * width;
      const bad = clean ? -1 : oddAmong(data, from, width, spec);
      return bad < 0 ? answer(data, from, row) : odd(spec.tensor, row, s * width + bad, data[from + bad]);
    };
    if (steps === 1) return [at(0)];
    return Array.from({ length: steps }, (_, s) => at(s));
  };
}

/** The place of a value of which no probability can be made. Logits may be infinite: that is 0 or 1. */
function oddAmong(data: Floats, start: number, width: number, { activation, kind }: Labelled): number {
  let possible = false;
  for (let i = 0; i < width; i++) {
    const value = data[start + i];
    const exclusive = kind === 'multiclass' && value === Infinity; // nothing of it is left for the other labels
    if (Number.isNaN(value) || exclusive || (activation === 'none' && !Number.isFinite(value))) return i;
    possible ||= value > -Infinity;
  }
  return possible || kind !== 'multiclass' ? -1 : 0;
}

function answererOf(spec: Labelled, width: number): (data: Floats, start: number, row: Row) => Answer {
  const logits = spec.activation === 'logits';
  const slice = (data: Floats, start: number) => data.subarray(start, start + width);
  /** Each value by itself. */
  const each = (values: Floats, row: Row) => (logits ? Float64Array.from(values, sigmoid) : probable(values, row));
  switch (spec.kind) {
    case 'binary':
      return (data, start, row) => {
        const value = data[start];
        const inside = value >= 0 && value <= 1; // almost always: then nothing is allocated
        const p = logits ? sigmoid(value) : inside ? value : probable([value], row)[0];
        return { label: p >= spec.threshold ? 1 : 0, probabilities: [1 - p, p] };
      };
    case 'multiclass':
      return (data, start, row) => {
        const values = slice(data, start);
        return { label: largest(values), probabilities: logits ? softmax(values) : probable(values, row) };
      };
    case 'ordinal':
      return (data, start, row) => {
        const probabilities = spread(each(slice(data, start), row));
        return { label: largest(probabilities), probabilities };
      };
    case 'multilabel':
      return (data, start, row) => {
        const probabilities = each(slice(data, start), row);
        return { labels: labelsFrom(probabilities, spec.threshold), probabilities };
      };
  }
}

export function labelsFrom(probabilities: Floats, threshold: number): number[] {
  return Array.from(probabilities.keys()).filter(i => probabilities[i] >= threshold);
}

/** Values on the manifest's scale, in float64. */
function valueDecoder(
  head: SignatureHead,
  { tensor, interval, scale, offset }: Regression,
  odd: Odd,
): (row: Row, steps: number) => ValueAnswer[] {
  const spanOf = spanReader(head);
  const plain = scale === 1 && offset === 0;
  const [low, high] = scale > 0 ? [interval?.lower, interval?.upper] : [interval?.upper, interval?.lower];
  return (row, steps) => {
    const real = ({ data, start }: Span, step: number) => {
      const given = data[start + step];
      const value = plain ? given : given * scale + offset;
      if (!Number.isFinite(value)) odd(tensor, row, step, value);
      return value;
    };
    const values = spanOf(row, tensor, steps);
    const lower = low === undefined ? undefined : spanOf(row, low, steps);
    const upper = high === undefined ? undefined : spanOf(row, high, steps);
    const digits = !plain || row.outputs[tensor].dtype === 'float64' ? DOUBLE : {};
    return Array.from({ length: steps }, (_, s) =>
      lower && upper
        ? { value: real(values, s), lower: real(lower, s), upper: real(upper, s), ...digits }
        : { value: real(values, s), ...digits },
    );
  };
}
