// Deterministic random sequences that a signature accepts, for the warm-up, the certificate and made-up examples.
import { FLOAT16_MAX, toFloat16 } from '../core/float16.ts';
import { own } from '../core/own.ts';
import { ARRAYS, type DType, elementCount, isFloat, type TensorData } from '../core/tensor.ts';
import type { Feature, RowInput, SideInput } from '../model/manifest.ts';
import { isRowInput, rowTimeAxis, type Signature, type SignatureInput } from '../model/signature.ts';
import { placed } from '../sequence/controls.ts';
import type { Part } from '../sequence/rows.ts';
import type { Sequence } from '../sequence/sequence.ts';
import { sequenceBuilder } from '../sequence/sequence.ts';
import { splitWords } from '../sequence/words.ts';

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

/** What a graph's own tables tell of its inputs: how many ids there are, by graph input, and words it knows. */
export interface Known {
  readonly tables: Readonly<Record<string, number>>;
  readonly words: readonly string[];
}

export interface SampleOptions {
  readonly known?: Known;
  /** Ids count up from here instead of being random. */
  readonly firstId?: number;
  /** How far numbers without limits reach: 1 is usual, much more is extreme. */
  readonly scale?: number;
  /** The value of a side input, by name; else its default, or the first value it accepts. */
  readonly side?: Readonly<Record<string, unknown>>;
  /** Whether nothing is missing; else in half of the sequences a quarter of what may be missing is. */
  readonly whole?: boolean;
  /** Parts that are not random, by feed; what has to be as long as they are is. */
  readonly given?: ReadonlyMap<number, Part>;
}

/** The share of a sequence's values that are missing, of those that may be. */
const MISSING = 0.25;

/** A random sequence whose inputs have `length` time steps, or as near as the signature allows. */
export function randomSequence(
  signature: Signature,
  length: number | (() => number),
  random: () => number,
  options: SampleOptions = {},
): Sequence {
  const lengths = new Map<number, number>();
  for (const [feed, part] of options.given ?? []) {
    for (const tied of [feed, signature.feeds[feed].timeOf ?? feed]) lengths.set(tied, part.length);
  }
  const parts = signature.inputs.map(input => {
    const { spec, feed } = input;
    if (!isRowInput(spec)) return sidePart(input, spec, own(options.side, spec.name));
    const given = options.given?.get(feed);
    if (given) return given;
    const { minimum, maximum, pad } = spec.time;
    const { multipleOf = 1 } = pad ? {} : spec.time;
    const told = lengths.get(feed) ?? lengths.get(signature.feeds[feed].timeOf ?? -1);
    const wanted = told ?? (typeof length === 'number' ? length : length());
    const least = Math.ceil(Math.max(wanted, minimum) / multipleOf) * multipleOf;
    const steps = Math.min(least, maximum - (maximum % multipleOf));
    lengths.set(feed, steps);
    return rowPart(input, spec, steps, random, options);
  });
  const sequence = sequenceBuilder(signature)(parts, []);
  if (signature.controls.length === 0) return sequence;
  const [start, end, number] = [random() < 0.5, random() < 0.5, Math.floor(random() * 1000)];
  return placed(signature, sequence, { start, end, id: { text: `${number}`, number } });
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

function rowPart(
  input: SignatureInput,
  spec: RowInput,
  length: number,
  random: () => number,
  options: SampleOptions,
): Part {
  const { known = NOTHING_KNOWN } = options;
  const { words } = known;
  switch (spec.kind) {
    case 'token': {
      const pool = poolOf(spec, known);
      const made = () => `w${Math.floor(random() * 1000)}`.repeat(1 + 2 * random());
      const likely = () => (words.length > 0 && random() < 0.75 ? picked(words, random) : made());
      const word = () => (pool.length > 0 ? String(picked(pool, random)) : likely());
      return { dims: [length], length, data: Array.from({ length }, word) };
    }
    case 'index': {
      const ids = Array.from({ length }, (_, i) => idAt(i, spec.size, random, options));
      return { dims: [length], length, data: numbersAs(input.tensor.dtype, ids) };
    }
    case 'numeric':
      return numericPart(input, spec.features, length, random, options);
    case 'tensor': {
      const dims = tensorDims(input, spec, length);
      const data = tensorData(input, spec, elementCount(dims), random, options);
      return { dims, length: rowTimeAxis(input.axes) === null ? 1 : length, data };
    }
  }
}

function picked<T>(values: readonly T[], random: () => number): T {
  return values[Math.floor(random() * values.length)];
}

function idAt(i: number, size: number, random: () => number, { firstId }: SampleOptions): number {
  return firstId === undefined ? Math.floor(random() * size) : (firstId + i) % size;
}

function numericPart(
  { tensor, width }: SignatureInput,
  features: readonly Feature[],
  length: number,
  random: () => number,
  { scale = 1, whole }: SampleOptions,
): Part {
  const gaps = !whole && features.some(({ missing }) => missing);
  const share = gaps && random() < 0.5 ? MISSING : 0;
  const numbers = Array.from({ length: length * width }, (_, i) => {
    const feature = features[i % width];
    const value = featureValue(feature, random, scale);
    return gaps && feature.missing && random() < share ? Number.NaN : value;
  });
  return { dims: [length, width], length, data: numbersAs(tensor.dtype, numbers) };
}

type TensorInput = Extract<RowInput, { kind: 'tensor' }>;

function tensorDims({ tensor, axes }: SignatureInput, { openSize, example }: TensorInput, length: number): number[] {
  const { batch } = axes;
  const shown = dimsOf(example);
  const dims = (batch === null ? tensor.dims : tensor.dims.toSpliced(batch, 1)).map((dim, axis) =>
    typeof dim === 'number' ? dim : (openSize ?? shown[axis] ?? OPEN_SIZE),
  );
  const time = rowTimeAxis(axes);
  if (time !== null) dims[time] = length;
  return dims;
}

/** The sizes of nested arrays, by the first of each. */
function dimsOf(value: unknown): number[] {
  return Array.isArray(value) ? [value.length, ...dimsOf(value[0])] : [];
}

function tensorData(
  { tensor: { name, dtype } }: SignatureInput,
  spec: TensorInput,
  count: number,
  random: () => number,
  options: SampleOptions,
): TensorData {
  const { scale = 1, known = NOTHING_KNOWN } = options;
  const ids = isWhole(spec, dtype);
  const size = own(known.tables, name) ?? (spec.maximum !== undefined && ids ? spec.maximum + 1 : undefined);
  const pool = spec.values || dtype === 'string' || (ids && size === undefined) ? poolOf(spec, known) : [];
  if (pool.length > 0) {
    const values = Array.from({ length: count }, () => picked(pool, random));
    return dtype === 'string' ? values.map(String) : numbersAs(dtype, values.map(Number));
  }
  if (size !== undefined && ids) {
    const indices = Array.from({ length: count }, (_, i) => idAt(i, size, random, options));
    return numbersAs(dtype, indices);
  }
  if (dtype === 'string' && known.words.length > 0) {
    return Array.from({ length: count }, () => picked(known.words, random));
  }
  return randomData(dtype, count, () => withinLimits(spec, (2 * random() - 1) * scale));
}

/** Values that an input is known to take: those that its manifest lists, or those of its example where the graph knows no words. */
function poolOf(spec: RowInput, { words }: Known): readonly unknown[] {
  if (spec.kind !== 'tensor' && spec.kind !== 'token') return [];
  if (spec.values) return spec.values;
  const { example } = spec;
  if (example === undefined || words.length > 0) return [];
  return typeof example === 'string' ? splitWords(example).words : [example].flat(Infinity);
}

const NOTHING_KNOWN: Known = { tables: {}, words: [] };

function isWhole({ integer }: TensorInput, dtype: DType): boolean {
  return dtype !== 'string' && (integer === true || !isFloat(dtype));
}

function withinLimits({ minimum = -Infinity, maximum = Infinity }: TensorInput, value: number): number {
  return Math.min(maximum, Math.max(minimum, value));
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
