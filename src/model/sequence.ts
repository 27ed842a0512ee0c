// From a caller's JSON to numbers: one pass that checks and fills, and stops at the first fault with its place.
import { ServiceError } from '../core/errors.ts';
import type { Signature, SignatureInput } from './signature.ts';

/** One input's share of a sequence: `data` is [length, width], row-major. */
export interface Part {
  readonly length: number;
  readonly data: Float32Array | BigInt64Array | Int32Array | string[];
}

/** A checked sequence: a part per input, in the signature's order. */
export interface Sequence {
  readonly parts: readonly Part[];
  /** Time steps of the first input; heads per step answer one step each. */
  readonly length: number;
  /** Time steps of the longest input. */
  readonly longest: number;
}

/** What a waiting sequence takes of memory, nearly. */
export function sequenceBytes({ parts }: Sequence): number {
  const bytesOf = ({ data }: Part) =>
    Array.isArray(data) ? data.reduce((sum, token) => sum + 16 + 2 * token.length, 0) : data.byteLength;
  return parts.reduce((sum, part) => sum + bytesOf(part), 0);
}

/** Checks the value at `path` of a request body. @throws {ServiceError} INVALID_SEQUENCE. */
export type SequenceParser = (value: unknown, path: readonly (string | number)[]) => Sequence;

type Path = readonly (string | number)[];
type PartParser = (value: unknown, path: Path) => Part;

/** The largest finite float32; anything greater would become infinity. */
export const FLOAT32_MAX = 3.4028234663852886e38;

export function sequenceParser(signature: Signature): SequenceParser {
  const parsers = signature.inputs.map(partParser);
  if (parsers.length === 1) {
    const [parse] = parsers;
    return (value, path) => {
      const part = parse(value, path);
      return { parts: [part], length: part.length, longest: part.length };
    };
  }
  const names = signature.inputs.map(input => input.spec.name);
  return (value, path) => {
    const members = membersOf(value, path, names, 'input');
    const parts = parsers.map((parse, i) => parse(members[i], [...path, names[i]]));
    return { parts, length: parts[0].length, longest: Math.max(...parts.map(part => part.length)) };
  };
}

function partParser(input: SignatureInput): PartParser {
  if (input.spec.kind === 'numeric') return numericParser(input, input.spec.features);
  if (input.spec.kind === 'token') return tokenParser(input);
  return indexParser(input, input.spec.size);
}

function numericParser(input: SignatureInput, features: Feature[]): PartParser {
  const { width } = input;
  const names = features.map(feature => feature.name);
  const minimum = Float64Array.from(features, f =>
    f.categories ? 0 : Math.max(f.minimum ?? -FLOAT32_MAX, -FLOAT32_MAX),
  );
  const maximum = Float64Array.from(features, f =>
    f.categories ? f.categories.length - 1 : Math.min(f.maximum ?? FLOAT32_MAX, FLOAT32_MAX),
  );
  const whole = Uint8Array.from(features, f => (f.integer || f.categories ? 1 : 0));
  const categories = features.map(f => new Map(f.categories?.map((label, index) => [label, index])));

  return (value, path) => {
    const steps = stepsOf(input, value, path);
    const data = new Float32Array(steps.length * width);
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
        const category = typeof v === 'string' ? categories[f].get(v) : undefined;
        if (category === undefined) {
          fail([...path, t, named ? names[f] : f], `is ${describe(v)}, expected ${expectation(features[f])}`);
        }
        data[cursor++] = category;
      }
    }
    return { length: steps.length, data };
  };
}

function indexParser(input: SignatureInput, size: number): PartParser {
  return (value, path) => {
    const steps = stepsOf(input, value, path);
    const data = input.tensor.dtype === 'int32' ? new Int32Array(steps.length) : new BigInt64Array(steps.length);
    for (let t = 0; t < steps.length; t++) {
      const id = steps[t];
      if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id >= size) {
        fail([...path, t], `is ${describe(id)}, expected a whole number from 0 to ${size - 1}`);
      }
      data[t] = data instanceof Int32Array ? id : BigInt(id);
    }
    return { length: steps.length, data };
  };
}

function tokenParser(input: SignatureInput): PartParser {
  return (value, path) => {
    const steps = stepsOf(input, value, path);
    for (let t = 0; t < steps.length; t++) {
      if (typeof steps[t] !== 'string') fail([...path, t], `is ${describe(steps[t])}, expected a string`);
    }
    return { length: steps.length, data: steps as string[] };
  };
}

function stepsOf(input: SignatureInput, value: unknown, path: Path): unknown[] {
  const { minimum, maximum } = input.spec.time;
  if (!Array.isArray(value)) fail(path, `is ${describe(value)}, expected an array of time steps`);
  if (value.length < minimum || value.length > maximum) {
    fail(
      path,
      `has ${value.length} time steps, expected ${minimum === maximum ? minimum : `${minimum} to ${maximum}`}`,
    );
  }
  return value;
}

/** The members of an object in the order of `names`: all of them, and no others. */
function membersOf(value: unknown, path: Path, names: readonly string[], what: string): unknown[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    fail(path, `is ${describe(value)}, expected an object by ${what} name${what === 'feature' ? ' or an array' : ''}`);
  }
  const members = names.map(name => {
    if (!Object.hasOwn(value, name)) fail(path, `has no ${what} ${quote(name)}`);
    return (value as Record<string, unknown>)[name];
  });
  const keys = Object.keys(value);
  if (keys.length > names.length) {
    const unknown = keys.find(key => !names.includes(key)) ?? '';
    fail(path, `has an unknown ${what} ${quote(unknown)}, expected ${names.map(quote).join(', ').slice(0, 500)}`);
  }
  return members;
}

type Feature = Extract<SignatureInput['spec'], { kind: 'numeric' }>['features'][number];

/** What a feature accepts, in words. */
function expectation(feature: Feature): string {
  if (feature.categories) return `one of ${feature.categories.map(quote).join(', ').slice(0, 500)}, or its index`;
  const unit = feature.unit ? ` ${feature.unit}` : '';
  const { minimum, maximum } = feature;
  const range =
    minimum !== undefined && maximum !== undefined
      ? ` from ${minimum} to ${maximum}${unit}`
      : minimum !== undefined
        ? ` of at least ${minimum}${unit}`
        : maximum !== undefined
          ? ` of at most ${maximum}${unit}`
          : ' in the range of float32';
  return `a ${feature.integer ? 'whole ' : ''}number${range} (${feature.name})`;
}

function describe(value: unknown): string {
  if (typeof value === 'string') return quote(value);
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object' && value !== null) return 'an object';
  return value === undefined ? 'missing' : String(value);
}

function quote(value: string): string {
  return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
}

function fail(path: Path, what: string): never {
  const place = path.map((part, i) => (typeof part === 'number' ? `[${part}]` : i === 0 ? part : `.${part}`)).join('');
  const pointer = path.map(part => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
  const detail = `${place} ${what}`;
  throw new ServiceError('INVALID_SEQUENCE', detail, { faults: [{ pointer, detail }] });
}
