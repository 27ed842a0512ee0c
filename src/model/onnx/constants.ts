// Every constant that a graph brings along, with the words that an error names it by.
import { operatorName } from './nodes.ts';
import type { AttributeProto, FunctionProto, GraphProto, NodeProto, SparseTensorProto, TensorProto } from './proto.ts';

export interface Constant {
  readonly tensor: TensorProto;
  /** `weight "w"`, or `attribute "value" of Constant "c"`. */
  readonly words: string;
  /** What holds it in the graph: the flow of constants begins there. */
  readonly holder: TensorProto | AttributeProto;
}

const FLOAT = 1;

/** Initializers, plain and sparse, and tensors and lists of floats in attributes, those of bodies and functions included. */
export function constantsOf(graph: GraphProto, functions: readonly FunctionProto[]): Constant[] {
  const found: Constant[] = [];
  collect(graph, found);
  for (const { node } of functions) for (const each of node) ofNode(each, found);
  return found;
}

function collect({ initializer, sparseInitializer, node }: GraphProto, found: Constant[]): void {
  for (const tensor of initializer)
    found.push({ tensor, words: `weight ${JSON.stringify(tensor.name)}`, holder: tensor });
  for (const sparse of sparseInitializer) {
    const words = `sparse weight ${JSON.stringify(sparse.values?.name ?? '')}`;
    for (const tensor of partsOf(sparse)) found.push({ tensor, words, holder: tensor });
  }
  for (const each of node) ofNode(each, found);
}

function ofNode(node: NodeProto, found: Constant[]): void {
  for (const attribute of node.attribute) {
    const { name, f, floats, t, tensors, sparseTensor, g, graphs } = attribute;
    const words = `attribute ${JSON.stringify(name)} of ${nodeWords(node)}`;
    const held = [...(t ? [t] : []), ...tensors, ...partsOf(sparseTensor)];
    for (const tensor of held) found.push({ tensor, words, holder: attribute });
    const listed = name === 'value_float' ? [f] : floats;
    if (listed.length > 0) found.push({ tensor: tensorOf(listed), words, holder: attribute });
    for (const graph of g ? [g, ...graphs] : graphs) collect(graph, found);
  }
}

function partsOf(sparse: SparseTensorProto | undefined): TensorProto[] {
  return [sparse?.values, sparse?.indices].flatMap(tensor => (tensor ? [tensor] : []));
}

function tensorOf(floatData: number[]): TensorProto {
  return {
    name: '',
    dims: [floatData.length],
    dataType: FLOAT,
    floatData,
    int32Data: [],
    stringData: [],
    int64Data: [],
    doubleData: [],
    rawData: new Uint8Array(),
    externalData: [],
    dataLocation: 0,
  };
}

/** A node as an error names it: by its own name, or by what it writes. */
export function nodeWords(node: NodeProto): string {
  const name = node.name || (node.output.find(output => output !== '') ?? '');
  return `${operatorName(node)} ${JSON.stringify(name)}`;
}
