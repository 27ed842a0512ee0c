// Raw outputs of the Open Inference Protocol to the answers that the REST API gives: labels, probabilities, values.
import type { Encoded } from './binary.ts';
import { Problem } from './problem.ts';
import type { AnyAnswer, Detail, HeadSpec } from './shapes.ts';

type Floats = Float32Array | Float64Array;
interface Output {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  readonly parameters: { readonly binary_data_size: number };
}
interface Answers {
  readonly length: number;
  readonly heads: Readonly<Record<string, AnyAnswer | null>>;
}

/** The predictions in a reply to `encodeBinary`'s request. @throws {Problem} BAD_REPLY */
export function decodeBinary(
  { heads, lengths }: Encoded,
  headers: Headers,
  bytes: Uint8Array,
  detail: Detail | undefined,
): Answers[] {
  const tensors = readTensors(bytes, Number(headers.get('inference-header-content-length')));
  const tensor = (name: string) => {
    const found = tensors.get(name);
    if (!found) throw new Problem('BAD_REPLY', `the reply lacks the output ${name}`);
    return found;
  };
  const columns = heads.map(head => {
    const values = tensor(head.tensor);
    const bounds = head.interval && [tensor(head.interval.lower), tensor(head.interval.upper)];
    const decode = decoder(head, detail);
    const stride = values.length / lengths.length;
    const width = widthOf(head);
    return (row: number, length: number) => {
      const at = (step: number) => {
        const start = row * stride + step * width;
        const boundsHere = bounds?.map(bound => bound[(row * bound.length) / lengths.length + step]);
        return decode(values.subarray(start, start + width), boundsHere);
      };
      return head.per === 'step' ? { steps: Array.from({ length }, (_, step) => at(step)) } : at(0);
    };
  });
  return lengths.map((length, row) => ({
    length,
    heads: Object.fromEntries(heads.map((head, h) => [head.name, columns[h](row, length)])),
  }));
}

function readTensors(bytes: Uint8Array, headerLength: number): Map<string, Floats> {
  const text = new TextDecoder().decode(bytes.subarray(0, headerLength));
  const { outputs } = JSON.parse(text) as { outputs: Output[] };
  let offset = headerLength;
  return new Map<string, Floats>(
    outputs.map(({ name, datatype, parameters }): [string, Floats] => {
      // Copied, because a typed array begins at a multiple of its element size and these do not.
      const part = bytes.slice(offset, offset + parameters.binary_data_size).buffer;
      offset += parameters.binary_data_size;
      if (datatype === 'FP32') return [name, new Float32Array(part)];
      if (datatype === 'FP64') return [name, new Float64Array(part)];
      throw new Problem('BAD_REPLY', `output ${name} has the datatype ${datatype}, expected FP32 or FP64`);
    }),
  );
}

function widthOf({ kind, labels = [] }: HeadSpec): number {
  if (kind === 'regression' || kind === 'binary') return 1;
  return kind === 'ordinal' ? labels.length - 1 : labels.length;
}

/** One answer from a head's values at one place, as the server makes it for REST. */
function decoder(
  head: HeadSpec,
  detail: Detail | undefined,
): (values: Floats, bounds: number[] | undefined) => AnyAnswer | null {
  const { kind, labels = [], threshold = 0.5, activation, unit, scale = 1, offset = 0, per } = head;
  const told = detail ?? (per === 'step' ? 'top' : 'all');
  if (kind === 'regression') {
    const real = (given: number) => {
      const value = given * scale + offset;
      if (Number.isFinite(value)) return value;
      return missing(head);
    };
    return ([value], bounds) => {
      const between = scale > 0 ? bounds : bounds?.toReversed();
      const interval = between && { lower: real(between[0]), upper: real(between[1]) };
      return { value: real(value), ...interval, ...(unit === undefined ? {} : { unit }) };
    };
  }
  const logits = activation === 'logits';
  const distribution = (values: ArrayLike<number>) =>
    Object.fromEntries(labels.map((label, index) => [label, values[index]]));
  if (kind === 'multilabel') {
    return values => {
      if (isOdd(values, kind, logits)) return missing(head);
      const probabilities = logits ? Array.from(values, sigmoid) : values;
      const chosen = labels.filter((_, index) => probabilities[index] >= threshold);
      return {
        labels: chosen,
        ...((detail ?? 'all') === 'none' ? {} : { probabilities: distribution(probabilities) }),
      };
    };
  }
  return values => {
    if (isOdd(values, kind, logits)) return missing(head);
    const probabilities = probabilitiesOf(kind, values, logits);
    const best = kind === 'binary' ? Number(probabilities[1] >= threshold) : largest(probabilities);
    return {
      label: labels[best],
      ...(told === 'none' ? {} : { probability: probabilities[best] }),
      ...(told === 'all' ? { probabilities: distribution(probabilities) } : {}),
    };
  };
}

/** What stands where a model gives no finite number, as the server answers it. @throws {Problem} INFERENCE_FAILED */
function missing({ nonFinite }: HeadSpec): null {
  if (nonFinite === 'null') return null;
  throw new Problem('INFERENCE_FAILED', 'the model gave an answer that is not a finite number');
}

/** Whether no probability can be made of the values. Logits may be infinite: that is 0 or 1. */
function isOdd(values: Floats, kind: HeadSpec['kind'], logits: boolean): boolean {
  if (values.every(Number.isFinite)) return false;
  if (!logits || values.some(Number.isNaN)) return true;
  return kind === 'multiclass' && (values.includes(Infinity) || values.every(value => value === -Infinity));
}

function probabilitiesOf(kind: HeadSpec['kind'], values: Floats, logits: boolean): ArrayLike<number> {
  if (kind === 'multiclass') return logits ? softmax(values) : values;
  const each = logits ? Array.from(values, sigmoid) : [...values];
  if (kind === 'binary') return [1 - each[0], each[0]];
  // Ordinal: each value is P(beyond label k), made to fall (Frank and Hall, 2001).
  let above = 1;
  const spread = each.map(beyond => {
    const next = Math.min(above, beyond);
    const here = above - next;
    above = next;
    return here;
  });
  return [...spread, above];
}

function sigmoid(logit: number): number {
  return 1 / (1 + Math.exp(-logit));
}

function softmax(values: Floats): number[] {
  const top = Math.max(...values);
  const exponentials = Array.from(values, value => Math.exp(value - top));
  const sum = exponentials.reduce((total, value) => total + value, 0);
  return exponentials.map(value => value / sum);
}

function largest(values: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i] > values[best]) best = i;
  return best;
}
