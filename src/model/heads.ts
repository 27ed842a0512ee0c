// Head rows to answers: sigmoid, softmax, thresholds, labels; per sequence or per time step.
import { ServiceError } from '../core/errors.ts';
import type { NumericData } from '../core/tensor.ts';
import type { Row } from './collate.ts';
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
export type Answer = ClassAnswer | MultilabelAnswer | ValueAnswer;

/** A head's answer for one sequence: one answer, or one per time step. */
export type HeadAnswer = Answer | readonly Answer[];

/** @throws {ServiceError} INFERENCE_FAILED if the graph gave a number that is not finite, or too few of them. */
export type HeadDecoder = (row: Row) => HeadAnswer;

type AnswerAt = (row: Row, step: number) => Answer;

export function headDecoder(head: SignatureHead): HeadDecoder {
  const answerAt = decoderOfKind(head);
  if (head.spec.per === 'sequence') return row => answerAt(row, 0);
  return row => Array.from({ length: row.length }, (_, step) => answerAt(row, step));
}

function decoderOfKind(head: SignatureHead): AnswerAt {
  const { spec, width } = head;
  const values = (row: Row, step: number, tensor = spec.tensor) => valuesAt(row, tensor, step, width);
  switch (spec.kind) {
    case 'binary': {
      const probability = spec.activation === 'logits' ? sigmoid : (value: number) => value;
      return (row, step) => {
        const p = probability(values(row, step)[0]);
        return { label: p >= spec.threshold ? 1 : 0, probabilities: [1 - p, p] };
      };
    }
    case 'multiclass':
      return (row, step) => {
        const raw = values(row, step);
        return { label: largest(raw), probabilities: spec.activation === 'logits' ? softmax(raw) : raw };
      };
    case 'multilabel':
      return (row, step) => {
        const raw = values(row, step);
        const probabilities = spec.activation === 'logits' ? Array.from(raw, sigmoid) : raw;
        const labels = Array.from(probabilities.keys()).filter(i => probabilities[i] >= spec.threshold);
        return { labels, probabilities };
      };
    case 'regression': {
      const { interval } = spec;
      if (!interval) return (row, step) => ({ value: values(row, step)[0] });
      return (row, step) => ({
        value: values(row, step)[0],
        lower: values(row, step, interval.lower)[0],
        upper: values(row, step, interval.upper)[0],
      });
    }
  }
}

type FloatData = Float32Array | Float64Array;

/** The `width` values of one row (and time step) of an output [batch, (time,) width], checked to be finite. */
function valuesAt(row: Row, tensor: string, step: number, width: number): FloatData {
  const data = row.outputs[tensor].data as NumericData as FloatData;
  const start = row.index * (data.length / row.batchSize) + step * width;
  const values = data.subarray(start, start + width);
  for (let i = 0; i < width; i++) {
    if (!Number.isFinite(values[i])) {
      throw new ServiceError('INFERENCE_FAILED', 'the model gave an answer that is not a finite number', {
        cause: new Error(`output "${tensor}" row ${row.index} step ${step} value ${i} is ${values[i]}`),
      });
    }
  }
  return values;
}

function largest(values: FloatData): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i] > values[best]) best = i;
  return best;
}

function sigmoid(logit: number): number {
  return 1 / (1 + Math.exp(-logit));
}

/** Softmax in float64, shifted by the largest logit so that nothing overflows. */
function softmax(logits: FloatData): Float64Array {
  const top = logits[largest(logits)];
  const exponentials = Float64Array.from(logits, logit => Math.exp(logit - top));
  const sum = exponentials.reduce((total, value) => total + value, 0);
  return exponentials.map(value => value / sum);
}
