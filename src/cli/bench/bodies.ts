// Requests for a load: numbers by chance that the model takes, as the server itself describes it.
import { LoadError } from '../../core/errors.ts';
import type { Feature, ManifestInput } from '../../model/manifest.ts';
import { randomNumbers } from '../../proof/samples.ts';

/** What each request of a load holds. */
export interface Shape {
  readonly name: string;
  readonly sequences: number;
  /** Least and greatest length; each from the one to the other in turn. */
  readonly steps: readonly [number, number];
}

export const SHAPES: Readonly<Record<string, Shape>> = {
  W1: { name: 'one sequence of 10 steps', sequences: 1, steps: [10, 10] },
  W2: { name: 'one sequence of 8 to 64 steps', sequences: 1, steps: [8, 64] },
  W3: { name: '32 sequences of 10 steps', sequences: 32, steps: [10, 10] },
};

/** A tensor as the metadata of the Open Inference Protocol tells it; -1 where a size is open. */
export interface TensorMetadata {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
}

export interface Described {
  /** What a Polyhead tells of its inputs. */
  readonly inputs?: readonly ManifestInput[];
  /** What a server of the Open Inference Protocol tells. */
  readonly tensors?: readonly TensorMetadata[];
  readonly outputs?: readonly TensorMetadata[];
}

export interface Body {
  readonly bytes: Buffer;
  /** Bytes of the JSON before binary tensors. */
  readonly jsonBytes?: number;
}

const BODIES = 64;

export function bodiesOf(described: Described, shape: Shape, binary: boolean): Body[] {
  const random = randomNumbers(7);
  const [least, most] = shape.steps;
  return Array.from({ length: BODIES }, (_, i) => {
    const steps = least + ((i * 7) % (most - least + 1));
    if (described.tensors) return tensorBody(described, shape.sequences, steps, binary, random);
    const inputs = (described.inputs ?? []).filter(input => input.kind !== 'side');
    const sequence = () => {
      const values = inputs.map(input => rowValues(input, steps, random));
      return inputs.length === 1 ? values[0] : Object.fromEntries(inputs.map(({ name }, k) => [name, values[k]]));
    };
    return { bytes: Buffer.from(JSON.stringify({ sequences: Array.from({ length: shape.sequences }, sequence) })) };
  });
}

/** @throws {LoadError} for inputs whose shape only their callers know. */
function rowValues(input: Exclude<ManifestInput, { kind: 'side' }>, steps: number, random: () => number): unknown {
  if (input.kind === 'tensor')
    throw new LoadError(`input "${input.name}" is a tensor of its caller's: bring a request with --body`);
  const value = (): unknown => {
    if (input.kind === 'index') return Math.floor(random() * input.size);
    return input.kind === 'token'
      ? (input.values?.[0] ?? 'a')
      : input.features.map(feature => featureValue(feature, random));
  };
  return Array.from({ length: steps }, value);
}

/** Within the bounds, and within ten of the lower one: extremes are no usual load. */
function featureValue({ categories, minimum, maximum, integer }: Feature, random: () => number): number {
  if (categories) return Math.floor(random() * categories.length);
  const low = minimum ?? Math.min(0, maximum ?? 0);
  const value = low + random() * Math.min(10, (maximum ?? Infinity) - low);
  return integer ? Math.floor(value) : Math.round(10 * value) / 10;
}

function tensorBody(
  { tensors = [], outputs = [], inputs }: Described,
  rows: number,
  steps: number,
  binary: boolean,
  random: () => number,
): Body {
  const parts: Buffer[] = [];
  const given = tensors.map(({ name, datatype, shape }) => {
    let open = 0;
    const dims = shape.map(dim => (dim >= 0 ? dim : open++ === 0 ? rows : steps));
    const count = dims.reduce((product, dim) => product * dim, 1);
    const input = inputs?.find(i => i.tensor === name);
    const value = elementOf(datatype, open < 2, steps, input, random);
    const values = Array.from({ length: count }, (_, i) => value(i));
    const head = { name, datatype, shape: dims };
    if (!binary) return { ...head, data: values };
    const bytes = bytesOf(datatype, values);
    parts.push(bytes);
    return { ...head, parameters: { binary_data_size: bytes.length } };
  });
  const wanted = outputs.map(({ name }) => ({ name, ...(binary ? { parameters: { binary_data: true } } : {}) }));
  const json = Buffer.from(JSON.stringify({ inputs: given, outputs: wanted }));
  return binary ? { bytes: Buffer.concat([json, ...parts]), jsonBytes: json.length } : { bytes: json };
}

/** `side`: a tensor without time steps; one of whole numbers is taken to tell lengths. */
function elementOf(
  datatype: string,
  side: boolean,
  steps: number,
  input: ManifestInput | undefined,
  random: () => number,
): (index: number) => number | string | boolean {
  if (input?.kind === 'numeric') {
    const { features } = input;
    return i => featureValue(features[i % features.length], random);
  }
  if (input?.kind === 'index') return () => Math.floor(random() * input.size);
  if (input?.kind === 'token' || input?.kind === 'tensor') {
    const [first] = input.values ?? [];
    if (first !== undefined) return () => first;
  }
  if (datatype === 'BYTES') return () => 'a';
  if (datatype === 'BOOL') return () => true;
  if (datatype.startsWith('FP')) return () => Math.round(100 * random()) / 100;
  return () => (side ? steps : 1);
}

const ARRAYS: Readonly<Record<string, (values: number[]) => ArrayBufferView>> = {
  FP32: values => Float32Array.from(values),
  FP64: values => Float64Array.from(values),
  INT64: values => BigInt64Array.from(values, BigInt),
  INT32: values => Int32Array.from(values),
  UINT8: values => Uint8Array.from(values),
  BOOL: values => Uint8Array.from(values, Number),
};

/** @throws {LoadError} */
function bytesOf(datatype: string, values: readonly unknown[]): Buffer {
  const make = ARRAYS[datatype];
  if (!make) throw new LoadError(`inputs of type ${datatype} are sent as JSON only: leave --binary out`);
  const { buffer, byteLength } = make(values as number[]);
  return Buffer.from(buffer as ArrayBuffer, 0, byteLength);
}
