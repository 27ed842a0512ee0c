// Head rows to answers: sigmoid, softmax, thresholds, labels; per sequence or per time step; or the row as it is.
import { ServiceError } from '../core/errors.ts';
import { fromFloat16 } from '../core/float16.ts';
import type { DType, TensorData } from '../core/tensor.ts';
import { type Row, rowOf, rowValues } from './collate.ts';
import { plainValues } from './nested.ts';
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
  const each = (row: Row, steps: number, answer: (values: Floats) => Answer) => {
    const values = floatsOf(head, row, spec.tensor, steps);
    return Array.from({ length: steps }, (_, s) => answer(values.subarray(s * width, (s + 1) * width)));
  };
  switch (spec.kind) {
    case 'binary': {
      const probability = spec.activation === 'logits' ? sigmoid : (value: number) => value;
      return (row, steps) =>
        each(row, steps, values => {
          const p = probability(values[0]);
          return { label: p >= spec.threshold ? 1 : 0, probabilities: [1 - p, p] };
        });
    }
    case 'multiclass':
      return (row, steps) =>
        each(row, steps, values => ({
          label: largest(values),
          probabilities: spec.activation === 'logits' ? softmax(values) : values,
        }));
    case 'ordinal':
      return (row, steps) =>
        each(row, steps, values => {
          const beyond = spec.activation === 'logits' ? Float64Array.from(values, sigmoid) : values;
          const probabilities = spread(beyond);
          return { label: largest(probabilities), probabilities };
        });
    case 'multilabel':
      return (row, steps) =>
        each(row, steps, values => {
          const probabilities = spec.activation === 'logits' ? Float64Array.from(values, sigmoid) : values;
          const labels = Array.from(probabilities.keys()).filter(i => probabilities[i] >= spec.threshold);
          return { labels, probabilities };
        });
    case 'regression': {
      const { interval, scale, offset } = spec;
      const plain = scale === 1 && offset === 0;
      const read = (row: Row, tensor: string, steps: number) => {
        const values = floatsOf(head, row, tensor, steps);
        return plain ? values : Float64Array.from(values, value => value * scale + offset);
      };
      if (!interval) return (row, steps) => Array.from(read(row, spec.tensor, steps), value => ({ value }));
      const [low, high] = scale > 0 ? [interval.lower, interval.upper] : [interval.upper, interval.lower];
      return (row, steps) => {
        const lower = read(row, low, steps);
        const upper = read(row, high, steps);
        return Array.from(read(row, spec.tensor, steps), (value, s) => ({ value, lower: lower[s], upper: upper[s] }));
      };
    }
    case 'tensor':
      throw new Error('a tensor head is not decoded');
  }
}

/** The values of `steps` steps of a row, checked to be finite. */
function floatsOf({ axes, follows, width }: SignatureHead, row: Row, tensor: string, steps: number): Floats {
  const all = rowValues(row, tensor, axes, follows);
  const data = row.outputs[tensor].dtype === 'float16' ? Float32Array.from(all as Uint16Array, fromFloat16) : all;
  const values = (data as Floats).subarray(0, steps * width);
  if (values.length < steps * width) throw notFinite(tensor, row, values.length, 'missing');
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i])) throw notFinite(tensor, row, i, values[i]);
  }
  return values;
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
