// The values of a row in an output of the graph, where the layout allows without a copy, and what is said of those that are no numbers.
import { ServiceError } from '../core/errors.ts';
import { fromFloat16 } from '../core/float16.ts';
import type { SignatureHead } from '../model/signature.ts';
import { type Row, rowOf } from './collate.ts';
import { rowsAreRuns } from './rows.ts';

export type Floats = Float32Array | Float64Array;

/** Told of a value that is not finite; gives what is answered instead. @throws {ServiceError} INFERENCE_FAILED where the manifest wants an error. */
export type Odd = (tensor: string, row: Row, index: number, value: number) => null;

/** Where a row's values lie, a step after the other. */
export interface Span {
  readonly data: Floats;
  readonly start: number;
  /** Whether all of them are finite. */
  readonly clean: boolean;
}

export type SpanReader = (row: Row, tensor: string, steps: number) => Span;

/** Finds the values of `steps` steps of a row, without a copy where the layout allows. */
export function spanReader({ axes, follows, width }: SignatureHead): SpanReader {
  const runs = rowsAreRuns(axes);
  return (row, tensor, steps) => {
    const output = row.outputs[tensor];
    const half = output.dtype === 'float16';
    const whole = runs ? output.data : rowOf(row, tensor, axes, follows).data;
    const stride = runs ? whole.length / row.batchSize : whole.length;
    const start = runs ? row.index * stride : 0;
    const count = steps * width;
    if (stride < count) throw notFinite(tensor, row, stride, 'missing', '');
    const data = (
      half ? Float32Array.from(whole.slice(start, start + count) as Uint16Array, fromFloat16) : whole
    ) as Floats;
    const from = half ? 0 : start;
    let clean = true;
    for (let i = from; i < from + count; i++) clean &&= Number.isFinite(data[i]);
    return { data, start: from, clean };
  };
}

/** What the log and a refused model's line say besides. */
export const OFFER = '; the manifest may say "nonFinite": "null" of the head';

export function notFinite(
  tensor: string,
  row: Row,
  index: number,
  value: number | string,
  offer: string,
): ServiceError {
  return new ServiceError('INFERENCE_FAILED', 'the model gave an answer that is not a finite number', {
    cause: new Error(`output "${tensor}" row ${row.index} value ${index} is ${value}${offer}`),
  });
}
