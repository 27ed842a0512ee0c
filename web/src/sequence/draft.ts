// A sequence while it is edited: every input's values in plain arrays, whichever of the API's spellings they came in.
import { dimsOf, rowTimeAxis } from '../media/shape.ts';
import type { Feature, Input, Model, NumericInput } from '../model.ts';
import { wordsOf } from './tokens.ts';

/** null where a value is missing. */
export type Value = number | string | null;
/** Time steps of features in manifest order. */
export type Table = readonly (readonly Value[])[];
/** By input name: a table, ids, tokens, nested arrays, or one value. */
export type Draft = Readonly<Record<string, unknown>>;

/** @throws {Error} a sentence for the person at the page. */
export function draftOf(inputs: readonly Input[], sequence: unknown): Draft {
  const named = inputs.length > 1 && isObject(sequence) ? sequence : undefined;
  const rows = inputs.filter(input => input.kind !== 'side');
  const draft: Record<string, unknown> = {};
  for (const input of inputs) {
    const value = named ? named[input.name] : input === rows[0] ? sequence : undefined;
    if (input.kind === 'side') {
      if (value !== undefined) draft[input.name] = value;
    } else if (input.kind === 'numeric') draft[input.name] = tableOf(input, value);
    else if (Array.isArray(value)) draft[input.name] = value;
    else if (input.kind === 'token' && typeof value === 'string') draft[input.name] = wordsOf(value);
    else throw new Error(`expected an array for "${input.name}"`);
  }
  return draft;
}

/** Steps as arrays in feature order, categories as labels. */
export function tableOf({ name, features }: NumericInput, value: unknown): Table {
  if (!Array.isArray(value) || value.length === 0) throw new Error(`expected an array of time steps for "${name}"`);
  return value.map((step, t) =>
    features.map((feature, f) => {
      const cell = Array.isArray(step) ? step[f] : isObject(step) ? step[feature.name] : undefined;
      if (cell === null && feature.missing) return null;
      if (typeof cell !== 'number' && typeof cell !== 'string') {
        throw new Error(`time step ${t + 1} has no ${feature.name}`);
      }
      return cellOf(feature, cell);
    }),
  );
}

function cellOf({ categories }: Feature, cell: Value): Value {
  return categories && typeof cell === 'number' ? (categories[cell] ?? cell) : cell;
}

/** The sequence as predict takes it; `named`: steps as objects, for people to read. */
export function sequenceOf(inputs: readonly Input[], draft: Draft, named = false): unknown {
  const value = (input: Input) => {
    const part = draft[input.name];
    if (input.kind !== 'numeric' || !named) return part;
    return (part as Table).map(step => Object.fromEntries(input.features.map((f, i) => [f.name, step[i]])));
  };
  if (inputs.length === 1) return value(inputs[0]);
  return Object.fromEntries(inputs.filter(i => draft[i.name] !== undefined).map(i => [i.name, value(i)]));
}

export function lengthOf(model: Model, draft: Draft): number {
  const [first] = model.inputs.filter(input => input.kind !== 'side');
  const axis = first && stepAxis(first);
  return (axis !== undefined && axis !== null && dimsOf(draft[first.name])[axis]) || 1;
}

/** The draft's steps from one to another, of every input that has them. */
export function cutTo(model: Model, draft: Draft, from: number, to: number): Draft {
  const cut = (part: unknown, axis: number): unknown =>
    axis === 0 ? (part as unknown[]).slice(from, to) : (part as unknown[]).map(inner => cut(inner, axis - 1));
  return Object.fromEntries(
    model.inputs
      .filter(input => draft[input.name] !== undefined)
      .map(input => {
        const axis = stepAxis(input);
        const part = draft[input.name];
        return [input.name, axis === null ? part : cut(part, axis)];
      }),
  );
}

/** The axis of an input's part that holds its time steps; null: it has none. */
function stepAxis(input: Input): number | null {
  if (input.kind === 'side') return null;
  return input.kind === 'tensor' ? rowTimeAxis(input) : 0;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
