// Where a graph looks values of its inputs up in tables of its own: how many rows those have tells which values are ids.
import { own } from '../../core/own.ts';
import type { GraphBody, GraphConstant, GraphNode } from './nodes.ts';

export interface Lookups {
  /** For each graph input whose values are looked up in a table, the smallest such table's size. */
  readonly tables: Readonly<Record<string, number>>;
  /** The same for inputs of which some columns are looked up (places on the last axis), by column. */
  readonly columns: Readonly<Record<string, Readonly<Record<number, number>>>>;
}

interface Input {
  readonly name: string;
  readonly dims: readonly (number | string | null)[];
}

/** What of an input a value within the graph holds. */
interface Source {
  readonly input: string;
  /** Those on its last axis; undefined if the graph does not say how many there are. */
  readonly columns?: readonly number[];
  /** As long as the last axis is still the input's. */
  readonly rank?: number;
}

/** Operators through which ids reach a table unchanged, and those of them that leave the axes as they are. */
const CARRIERS = new Set(['Cast', 'Identity', 'Reshape', 'Squeeze', 'Unsqueeze', 'Transpose', 'Flatten']);
const SAME_AXES = new Set(['Cast', 'Identity']);

export function lookupsOf(body: GraphBody, inputs: readonly Input[]): Lookups {
  const sources = new Map<string, Source>(inputs.map(input => [input.name, sourceOf(input)]));
  const tables: Record<string, number> = {};
  const columns: Record<string, Record<number, number>> = {};
  const smaller = (known: number | undefined, size: number) => Math.min(known ?? Number.POSITIVE_INFINITY, size);
  const wholeIn = ({ input }: Source, size: number) => {
    tables[input] = smaller(own(tables, input), size);
  };
  const columnsIn = ({ input, columns: held = [] }: Source, size: (place: number) => number) => {
    const sizes = { ...columns[input] };
    for (const [place, column] of held.entries()) sizes[column] = smaller(sizes[column], size(place));
    columns[input] = sizes;
  };
  for (const node of body.nodes) {
    const [data, indices] = node.inputs;
    const from = sources.get(data);
    if (from) for (const [output, source] of carried(node, from, body)) sources.set(output, source);
    const looked = sources.get(indices);
    const table = body.constants[data]?.dims;
    if (!looked || !table) continue;
    const size = table[node.ints.axis?.[0] ?? 0];
    if (node.operator === 'Gather' && size > 0) {
      if (isWhole(looked, inputs)) wholeIn(looked, size);
      else columnsIn(looked, () => size);
    }
    if (node.operator === 'GatherND' && pointsInto(table, node, looked)) columnsIn(looked, place => table[place]);
  }
  return { tables, columns };
}

function sourceOf({ name, dims }: Input): Source {
  const width = dims.at(-1);
  return { input: name, columns: typeof width === 'number' ? range(0, width) : undefined, rank: dims.length };
}

function isWhole({ input, columns }: Source, inputs: readonly Input[]): boolean {
  return columns === undefined || columns.length === inputs.find(({ name }) => name === input)?.dims.at(-1);
}

/** Whether each of the columns is a place on an axis of the table, in their order. */
function pointsInto(table: readonly number[], { ints }: GraphNode, { columns, rank }: Source): boolean {
  if (!columns || columns.length > table.length || (ints.batch_dims?.[0] ?? 0) > 0) return false;
  return columns.length === 1 || rank !== undefined;
}

/** What a node's outputs hold of the source that it reads first. */
function carried(node: GraphNode, from: Source, { constants }: GraphBody): [output: string, source: Source][] {
  const { operator, inputs, outputs, ints } = node;
  if (SAME_AXES.has(operator)) return [[outputs[0], from]];
  if (CARRIERS.has(operator)) return [[outputs[0], { ...from, rank: undefined }]];
  const { columns, rank } = from;
  const take = TAKERS[operator];
  if (!columns || rank === undefined || !take) return [];
  const taken = take({
    ...{ columns, rank, ints, count: outputs.length },
    isLast: axis => axis === -1 || axis === rank - 1,
    constant: i => constants[inputs[i] ?? ''],
    isGiven: i => (inputs[i] ?? '') !== '',
  });
  return taken.map((held, i) => [outputs[i], { ...from, ...held }]);
}

/** A node that takes part of what it reads. */
interface Taking {
  readonly columns: readonly number[];
  readonly rank: number;
  readonly ints: GraphNode['ints'];
  /** Of its outputs. */
  readonly count: number;
  isLast(axis: number): boolean;
  constant(input: number): GraphConstant | undefined;
  isGiven(input: number): boolean;
}

/** The columns that each output holds, and its rank; nothing where that cannot be read. */
type Taker = (taking: Taking) => Pick<Source, 'columns' | 'rank'>[];

const TAKERS: Readonly<Record<string, Taker>> = { Gather: takeGather, Slice: takeSlice, Split: takeSplit };

function takeGather({ columns, rank, ints, isLast, constant }: Taking): ReturnType<Taker> {
  const { values, dims = [] } = constant(1) ?? {};
  if (!values) return [];
  if (!isLast(ints.axis?.[0] ?? 0)) return [{ columns, rank: rank - 1 + dims.length }];
  const picked = values.map(place => columns.at(place)).filter(column => column !== undefined);
  return [{ columns: picked, rank: dims.length === 1 ? rank : undefined }];
}

function takeSlice({ columns, rank, ints, isLast, constant, isGiven }: Taking): ReturnType<Taker> {
  const starts = ints.starts ?? constant(1)?.values;
  const ends = ints.ends ?? constant(2)?.values;
  const axes = ints.axes ?? (isGiven(3) ? constant(3)?.values : starts?.map((_, i) => i));
  const steps = isGiven(4) ? constant(4)?.values : starts?.map(() => 1);
  if (!starts || !ends || !axes || !steps) return [];
  const last = axes.findIndex(isLast);
  if (last === -1) return [{ columns, rank }];
  return steps[last] === 1 ? [{ columns: columns.slice(starts[last], ends[last]), rank }] : [];
}

function takeSplit({ columns, rank, ints, count, isLast, constant, isGiven }: Taking): ReturnType<Taker> {
  if (!isLast(ints.axis?.[0] ?? 0)) return new Array(count).fill({ columns, rank });
  const equal = new Array<number>(count).fill(Math.ceil(columns.length / count));
  const sizes = ints.split ?? (isGiven(1) ? constant(1)?.values : equal);
  return (sizes ?? []).map((size, i, all) => {
    const start = all.slice(0, i).reduce((sum, before) => sum + before, 0);
    return { columns: columns.slice(start, start + size), rank };
  });
}

function range(start: number, end: number): number[] {
  return Array.from({ length: end - start }, (_, i) => start + i);
}
