// A graph's nodes and small constants, as far as reading them tells how a model behaves: what to try it with, what may
// couple the rows of a run. Weights stay out.
import type { GraphProto, ModelProto, NodeProto, TensorProto } from './proto.ts';

export interface GraphNode {
  /** With its domain, unless that is ONNX's own. */
  readonly operator: string;
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Whole numbers by attribute; a single one as a list of one. */
  readonly ints: Readonly<Record<string, readonly number[]>>;
  /** Loop, branch and function bodies. */
  readonly bodies: readonly GraphBody[];
}

/** A constant: its shape, and its values if they are few whole numbers. */
export interface GraphConstant {
  readonly dims: readonly number[];
  readonly values?: readonly number[];
}

export interface GraphBody {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly nodes: readonly GraphNode[];
  readonly constants: Readonly<Record<string, GraphConstant>>;
}

const MOST_VALUES = 64;
const MOST_WORDS = 2000;
const INT64 = 7;
const INT32 = 6;

/** The main graph's body; model-local functions are put in where they are called. */
export function readBody(graph: GraphProto, functions: ModelProto['functions']): GraphBody {
  const constants: Record<string, GraphConstant> = {};
  for (const tensor of graph.initializer) constants[tensor.name] = constantOf(tensor);
  for (const { values } of graph.sparseInitializer) if (values) constants[values.name] = { dims: [] };
  return bodyOf(graph.node, graph.input.map(nameOf), graph.output.map(nameOf), constants, functions);
}

function bodyOf(
  protos: readonly NodeProto[],
  inputs: readonly string[],
  outputs: readonly string[],
  constants: Record<string, GraphConstant>,
  functions: ModelProto['functions'],
): GraphBody {
  const nodes: GraphNode[] = [];
  for (const node of protos) {
    if (node.opType === 'Constant') constants[node.output[0]] = constantValue(node);
    else nodes.push(nodeOf(node, functions));
  }
  return { inputs, outputs, nodes, constants };
}

function nodeOf(node: NodeProto, functions: ModelProto['functions']): GraphNode {
  const ints: Record<string, number[]> = {};
  const bodies: GraphBody[] = [];
  for (const { name, type, i, ints: list, g, graphs } of node.attribute) {
    if (type === 2) ints[name] = [Number(i)];
    if (list.length > 0) ints[name] = list.map(Number);
    for (const graph of g ? [g, ...graphs] : graphs) bodies.push(readBody(graph, functions));
  }
  const called = functions.find(({ domain, name }) => domain === node.domain && name === node.opType);
  if (called) bodies.push(bodyOf(called.node, called.input, called.output, {}, functions));
  return {
    operator: operatorName(node),
    name: node.output.find(output => output !== '') ?? '',
    inputs: node.input,
    outputs: node.output,
    ints,
    bodies,
  };
}

export function operatorName({ domain, opType }: Pick<NodeProto, 'domain' | 'opType'>): string {
  return domain && domain !== 'ai.onnx' ? `${domain}.${opType}` : opType;
}

function nameOf({ name }: { name: string }): string {
  return name;
}

function constantValue({ attribute }: NodeProto): GraphConstant {
  for (const { name, t, i, ints, floats, strings } of attribute) {
    if (t) return constantOf(t);
    if (name === 'value_int') return { dims: [], values: [Number(i)] };
    if (name === 'value_ints') return { dims: [ints.length], values: ints.map(Number) };
    if (name === 'value_floats') return { dims: [floats.length] };
    if (name === 'value_strings') return { dims: [strings.length] };
  }
  return { dims: [] };
}

function constantOf({ dims: protoDims, dataType, rawData, int64Data, int32Data }: TensorProto): GraphConstant {
  const dims = protoDims.map(Number);
  const count = dims.reduce((product, dim) => product * dim, 1);
  if ((dataType !== INT64 && dataType !== INT32) || count > MOST_VALUES) return { dims };
  if (int64Data.length > 0) return { dims, values: int64Data.map(Number) };
  if (int32Data.length > 0) return { dims, values: int32Data.map(Number) };
  const bytes = rawData.length === count * (dataType === INT64 ? 8 : 4) ? Uint8Array.from(rawData).buffer : undefined;
  if (!bytes) return { dims };
  return {
    dims,
    values: Array.from<bigint | number>(dataType === INT64 ? new BigInt64Array(bytes) : new Int32Array(bytes)).map(
      Number,
    ),
  };
}

/** Words that the graph itself knows: keys of label encoders and lists of texts, as many as are worth trying. */
export function wordsOf(graph: GraphProto): string[] {
  const words = new Set<string>();
  const take = (list: readonly Uint8Array[]) => {
    for (const bytes of list) if (words.size < MOST_WORDS) words.add(Buffer.from(bytes).toString('utf8'));
  };
  for (const { stringData } of graph.initializer) take(stringData);
  for (const { attribute } of graph.node) {
    for (const { strings, t, g } of attribute) {
      take(strings);
      if (t) take(t.stringData);
      if (g) for (const word of wordsOf(g)) if (words.size < MOST_WORDS) words.add(word);
    }
  }
  words.delete('');
  return [...words];
}
