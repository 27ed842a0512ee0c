// Reads where a graph may couple the rows of a run: the batch axis is followed through the nodes, and a node that works
// along it, or that cannot be followed, is a suspect. Semantics of the operators: onnx.ai/onnx/operators.

import { RULES } from './coupling-rules.ts';
import type { Rows, Value } from './coupling-values.ts';
import type { GraphBody, GraphNode } from './nodes.ts';

/** A node that may make a row's answer depend on the others. */
export interface Suspect {
  readonly operator: string;
  readonly name: string;
  /** Whether it works along the batch axis as far as reading tells; otherwise the axis was lost on the way to it. */
  readonly certain: boolean;
  /** Graph inputs that reach it. */
  readonly inputs: readonly string[];
}

/** Operators that can couple rows if the batch axis lies where they work. */
const COUPLING =
  /^(Reduce|Arg(Max|Min)|CumSum|TopK|(Log)?Softmax|Hardmax|LayerNorm|InstanceNorm|GroupNorm|BatchNorm|MeanVariance|Lp(Norm|Pool)|LRN|Conv|LSTM|GRU|RNN|MatMul|Gemm|Einsum|Gather|Slice|Split|Roll|Compress|NonZero|Unique|Scatter|GridSample|Det|DynamicQuantize|Reverse|.*Attention|.*(Max|Average|Lp)Pool)|DynamicQuantize/;

/** @param axes the batch axis and rank of each graph input that callers or the server fill; null where it has none. */
export function suspectsOf(body: GraphBody, axes: ReadonlyMap<string, Rows | null>): Suspect[] {
  const values = new Map<string, Value>();
  for (const name of body.inputs) {
    const rows = axes.get(name);
    values.set(name, rows ? { kind: 'rows', ...rows, from: new Set([name]) } : { kind: 'free', from: new Set() });
  }
  const suspects: Suspect[] = [];
  walk(body, values, suspects);
  return suspects.filter(({ inputs }) => inputs.length > 0);
}

function walk(body: GraphBody, values: Map<string, Value>, suspects: Suspect[]): void {
  for (const name in body.constants)
    values.set(name, { kind: 'free', from: new Set(), constant: body.constants[name] });
  for (const node of body.nodes) {
    const inputs = node.inputs.map((name): Value => values.get(name) ?? NONE);
    const outputs = follow(node, inputs, values, suspects);
    for (const [i, name] of node.outputs.entries()) values.set(name, outputs[i] ?? outputs[0]);
  }
}

const NONE: Value = { kind: 'free', from: new Set() };

function follow(node: GraphNode, inputs: Value[], outer: Map<string, Value>, suspects: Suspect[]): Value[] {
  const from = new Set(inputs.flatMap(({ from: names }) => [...names]));
  if (node.bodies.length > 0) return followBodies(node, inputs, outer, suspects, from);
  const suspect = (certain: boolean) =>
    suspects.push({ operator: node.operator, name: node.name, certain, inputs: [...from] });
  if (inputs.every(({ kind }) => kind === 'free')) return [{ kind: 'free', from }];
  const rule = RULES[node.operator];
  if (!rule || inputs.some(({ kind }) => kind === 'lost')) {
    if (COUPLING.test(node.operator) || !rule) suspect(false);
    return [{ kind: 'lost', from }];
  }
  const verdict = rule(inputs, node);
  if (verdict.couples) suspect(true);
  if (verdict.unsure) suspect(false);
  return verdict.outputs.map(output => ({ ...output, from }));
}

/** A body sees the values around it; whether a loop keeps the batch axis where it was is not read: it is lost inside. */
function followBodies(
  node: GraphNode,
  inputs: Value[],
  outer: Map<string, Value>,
  suspects: Suspect[],
  from: Set<string>,
): Value[] {
  const branch = node.operator === 'If';
  const function_ = node.bodies.length === 1 && !['Loop', 'Scan', 'If'].includes(node.operator);
  const found: Value[][] = [];
  for (const body of node.bodies) {
    const inner = new Map(outer);
    for (const [i, name] of body.inputs.entries()) {
      inner.set(name, function_ ? (inputs[i] ?? NONE) : carried(inputs[i] ?? NONE, from));
    }
    walk(body, inner, suspects);
    found.push(body.outputs.map(name => inner.get(name) ?? NONE));
  }
  for (const values of found) for (const value of values) for (const name of value.from) from.add(name);
  if (function_) return found[0];
  if (branch && inputs[0].kind !== 'free') {
    suspects.push({ operator: 'If', name: node.name, certain: inputs[0].kind !== 'size', inputs: [...from] });
  }
  if (branch && found.every(values => values.every(({ kind }) => kind === 'free'))) return [{ kind: 'free', from }];
  return [{ kind: from.size > 0 ? 'lost' : 'free', from }];
}

function carried(value: Value, from: Set<string>): Value {
  return value.kind === 'free' && from.size === 0 ? value : { kind: 'lost', from };
}
