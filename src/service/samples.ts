// Deterministic random sequences that a signature accepts, for the warm-up, the certificate and made-up examples.
import { FLOAT16_MAX, toFloat16 } from '../core/float16.ts';
import { ARRAYS, type DType, elementCount, type TensorData } from '../core/tensor.ts';
import type { Feature, RowInput, SideInput } from '../model/manifest.ts';
import { isRowInput, rowTimeAxis, type Signature, type SignatureInput } from '../model/signature.ts';
import type { Part, Sequence } from '../sequence/sequence.ts';
import { sequenceBuilder } from '../sequence/sequence.ts';

/** Numbers in [0, 1), the same ones for the same seed (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export interface SampleOptions {
  /** How far numbers without limits reach: 1 is usual, much more is extreme. */
  readonly scale?: number;
  /** The value of a side input, by name; else its default, or the first value it accepts. */
  readonly side?: Readonly<Record<string, unknown>>;
}

/** A random sequence whose inputs have `length` time steps, or as near as the signature allows. */
export function randomSequence(
  signature: Signature,
  length: number | (() => number),
  random: () => number,
  options: SampleOptions = {},
): Sequence {
  const lengths = new Map<number, number>();
  const parts = signature.inputs.map(input => {
    const { spec, feed } = input;
    if (!isRowInput(spec)) return sidePart(input, spec, options.side?.[spec.name]);
    const { minimum, maximum } = spec.time;
    const wanted = lengths.get(signature.feeds[feed].timeOf ?? -1) ?? (typeof length === 'number' ? length : length());
    const steps = Math.min(Math.max(wanted, minimum), maximum);
    lengths.set(feed, steps);
    return rowPart(input, spec, steps, random, options.scale ?? 1);
  });
  return sequenceBuilder(signature)(parts, []);
}

/** A state part as it might be in the middle of a sequence, for every state feed. */
export function withRandomState(signature: Signature, sequence: Sequence, random: () => number): Sequence {
  const parts = [...sequence.parts];
  for (const { feed, input, axes } of signature.state) {
    const dims = input.dims.toSpliced(axes.batch ?? 0, axes.batch === null ? 0 : 1) as number[];
    parts[feed] = { dims, length: 1, data: randomData(input.dtype, elementCount(dims), () => random() - 0.5) };
  }
  return { ...sequence, parts };
}

function sidePart({ tensor }: SignatureInput, spec: SideInput, given: unknown): Part {
  const value = given ?? spec.default ?? spec.example ?? spec.values?.[0] ?? (tensor.dtype === 'string' ? '' : 0);
  const data = tensor.dtype === 'string' ? [String(value)] : numbersAs(tensor.dtype, [Number(value)]);
  return { dims: tensor.dims as number[], length: 1, data };
}

function rowPart(input: SignatureInput, spec: RowInput, length: number, random: () => number, scale: number): Part {
  const { dtype } = input.tensor;
  if (spec.kind === 'token') {
    const word = () => `w${Math.floor(random() * 1000)}`.repeat(1 + 2 * random());
    return { dims: [length], length, data: Array.from({ length }, word) };
  }
  if (spec.kind === 'index') {
    const ids = Array.from({ length }, () => Math.floor(random() * spec.size));
    return { dims: [length], length, data: numbersAs(dtype, ids) };
  }
  if (spec.kind === 'numeric') {
    const numbers = Array.from({ length: length * input.width }, (_, i) =>
      featureValue(spec.features[i % input.width], random, scale),
    );
    return { dims: [length, input.width], length, data: numbersAs(dtype, numbers) };
  }
  const { batch } = input.axes;
  const dims = (batch === null ? input.tensor.dims : input.tensor.dims.toSpliced(batch, 1)).map(dim =>
    typeof dim === 'number' ? dim : (spec.openSize ?? OPEN_SIZE),
  );
  const time = rowTimeAxis(input.axes);
  if (time !== null) dims[time] = length;
  const data = randomData(dtype, elementCount(dims), () => (2 * random() - 1) * scale);
  return { dims, length: time === null ? 1 : length, data };
}

/** The size given to an axis that is neither batch nor time and that the graph leaves open. */
const OPEN_SIZE = 16;

/** Small numbers from -1 to 1 for floats; for whole numbers, which may be ids, 0 and 1. */
function randomData(dtype: DType, count: number, random: () => number): TensorData {
  const values = Array.from({ length: count }, random);
  if (dtype === 'string') return values.map(value => `w${Math.floor(Math.abs(value) * 100)}`);
  return numbersAs(dtype, dtype.startsWith('float') ? values : values.map(value => (value > 0 ? 1 : 0)));
}

function numbersAs(dtype: DType, values: readonly number[]): TensorData {
  if (dtype === 'float16') {
    return Uint16Array.from(values, value => toFloat16(Math.max(-FLOAT16_MAX, Math.min(FLOAT16_MAX, value))));
  }
  if (dtype === 'int64' || dtype === 'uint64') return ARRAYS[dtype].from(values.map(BigInt));
  return (ARRAYS[dtype as 'float32'] as Float32ArrayConstructor).from(values);
}

function featureValue(feature: Feature, random: () => number, scale: number): number {
  const least = feature.categories ? 0 : feature.minimum;
  const high = feature.categories
    ? feature.categories.length - 1
    : (feature.maximum ?? Math.max(3 * scale, (least ?? -3) + 6 * scale));
  const low = least ?? Math.min(-3 * scale, high - 6 * scale);
  const value = low + random() * (high - low);
  return feature.categories || feature.integer ? Math.round(value) : value;
}
