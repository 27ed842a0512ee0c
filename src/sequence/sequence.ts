// A caller's sequence: one row for every graph input that the caller feeds, checked by parse.ts in one pass.
import type { TensorData } from '../core/tensor.ts';
import { isRowInput, paddedSteps, rowTimeAxis, type Signature, type SignatureInput } from '../model/signature.ts';
import { placed, WHOLE } from './controls.ts';
import { fail, type Path } from './faults.ts';
import { membersOf, partParser } from './parse.ts';
import type { Part } from './rows.ts';

/** A checked sequence. */
export interface Sequence {
  /** In the order of the signature's feeds; what is undefined is filled in by collate. */
  readonly parts: readonly (Part | undefined)[];
  /** Time steps of the first input; heads per step answer one step each. */
  readonly length: number;
  /** Time steps of the longest input, as the graph gets them. */
  readonly longest: number;
  /** Sequences share a run only if this is equal: side values, and sizes that are neither batch nor time. */
  readonly batchKey: string;
  /** Of a sequence that runs in slices: whether this is the first of them, and the `longest` of the whole. */
  readonly slice?: { readonly first: boolean; readonly of: number };
  /** What it takes of memory, where that is known without its parts. */
  readonly bytes?: number;
}

/** Checks the value at `path` of a request body. @throws {ServiceError} INVALID_SEQUENCE. */
export type SequenceParser = (value: unknown, path: Path) => Sequence;

/** What a waiting sequence takes of memory, nearly. */
export function sequenceBytes(sequence: Pick<Sequence, 'parts' | 'bytes'>): number {
  if (sequence.bytes !== undefined) return sequence.bytes;
  const bytesOf = (data: TensorData) =>
    Array.isArray(data) ? data.reduce((sum, token) => sum + 16 + 2 * token.length, 0) : data.byteLength;
  return sequence.parts.reduce((sum, part) => sum + (part ? bytesOf(part.data) : 0), 0);
}

export function sequenceParser(signature: Signature): SequenceParser {
  const { inputs } = signature;
  const build = sequenceBuilder(signature);
  const parsers = inputs.map(partParser);
  const names = inputs.map(input => input.spec.name);
  const rows = inputs.filter(input => isRowInput(input.spec));
  const optional = new Set(
    inputs.filter(i => i.spec.kind === 'side' && i.spec.default !== undefined).map(i => i.spec.name),
  );
  // One input may be sent bare, if all others have a default.
  const only = rows.length === 1 && optional.size === inputs.length - 1 ? inputs.indexOf(rows[0]) : -1;
  const parseBare = (value: unknown, path: Path) =>
    inputs.map((_, i) => parsers[i](i === only ? value : undefined, path));
  const parseNamed = (value: unknown, path: Path) => {
    const members = membersOf(value, path, names, 'input', optional);
    return parsers.map((parse, i) => parse(members[i], [...path, names[i]]));
  };
  return (value, path) => {
    const bare = only >= 0 && (inputs.length === 1 || Array.isArray(value) || typeof value === 'string');
    return build(bare ? parseBare(value, path) : parseNamed(value, path), path);
  };
}

type SequenceBuilder = (parts: readonly Part[], path: Path) => Sequence;
const builders = new WeakMap<Signature, SequenceBuilder>();

/** Puts parts, in the order of the inputs, together: a whole sequence, until its place is told (`placed`). */
export function sequenceBuilder(signature: Signature): SequenceBuilder {
  let builder = builders.get(signature);
  if (!builder) {
    builder = newBuilder(signature);
    builders.set(signature, builder);
  }
  return builder;
}

function newBuilder(signature: Signature): SequenceBuilder {
  const { feeds, inputs } = signature;
  const first = Math.max(
    0,
    inputs.findIndex(input => isRowInput(input.spec)),
  );
  const apart = inputs
    .map((input, i) => ({ i, axes: freeAxes(input) }))
    .filter(({ axes }) => axes === 'value' || axes.length > 0);
  const tied = inputs.flatMap((input, i) => {
    const { timeOf } = feeds[input.feed];
    const other = timeOf === undefined ? -1 : inputs.findIndex(o => o.feed === timeOf);
    return other >= 0 && (input.padding === 'none' || inputs[other].padding === 'none') ? [{ i, other }] : [];
  });
  const single = inputs.length === 1 && feeds.length === 1;
  return (parts, path) => {
    for (const { i, other } of tied) {
      if (parts[i].length === parts[other].length) continue;
      const [name, otherName] = [inputs[i].spec.name, inputs[other].spec.name];
      fail([...path, name], `has ${parts[i].length} time steps, expected ${parts[other].length} as ${otherName} has`);
    }
    const { length } = parts[first];
    const batchKey = apart.length === 0 ? '' : apart.map(({ i, axes }) => batchKeyOf(parts[i], axes)).join(';');
    if (single) return { parts, length, longest: paddedSteps(feeds[0], length), batchKey };
    const byFeed = new Array<Part | undefined>(feeds.length).fill(undefined);
    let longest = 1;
    parts.forEach((part, i) => {
      byFeed[inputs[i].feed] = part;
      longest = Math.max(longest, paddedSteps(feeds[inputs[i].feed], part.length));
    });
    return placed(signature, { parts: byFeed, length, longest, batchKey }, WHOLE);
  };
}

/** Axes of an input's row, besides time, whose size callers choose; `value` for a side input. */
function freeAxes({ spec, tensor, axes }: SignatureInput): readonly number[] | 'value' {
  if (!isRowInput(spec)) return 'value';
  if (spec.kind !== 'tensor') return [];
  const time = rowTimeAxis(axes);
  const dims = axes.batch === null ? tensor.dims : tensor.dims.toSpliced(axes.batch, 1);
  return dims.flatMap((dim, axis) => (typeof dim === 'number' || axis === time ? [] : [axis]));
}

function batchKeyOf(part: Part, axes: readonly number[] | 'value'): string {
  if (axes === 'value') return JSON.stringify(String(part.data[0]));
  return axes.map(axis => part.dims[axis]).join('x');
}
