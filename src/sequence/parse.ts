// From a caller's JSON to the numbers of one input: one pass that checks and fills, and stops at the first fault.
import { FLOAT16_MAX, toFloat16 } from '../core/float16.ts';
import { zeros } from '../core/tensor.ts';
import type { Feature, RowInput, SideInput } from '../model/manifest.ts';
import { rowTimeAxis, type SignatureInput } from '../model/signature.ts';
import { acceptedBy } from './accepted.ts';
import { describe, FLOAT32_MAX, fail, NUL, type Path, quote } from './faults.ts';
import { parseNested, plainValues } from './nested.ts';
import { numberAt, outOfRange, placeIn, rangeOf } from './number-range.ts';
import type { Part } from './rows.ts';
import { splitWords } from './words.ts';

export type PartParser = (value: unknown, path: Path) => Part;

export function partParser(input: SignatureInput): PartParser {
  const { spec } = input;
  switch (spec.kind) {
    case 'numeric':
      return numericParser(input, spec.features, spec.time);
    case 'index':
      return indexParser(input, spec.size, spec.time);
    case 'token':
      return tokenParser(input, spec);
    case 'tensor':
      return tensorParser(input, spec.time);
    case 'side':
      return sideParser(input, spec);
  }
}

/** The numbers of time steps that an input takes. */
interface TimeRange {
  readonly minimum: number;
  readonly maximum: number;
  readonly multipleOf?: number;
  /** Whether other numbers are padded to a multiple. */
  readonly pad?: boolean;
}

function numericParser(input: SignatureInput, features: Feature[], time: TimeRange): PartParser {
  const { width } = input;
  const { dtype } = input.tensor;
  const largest = dtype === 'float64' ? Number.MAX_VALUE : dtype === 'float16' ? FLOAT16_MAX : FLOAT32_MAX;
  const names = features.map(feature => feature.name);
  const minimum = Float64Array.from(features, f => (f.categories ? 0 : Math.max(f.minimum ?? -largest, -largest)));
  const maximum = Float64Array.from(features, f =>
    f.categories ? f.categories.length - 1 : Math.min(f.maximum ?? largest, largest),
  );
  const whole = Uint8Array.from(features, f => (f.integer || f.categories ? 1 : 0));
  const missing = features.map(f => f.missing === true);
  const categories = features.map(f => new Map(f.categories?.map((label, index) => [label, index])));

  return (value, path) => {
    const steps = stepsOf(time, value, path);
    const count = steps.length * width;
    const data = dtype === 'float32' ? new Float32Array(count) : new Float64Array(count);
    let cursor = 0;
    for (let t = 0; t < steps.length; t++) {
      let step = steps[t];
      const named = !Array.isArray(step);
      if (named) step = membersOf(step, [...path, t], names, 'feature');
      const values = step as unknown[];
      if (values.length !== width) {
        fail([...path, t], `has ${values.length} features, expected ${width}`);
      }
      for (let f = 0; f < width; f++) {
        const v = values[f];
        if (typeof v === 'number' && v >= minimum[f] && v <= maximum[f] && (whole[f] === 0 || Number.isInteger(v))) {
          data[cursor++] = v;
          continue;
        }
        if (missing[f] && (v === null || Number.isNaN(v))) {
          data[cursor++] = Number.NaN;
          continue;
        }
        const category = typeof v === 'string' ? categories[f].get(v) : undefined;
        if (category === undefined) {
          const range = dtype === 'float64' ? ' that is finite' : ` in the range of ${dtype}`;
          fail([...path, t, named ? names[f] : f], `is ${describe(v)}, expected ${expectation(features[f], range)}`);
        }
        data[cursor++] = category;
      }
    }
    const dims = [steps.length, width];
    return { length: steps.length, dims, data: dtype === 'float16' ? Uint16Array.from(data, toFloat16) : data };
  };
}

function indexParser(input: SignatureInput, size: number, time: TimeRange): PartParser {
  return (value, path) => {
    const steps = stepsOf(time, value, path);
    const { dtype } = input.tensor;
    const { data } = zeros(dtype, [steps.length]);
    for (let t = 0; t < steps.length; t++) {
      const id = steps[t];
      if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id >= size) {
        fail([...path, t], `is ${describe(id)}, expected a whole number from 0 to ${size - 1}`);
      }
      data[t] = (dtype === 'int64' ? BigInt(id) : dtype === 'float16' ? toFloat16(id) : id) as never;
    }
    return { length: steps.length, dims: [steps.length], data };
  };
}

function tokenParser({ tensor }: SignatureInput, spec: Extract<RowInput, { kind: 'token' }>): PartParser {
  const { time, split } = spec;
  const accepted = acceptedBy(spec, tensor.dtype);
  const check = (token: string, t: number, path: Path) => {
    if (accepted && !accepted.has(token)) fail([...path, t], `is ${describe(token)}, expected ${accepted.words}`);
  };
  return (value, path) => {
    if (split && typeof value === 'string') {
      if (value.includes(NUL)) fail(path, `is ${describe(value)}, expected no NUL character`);
      const { words, origin } = splitWords(value);
      checkSteps(time, words.length, path);
      for (const [t, word] of words.entries()) check(word, t, path);
      return { length: words.length, dims: [words.length], data: words, origin };
    }
    const steps = stepsOf(time, value, path);
    for (let t = 0; t < steps.length; t++) {
      const token = steps[t];
      if (typeof token !== 'string') fail([...path, t], `is ${describe(token)}, expected a string`);
      if (token.includes(NUL)) fail([...path, t], `is ${describe(token)}, expected no NUL character`);
      check(token, t, path);
    }
    return { length: steps.length, dims: [steps.length], data: steps as string[] };
  };
}

function tensorParser({ tensor, axes, spec }: SignatureInput, time: TimeRange): PartParser {
  const row = axes.batch === null ? tensor.dims : tensor.dims.toSpliced(axes.batch, 1);
  const shape = { dtype: tensor.dtype, dims: row.map(dim => (typeof dim === 'number' ? dim : null)) };
  const timeAxis = rowTimeAxis(axes);
  const range = rangeOf(spec);
  const accepted = acceptedBy(spec, tensor.dtype);
  return (value, path) => {
    const { dims, data } = parseNested(value, path, shape);
    const length = timeAxis === null ? 1 : dims[timeAxis];
    if (timeAxis !== null) checkSteps(time, length, path);
    const bad = range ? outOfRange(range, data, tensor.dtype) : -1;
    if (range && bad >= 0) {
      fail([...path, ...placeIn(dims, bad)], `is ${numberAt(data, bad, tensor.dtype)}, expected ${range.words}`);
    }
    const odd = accepted ? (data as unknown[]).findIndex(v => !accepted.has(v as never)) : -1;
    if (accepted && odd >= 0) {
      const told = describe(plainValues(tensor.dtype, data)[odd]);
      fail([...path, ...placeIn(dims, odd)], `is ${told}, expected ${accepted.words}`);
    }
    return { length, dims, data };
  };
}

function sideParser({ tensor }: SignatureInput, spec: SideInput): PartParser {
  const shape = { dtype: tensor.dtype, dims: [] };
  const range = rangeOf(spec);
  return (given, path) => {
    const value = given === undefined ? spec.default : given;
    if (spec.values && !spec.values.includes(value as never)) {
      fail(path, `is ${describe(value)}, expected one of ${JSON.stringify(spec.values).slice(1, -1)}`);
    }
    const { data } = parseNested(value, path, shape);
    if (range && outOfRange(range, data, tensor.dtype) >= 0) fail(path, `is ${value}, expected ${range.words}`);
    return { length: 1, dims: tensor.dims as number[], data };
  };
}

function stepsOf(time: TimeRange, value: unknown, path: Path): unknown[] {
  if (!Array.isArray(value)) fail(path, `is ${describe(value)}, expected an array of time steps`);
  checkSteps(time, value.length, path);
  return value;
}

function checkSteps(time: TimeRange, steps: number, path: Path): void {
  const expected = expectedSteps(time, steps);
  if (expected) fail(path, `has ${steps} time steps, expected ${expected}`);
}

/** What was expected, if an input does not take so many time steps. */
export function expectedSteps({ minimum, maximum, pad, ...time }: TimeRange, steps: number): string | undefined {
  const { multipleOf = 1 } = pad ? {} : time;
  if (steps >= minimum && steps <= maximum && steps % multipleOf === 0) return undefined;
  const range = minimum === maximum ? `${minimum}` : `${minimum} to ${maximum}`;
  return multipleOf === 1 ? range : `a multiple of ${multipleOf} from ${range}`;
}

/** The members of an object in the order of `names`: all of them but the optional ones, and no others. */
export function membersOf(
  value: unknown,
  path: Path,
  names: readonly string[],
  what: string,
  optional?: ReadonlySet<string>,
): unknown[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    fail(path, `is ${describe(value)}, expected an object by ${what} name${what === 'feature' ? ' or an array' : ''}`);
  }
  let missing = 0;
  const members = names.map(name => {
    if (Object.hasOwn(value, name)) return (value as Record<string, unknown>)[name];
    if (!optional?.has(name)) fail(path, `has no ${what} ${quote(name)}`);
    missing++;
    return undefined;
  });
  const keys = Object.keys(value);
  if (keys.length > names.length - missing) {
    const unknown = keys.find(key => !names.includes(key)) ?? '';
    fail(path, `has an unknown ${what} ${quote(unknown)}, expected ${names.map(quote).join(', ').slice(0, 500)}`);
  }
  return members;
}

/** What a feature accepts, in words. */
function expectation(feature: Feature, unlimited: string): string {
  const orNull = feature.missing ? ', or null' : '';
  if (feature.categories)
    return `one of ${feature.categories.map(quote).join(', ').slice(0, 500)}, or its index${orNull}`;
  const unit = feature.unit ? ` ${feature.unit}` : '';
  const { minimum, maximum } = feature;
  const range =
    minimum !== undefined && maximum !== undefined
      ? ` from ${minimum} to ${maximum}${unit}`
      : minimum !== undefined
        ? ` of at least ${minimum}${unit}`
        : maximum !== undefined
          ? ` of at most ${maximum}${unit}`
          : unlimited;
  return `a ${feature.integer ? 'whole ' : ''}number${range} (${feature.name})${orNull}`;
}
