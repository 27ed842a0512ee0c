// Rows of a table to sequences: a row is a time step, and a column says which sequence it is of.
import { LoadError } from '../../core/errors.ts';
import type { Item } from './answer-all.ts';

/** The part of an input's description that a table needs; a manifest's, or one that a server tells. */
export interface InputColumns {
  readonly name: string;
  readonly kind: string;
  readonly features?: readonly { readonly name: string; readonly categories?: readonly string[] }[];
}
export interface TableInput {
  readonly input: InputColumns;
  /** The column that tells sequences apart, if the caller named one. */
  readonly column?: string;
}
export interface Row {
  readonly cells: Readonly<Record<string, unknown>>;
  readonly where: string;
  readonly done: number;
}

export const DEFAULT_COLUMN = 'sequence';
/** Time steps of one sequence; more were never meant to be one. */
const MOST_STEPS = 1_000_000;
const BYTES_PER_CELL = 16;

/** The input that a table can hold. @throws {LoadError} if the model has others beside it, or takes tensors. */
export function tableInput(inputs: readonly InputColumns[], column: string | undefined): TableInput {
  const [input, ...others] = inputs;
  if (others.length === 0 && ['numeric', 'index', 'token'].includes(input.kind)) return { input, column };
  throw new LoadError('tables are for models of one input of numbers, ids or tokens: use JSON Lines');
}

/**
 * Rows that follow one another with the same value in the column are a sequence. Without such a column all rows are one,
 * or for an input of tokens each row is a text of its own. @throws {LoadError} if a column is missing.
 */
export async function* sequencesOf(rows: AsyncIterable<Row>, { input, column }: TableInput): AsyncGenerator<Item> {
  const stepOf = stepReader(input);
  let steps: unknown[] = [];
  let id: unknown;
  let first: Row | undefined;
  let before: Row | undefined;
  let key: string | undefined;
  let count = 0;
  const take = (from: Row, to: Row, value: unknown): Item => ({
    value,
    where: from === to ? from.where : `${from.where} to ${to.where}`,
    id: key === undefined ? count++ : plain(id),
    done: to.done,
    bytes: BYTES_PER_CELL * steps.length * Math.max(1, input.features?.length ?? 1),
  });
  for await (const row of rows) {
    if (!before) key = keyOf(row, column);
    const alone = key === undefined && input.kind === 'token';
    if (first && before && (alone || (key !== undefined && row.cells[key] !== id))) {
      yield take(first, before, alone ? steps[0] : steps);
      steps = [];
      first = undefined;
    }
    first ??= row;
    if (key !== undefined) id = row.cells[key];
    if (steps.length >= MOST_STEPS) throw new LoadError(`${first.where}: more than ${MOST_STEPS} time steps`);
    steps.push(stepOf(row));
    before = row;
  }
  if (first && before) yield take(first, before, key === undefined && input.kind === 'token' ? steps[0] : steps);
}

function keyOf({ cells }: Row, column: string | undefined): string | undefined {
  const key = column ?? DEFAULT_COLUMN;
  if (Object.hasOwn(cells, key)) return key;
  if (column !== undefined) throw new LoadError(`there is no column "${column}" (there is ${namesOf(cells)})`);
  return undefined;
}

function stepReader({ name, kind, features = [] }: InputColumns): (row: Row) => unknown {
  const read = ({ cells, where }: Row, column: string): unknown => {
    if (Object.hasOwn(cells, column)) return cells[column];
    throw new LoadError(`${where}: there is no column "${column}" (there is ${namesOf(cells)})`);
  };
  if (kind === 'token') return row => String(read(row, name) ?? '');
  if (kind === 'index') return row => number(read(row, name));
  return row =>
    features.map(feature => {
      const value = read(row, feature.name);
      return feature.categories?.includes(value as string) ? value : number(value);
    });
}

/** A cell as a number, where it is one; else as it is, for whoever checks the sequence to name it. */
function number(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (typeof value !== 'string' || value.trim() === '') return value === '' ? null : value;
  const parsed = Number(value);
  return Number.isNaN(parsed) ? value : parsed;
}

const plain = (id: unknown): string | number => (typeof id === 'number' ? id : String(id));
const namesOf = (cells: object) => Object.keys(cells).join(', ').slice(0, 500);
