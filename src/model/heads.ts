// Head rows to answers: sigmoid, softmax, thresholds, labels; per sequence or per time step; or the row as it is.
import { ServiceError } from '../core/errors.ts';
import { fromFloat16 } from '../core/float16.ts';
import type { DType, TensorData } from '../core/tensor.ts';
import { type Row, rowOf } from '../sequence/collate.ts';
import { plainValues } from '../sequence/nested.ts';
import { rowsAreRuns } from '../sequence/rows.ts';
import type { SignatureHead } from './signature.ts';

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
  readonly lower?: number;
  readonly upper?: number;
}
/** The graph's own numbers, row-major in the shape `dims`. */
export interface TensorAnswer {
  readonly dtype: DType;
  readonly dims: readonly number[];
  readonly values: readonly (number | bigint | string | boolean)[];
}
export type Answer = ClassAnswer | MultilabelAnswer | ValueAnswer;

/** A head's answer for one sequence: one answer, one per time step, or a tensor's row. */
export type HeadAnswer = Answer | readonly Answer[] | TensorAnswer;

/** @throws {ServiceError} INFERENCE_FAILED if the graph gave a number that is not finite, or too few of them. */
export type HeadDecoder = (row: Row) => HeadAnswer;

type Floats = Float32Array | Float64Array;

export function headDecoder(head: SignatureHead): HeadDecoder {
  const { spec } = head;
  if (spec.kind === 'tensor') return row => tensorAnswer(head, row);
  const decode = decoderOfKind(head);
  if (spec.per === 'sequence') return row => decode(row, 1)[0];
  return row => decode(row, row.sequence.parts[head.follows]?.length ?? 1);
}

function tensorAnswer({ spec, axes, follows }: SignatureHead, row: Row): TensorAnswer {
  const { dtype } = row.outputs[spec.tensor];
  const { dims, data } = rowOf(row, spec.tensor, axes, follows);
  const values = plainValues(dtype, data);
  const bad = dtype.startsWith('float') ? values.findIndex(value => !Number.isFinite(value)) : -1;
  if (bad >= 0) throw notFinite(spec.tensor, row, bad, values[bad]);
  return { dtype, dims, values };
}

/** Decodes so many steps of a row. */
function decoderOfKind(head: SignatureHead): (row: Row, steps: number) => Answer[] {
  const { spec, width } = head;
  const spanOf = spanReader(head);
  /** One answer a step, each from the values that begin at a place of the run's data. */
  const each = (row: Row, steps: number, answer: (data: Floats, start: number) => Answer) => {
    const { data, start } = spanOf(row, spec.tensor, steps);
    if (steps === 1) return [answer(data, start)];
    return Array.from({ length: steps }, (_, s) => answer(data, start + s * width));
  };
  const slice = (data: Floats, start: number) => data.subarray(start, start + width);
  switch (spec.kind) {
    case 'binary': {
      const probability = spec.activation === 'logits' ? sigmoid : (value: number) => value;
      return (row, steps) =>
        each(row, steps, (data, start) => {
          const p = probability(data[start]);
          return { label: p >= spec.threshold ? 1 : 0, probabilities: [1 - p, p] };
        });
    }
    case 'multiclass':
      return (row, steps) =>
        each(row, steps, (data, start) => {
          const values = slice(data, start);
          return { label: largest(values), probabilities: spec.activation === 'logits' ? softmax(values) : values };
        });
    case 'ordinal':
      return (row, steps) =>
        each(row, steps, (data, start) => {
          const values = slice(data, start);
          const probabilities = spread(spec.activation === 'logits' ? Float64Array.from(values, sigmoid) : values);
          return { label: largest(probabilities), probabilities };
        });
    case 'multilabel':
      return (row, steps) =>
        each(row, steps, (data, start) => {
          const values = slice(data, start);
          const probabilities = spec.activation === 'logits' ? Float64Array.from(values, sigmoid) : values;
          const labels = Array.from(probabilities.keys()).filter(i => probabilities[i] >= spec.threshold);
          return { labels, probabilities };
        });
    case 'regression': {
      const { interval, scale, offset } = spec;
      const plain = scale === 1 && offset === 0;
      const real = (value: number) => (plain ? value : value * scale + offset);
      if (!interval) return (row, steps) => each(row, steps, (data, start) => ({ value: real(data[start]) }));
      const [low, high] = scale > 0 ? [interval.lower, interval.upper] : [interval.upper, interval.lower];
      return (row, steps) => {
        const lower = spanOf(row, low, steps);
        const upper = spanOf(row, high, steps);
        let step = 0;
        return each(row, steps, (data, start) => {
          const s = step++;
          return {
            value: real(data[start]),
            lower: real(lower.data[lower.start + s]),
            upper: real(upper.data[upper.start + s]),
          };
        });
      };
    }
    case 'tensor':
      throw new Error('a tensor head is not decoded');
  }
}

/** Where a row's values lie, a step after the other. */
interface Span {
  readonly data: Floats;
  readonly start: number;
}

/** Finds the values of `steps` steps of a row, without a copy where the layout allows, and checks that they are finite. */
function spanReader({ axes, follows, width }: SignatureHead): (row: Row, tensor: string, steps: number) => Span {
  const runs = rowsAreRuns(axes);
  return (row, tensor, steps) => {
    const output = row.outputs[tensor];
    const half = output.dtype === 'float16';
    const whole = runs ? output.data : rowOf(row, tensor, axes, follows).data;
    const stride = runs ? whole.length / row.batchSize : whole.length;
    const start = runs ? row.index * stride : 0;
    const count = steps * width;
    if (stride < count) throw notFinite(tensor, row, stride, 'missing');
    const data = (
      half ? Float32Array.from(whole.slice(start, start + count) as Uint16Array, fromFloat16) : whole
    ) as Floats;
    const from = half ? 0 : start;
    for (let i = from; i < from + count; i++) {
      if (!Number.isFinite(data[i])) throw notFinite(tensor, row, i - from, data[i]);
    }
    return { data, start: from };
  };
}

function notFinite(tensor: string, row: Row, index: number, value: TensorData[number] | boolean): ServiceError {
  return new ServiceError('INFERENCE_FAILED', 'the model gave an answer that is not a finite number', {
    cause: new Error(`output "${tensor}" row ${row.index} value ${index} is ${value}`),
  });
}

function largest(values: Floats): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i] > values[best]) best = i;
  return best;
}

function sigmoid(logit: number): number {
  return 1 / (1 + Math.exp(-logit));
}

/** Softmax in float64, shifted by the largest logit so that nothing overflows. */
function softmax(logits: Floats): Float64Array {
  const top = logits[largest(logits)];
  const exponentials = Float64Array.from(logits, logit => Math.exp(logit - top));
  const sum = exponentials.reduce((total, value) => total + value, 0);
  return exponentials.map(value => value / sum);
}

/**
 * Probabilities of ordered labels from P(beyond label k), which are first made to fall: no label gets less than nothing
 * (Frank and Hall, "A Simple Approach to Ordinal Classification", 2001).
 */
function spread(beyond: Floats): Float64Array {
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
