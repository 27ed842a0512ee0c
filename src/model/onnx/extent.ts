// How large a graph is once its functions are put in where they are called, told before anything walks through it.
import type { FunctionProto, GraphProto, NodeProto } from './proto.ts';

/** A graph of so many nodes is no graph that somebody serves. */
const MOST_NODES = 2_000_000;
const DEEPEST = 64;

/** What keeps a graph from being read, if anything: bodies within bodies, or functions that call each other, without end. */
export function extentFault(graph: GraphProto, functions: readonly FunctionProto[]): string | undefined {
  const byName = new Map(functions.map(each => [nameOf(each.domain, each.name), each]));
  const known = new Map<string, number>();
  const open = new Set<string>();
  let fault: string | undefined;

  const count = (nodes: readonly NodeProto[], depth: number): number => {
    if (depth > DEEPEST) fault ??= `bodies or functions lie more than ${DEEPEST} deep in each other`;
    let total = 0;
    for (const node of nodes) {
      if (fault) return total;
      total += 1 + called(nameOf(node.domain, node.opType), depth);
      for (const { g, graphs } of node.attribute) {
        for (const body of g ? [g, ...graphs] : graphs) total += count(body.node, depth + 1);
      }
      if (total > MOST_NODES)
        fault ??= `it has more than ${MOST_NODES} nodes with its functions put in where they are called`;
    }
    return total;
  };
  const called = (name: string, depth: number): number => {
    const found = byName.get(name);
    if (!found) return 0;
    if (open.has(name)) fault ??= `function "${found.name}" calls itself`;
    if (fault) return 0;
    const before = known.get(name);
    if (before !== undefined) return before;
    open.add(name);
    const size = count(found.node, depth + 1);
    open.delete(name);
    known.set(name, size);
    return size;
  };
  count(graph.node, 0);
  for (const { node } of functions) count(node, 0);
  return fault;
}

function nameOf(domain: string, name: string): string {
  return `${domain}\0${name}`;
}
