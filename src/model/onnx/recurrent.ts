// What reading a graph tells of its recurrent state: which inputs begin its recurrent cells, and which outputs hold the state
// that such cells end in. A cell is an operator (LSTM, GRU, RNN) or an LSTM written out in gates, as some exporters do.
import type { GraphBody, GraphNode } from './nodes.ts';

/** Operators that move values and leave them as they are. */
const CARRIERS = new Set([
  'Cast',
  'Concat',
  'Flatten',
  'Gather',
  'Identity',
  'Reshape',
  'Slice',
  'Split',
  'Squeeze',
  'Transpose',
  'Unsqueeze',
]);
const RECURRENT = new Set(['LSTM', 'GRU', 'RNN']);
const GATES = new Set(['Sigmoid', 'HardSigmoid']);
const TANH = new Set(['Tanh']);

/** A recurrent cell by a name of its own: the values that it begins from, and those that it ends in. */
interface Cell {
  readonly name: string;
  readonly initial: readonly string[];
  readonly final: readonly string[];
}

/** Cells by the graph input that begins them, and by the graph output that they end in. */
export interface RecurrentEnds {
  readonly begins: ReadonlyMap<string, ReadonlySet<string>>;
  readonly ends: ReadonlyMap<string, ReadonlySet<string>>;
}

export function recurrentEnds({ inputs, nodes }: GraphBody): RecurrentEnds {
  const cells = [...operatorCells(nodes), ...writtenCells(nodes)];
  const origins = carried(
    nodes,
    inputs.map(name => [name, name]),
  );
  const begins = new Map<string, Set<string>>();
  for (const { name, initial } of cells) {
    for (const input of initial.flatMap(value => [...(origins.get(value) ?? [])])) {
      begins.set(input, (begins.get(input) ?? new Set()).add(name));
    }
  }
  const finals = cells.flatMap(({ name, final }) => final.map(value => [value, name] as const));
  return { begins, ends: carried(nodes, finals) };
}

/** Whether the cells that the output is the end of are those that the input begins. */
export function continuesCells({ begins, ends }: RecurrentEnds, input: string, output: string): boolean {
  const [from, to] = [begins.get(input), ends.get(output)];
  return from !== undefined && to !== undefined && from.size === to.size && [...from].every(name => to.has(name));
}

/** For every value that is nothing but marked values moved about: their marks. */
function carried(
  nodes: readonly GraphNode[],
  marked: readonly (readonly [value: string, mark: string])[],
): Map<string, Set<string>> {
  const marks = new Map(marked.map(([value, mark]) => [value, new Set([mark])]));
  for (const { operator, inputs, outputs } of nodes) {
    if (!CARRIERS.has(operator)) continue;
    const parts = (operator === 'Concat' ? inputs : inputs.slice(0, 1)).map(name => marks.get(name));
    if (parts.some(part => part === undefined)) continue;
    for (const name of outputs) marks.set(name, new Set(parts.flatMap(part => [...(part ?? [])])));
  }
  return marks;
}

function operatorCells(nodes: readonly GraphNode[]): Cell[] {
  return nodes
    .filter(({ operator }) => RECURRENT.has(operator))
    .map(({ name, inputs, outputs }) => ({
      name,
      initial: [inputs[5], inputs[6]].filter(Boolean), // initial_h, initial_c
      final: [outputs[1], outputs[2]].filter(Boolean), // Y_h, Y_c
    }));
}

/** LSTM cells in single operators: c' = gate * c + gate * tanh(...), h' = gate * tanh(c'). */
function writtenCells(nodes: readonly GraphNode[]): Cell[] {
  const writer = new Map(nodes.flatMap(node => node.outputs.map(name => [name, node] as const)));
  const is = (value: string, operators: ReadonlySet<string>) => operators.has(writer.get(value)?.operator ?? '');
  /** What a gate is multiplied with. */
  const gated = (node: GraphNode | undefined): string | undefined => {
    if (node?.operator !== 'Mul') return undefined;
    const [one, other] = node.inputs;
    return is(one, GATES) ? other : is(other, GATES) ? one : undefined;
  };
  const shown = new Map<string, string[]>(); // gate * tanh of a value, by the value
  for (const node of nodes) {
    const value = gated(node);
    const of = value !== undefined && is(value, TANH) ? writer.get(value)?.inputs[0] : undefined;
    if (of === undefined) continue;
    const names = shown.get(of) ?? [];
    shown.set(of, names);
    names.push(node.name);
  }
  return nodes.flatMap(({ operator, inputs, name }): Cell[] => {
    if (operator !== 'Add') return [];
    const terms = inputs.map(input => gated(writer.get(input)));
    const kept = terms.find(term => term !== undefined && !is(term, TANH));
    if (kept === undefined || !terms.some(term => term !== undefined && is(term, TANH))) return [];
    return [{ name, initial: [kept], final: [name, ...(shown.get(name) ?? [])] }];
  });
}
