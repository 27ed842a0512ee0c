// Sequences as a request of the Open Inference Protocol with binary tensors: less to write and to read than JSON where
// there are many numbers. What this form cannot say, or what the server would refuse, is left to JSON and the server's words.
import type { Description, FeatureSpec, HeadSpec, InputSpec } from './shapes.ts';

export interface Encoded {
  readonly body: Uint8Array<ArrayBuffer>;
  readonly headers: Readonly<Record<string, string>>;
  readonly lengths: readonly number[];
  readonly heads: readonly HeadSpec[];
}

/** Padding may double what is sent, and no more. */
const MOST_PADDING = 2;

/**
 * Undefined where JSON it has to be: fewer than `leastNumbers` numbers, inputs or heads without a plain layout, values
 * out of range, or lengths so different that the padding would outweigh the text.
 */
export function encodeBinary(
  { inputs, heads: all }: Description,
  sequences: readonly unknown[],
  names: readonly string[] | undefined,
  leastNumbers: number,
): Encoded | undefined {
  const heads = names ? names.map(name => all.find(head => head.name === name)) : all;
  const [input, ...others] = inputs;
  if (others.length > 0 || !input || !isPlain(input) || !heads.every(isBinary) || sequences.length === 0)
    return undefined;
  const { minimum, maximum } = input.time ?? { minimum: 1, maximum: Number.POSITIVE_INFINITY };
  const lengths: number[] = [];
  for (const sequence of sequences) {
    if (!Array.isArray(sequence) || sequence.length < minimum || sequence.length > maximum) return undefined;
    lengths.push(sequence.length);
  }
  const width = input.features?.length ?? 1;
  const longest = Math.max(...lengths);
  const steps = lengths.reduce((sum, length) => sum + length, 0);
  const padded = sequences.length * longest;
  if (steps * width < leastNumbers || padded > MOST_PADDING * steps) return undefined;
  if (input.mask || (!input.lengths && padded !== steps)) return undefined; // a mask's datatype is not described
  const values = fill(input, sequences as unknown[][], longest);
  return values && assemble(input, values, lengths, longest, heads);
}

function isPlain({ kind, batchAxis, timeAxis }: InputSpec): boolean {
  return (kind === 'numeric' || kind === 'index') && (batchAxis ?? 0) === 0 && (timeAxis ?? 1) === 1;
}

/** Heads whose answers can be read from the graph's own numbers. */
const READABLE: readonly string[] = ['binary', 'multiclass', 'multilabel', 'ordinal', 'regression'];

function isBinary(head: HeadSpec | undefined): head is HeadSpec {
  if (!head || !READABLE.includes(head.kind)) return false;
  if (head.calibration || head.conformal) return false; // tensors are the graph's own, and not put right
  return (head.batchAxis ?? 0) === 0 && (head.timeAxis ?? 1) === 1;
}

type Values = Float32Array<ArrayBuffer> | BigInt64Array<ArrayBuffer>;

/** [sequence, step, feature], zero where padded; undefined if a value is not what the model takes. */
function fill(input: InputSpec, sequences: readonly (readonly unknown[])[], longest: number): Values | undefined {
  return input.kind === 'index' ? fillIds(input, sequences, longest) : fillNumbers(input, sequences, longest);
}

function fillIds(
  { size = 0 }: InputSpec,
  sequences: readonly (readonly unknown[])[],
  longest: number,
): Values | undefined {
  const ids = new BigInt64Array(sequences.length * longest);
  for (const [s, steps] of sequences.entries()) {
    for (const [t, id] of steps.entries()) {
      if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id >= size) return undefined;
      ids[s * longest + t] = BigInt(id);
    }
  }
  return ids;
}

function fillNumbers(
  { features = [] }: InputSpec,
  sequences: readonly (readonly unknown[])[],
  longest: number,
): Values | undefined {
  const read = features.map(reader);
  const numbers = new Float32Array(sequences.length * longest * read.length);
  for (const [s, steps] of sequences.entries()) {
    for (const [t, step] of steps.entries()) {
      if (typeof step !== 'object' || step === null || Object.keys(step).length !== read.length) return undefined;
      const listed = Array.isArray(step);
      const start = (s * longest + t) * read.length;
      for (let f = 0; f < read.length; f++) {
        const value = read[f]((step as Record<string | number, unknown>)[listed ? f : features[f].name]);
        if (value === undefined) return undefined;
        numbers[start + f] = value;
      }
    }
  }
  return numbers;
}

/** The number that stands for a feature's value, if the value is allowed. */
function reader({ minimum = -3.4e38, maximum = 3.4e38, integer, missing, categories }: FeatureSpec) {
  const indices = new Map(categories?.map((label, index) => [label, index]));
  const most = categories ? categories.length - 1 : maximum;
  const least = categories ? 0 : minimum;
  const whole = integer || categories !== undefined;
  return (value: unknown): number | undefined => {
    if (value === null) return missing ? Number.NaN : undefined;
    if (typeof value === 'string') return indices.get(value);
    if (typeof value !== 'number' || !(value >= least && value <= most)) return undefined;
    return whole && !Number.isInteger(value) ? undefined : value;
  };
}

/** The JSON header, then each tensor's bytes, little-endian as every platform of JavaScript is. */
function assemble(
  input: InputSpec,
  values: Values,
  lengths: readonly number[],
  longest: number,
  heads: readonly HeadSpec[],
): Encoded {
  const rows = lengths.length;
  const numeric = values instanceof Float32Array;
  const shape = numeric ? [rows, longest, values.length / rows / longest] : [rows, longest];
  const tensors = [{ name: input.tensor, datatype: numeric ? 'FP32' : 'INT64', shape, bytes: bytesOf(values) }];
  if (input.lengths) {
    const bytes = bytesOf(BigInt64Array.from(lengths, BigInt));
    tensors.push({ name: input.lengths, datatype: 'INT64', shape: [rows], bytes });
  }
  const outputs = heads.flatMap(({ tensor, interval }) => [
    tensor,
    ...(interval ? [interval.lower, interval.upper] : []),
  ]);
  const header = new TextEncoder().encode(
    JSON.stringify({
      parameters: { binary_data_output: true },
      inputs: tensors.map(({ bytes, ...tensor }) => ({ ...tensor, parameters: { binary_data_size: bytes.length } })),
      outputs: [...new Set(outputs)].map(name => ({ name })),
    }),
  );
  const body = new Uint8Array(tensors.reduce((sum, { bytes }) => sum + bytes.length, header.length));
  body.set(header);
  let offset = header.length;
  for (const { bytes } of tensors) {
    body.set(bytes, offset);
    offset += bytes.length;
  }
  const headers = {
    'content-type': 'application/octet-stream',
    'inference-header-content-length': `${header.length}`,
  };
  return { body, headers, lengths, heads };
}

function bytesOf(values: Values): Uint8Array<ArrayBuffer> {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}
