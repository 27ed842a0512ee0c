// Reads an ONNX file without running it: signature, operators, metadata, and weights, which must be finite where they are
// multiplied.
import { open } from 'node:fs/promises';
import path from 'node:path';
import { LoadError } from '../../core/errors.ts';
import type { DType } from '../../core/tensor.ts';
import { constantsOf } from './constants.ts';
import { extentFault } from './extent.ts';
import { readSkeleton } from './file.ts';
import { type Lookups, lookupsOf } from './lookups.ts';
import { type GraphBody, operatorName, readBody, wordsOf } from './nodes.ts';
import { decodeModel, type GraphProto, type ModelProto, type NodeProto } from './proto.ts';
import { harmOf } from './spoilt.ts';
import { digestFile, type ExternalFile, readWeights } from './weights.ts';

const DTYPES: Record<number, DType> = {
  1: 'float32',
  2: 'uint8',
  3: 'int8',
  4: 'uint16',
  5: 'int16',
  6: 'int32',
  7: 'int64',
  8: 'string',
  9: 'bool',
  10: 'float16',
  11: 'float64',
  12: 'uint32',
  13: 'uint64',
};

/** Domains whose operators the runtime's CPU build brings along. */
const DOMAINS = new Set(['', 'ai.onnx', 'ai.onnx.ml', 'com.microsoft', 'com.microsoft.nchwc', 'com.ms.internal.nhwc']);
const RECURRENT = new Set(['LSTM', 'GRU', 'RNN']);

/** A graph input or output. A dimension is a number, a symbol, or null where the graph says nothing. */
export interface TensorInfo {
  readonly name: string;
  readonly dtype: DType;
  readonly dims: readonly (number | string | null)[];
}

export interface Graph extends Lookups {
  /** The file's name in its folder. */
  readonly file: string;
  readonly producer: string;
  readonly opsets: Readonly<Record<string, number>>;
  readonly operators: Readonly<Record<string, number>>;
  /** Floating-point values in the graph's initializers and constants. */
  readonly parameters: number;
  readonly bytes: number;
  readonly sha256: string;
  readonly externalData: readonly ExternalFile[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  /** A sentence for each output that cannot be served, because it is no tensor of a known type. */
  readonly unserved: readonly string[];
  /** The operator that writes each output, for guessing what a head is. */
  readonly writers: Readonly<Record<string, string>>;
  /** Its nodes, to read what it may do. */
  readonly body: GraphBody;
  /** Words that the graph knows, if it takes texts. */
  readonly words: readonly string[];
}

/** Bytes of a graph with its external data. */
export function sizeOf({ bytes, externalData }: Graph): number {
  return externalData.reduce((sum, file) => sum + file.bytes, bytes);
}

/** Reads a graph file and the external data beside it. @throws {LoadError} that names the file and the fault. */
export async function readGraph(file: string): Promise<Graph> {
  const base = path.basename(file);
  const model = await readModel(file, base);
  const main = model.graph as GraphProto;
  const fault = extentFault(main, model.functions);
  if (fault) throw new LoadError(base, `: ${fault}`);
  const operators: Record<string, number> = {};
  for (const nodes of [main.node, ...model.functions.map(f => f.node)]) count(base, model.functions, nodes, operators);
  const { parameters, externalData, spoilt } = await readWeights(file, constantsOf(main, model.functions));
  const harm = spoilt.size > 0 ? harmOf(main, model.functions, spoilt) : undefined;
  if (harm) throw new LoadError(base, `: ${harm}`);
  const { bytes, sha256 } = await digestFile(file);
  const initialized = new Set(main.initializer.map(tensor => tensor.name));
  const writers = main.node.flatMap(node => node.output.map(name => [name, operatorName(node)] as const));
  const body = readBody(main, model.functions);
  const inputs = main.input.filter(info => !initialized.has(info.name)).map(info => tensorInfo(base, info));
  const outputs = main.output.flatMap(info => (isServed(info) ? [tensorInfo(base, info)] : []));
  const unserved = main.output.filter(info => !isServed(info)).map(notServed);
  if (outputs.length === 0 && unserved.length > 0) throw new LoadError(base, `: ${unserved.join('; ')}`);
  const written = new Map(writers);
  return {
    file: base,
    producer: `${model.producerName} ${model.producerVersion}`.trim(),
    opsets: Object.fromEntries(model.opsetImport.map(o => [o.domain || 'ai.onnx', Number(o.version)])),
    operators,
    parameters,
    bytes,
    sha256,
    externalData,
    metadata: Object.fromEntries(model.metadataProps.map(({ key, value }) => [key, value])),
    inputs,
    outputs,
    unserved,
    writers: Object.fromEntries(outputs.map(({ name }) => [name, written.get(name) ?? ''])),
    body,
    ...lookupsOf(body, inputs),
    words: wordsOf(main),
  };
}

async function readModel(file: string, base: string): Promise<ModelProto> {
  const handle = await open(file).catch(error => {
    throw LoadError.unreadable(base, error);
  });
  try {
    const stat = await handle.stat();
    if (!stat.isFile()) throw new LoadError(base, 'is not a file');
    if (stat.size === 0) throw new LoadError(base, 'is empty');
    const { buffer } = await handle.read(Buffer.alloc(40), 0, 40, 0);
    if (buffer.toString('latin1').startsWith('version https://git-lfs')) {
      throw new LoadError(base, 'is a git-lfs pointer, not a graph: fetch the file with "git lfs pull"');
    }
    const model = await readSkeleton(handle)
      .then(decodeModel)
      .catch(() => {
        throw new LoadError(base, `is not an ONNX graph, or it is truncated (${stat.size} bytes)`);
      });
    if (!model.graph?.node.length || model.opsetImport.length === 0) {
      throw new LoadError(base, `is not an ONNX graph (no nodes or no operator set in ${stat.size} bytes)`);
    }
    return model;
  } finally {
    await handle.close();
  }
}

/** Counts every operator, those of loop and branch bodies included. @throws {LoadError} for one that cannot be run */
function count(
  base: string,
  functions: ModelProto['functions'],
  nodes: readonly NodeProto[],
  operators: Record<string, number>,
): void {
  for (const node of nodes) {
    checkNode(base, functions, node);
    const name = operatorName(node);
    operators[name] = (operators[name] ?? 0) + 1;
    for (const { g, graphs } of node.attribute) {
      for (const graph of g ? [g, ...graphs] : graphs) count(base, functions, graph.node, operators);
    }
  }
}

function checkNode(base: string, functions: ModelProto['functions'], node: NodeProto): void {
  if (!DOMAINS.has(node.domain) && !functions.some(f => f.domain === node.domain && f.name === node.opType)) {
    throw new LoadError(base, `: operator ${operatorName(node)} is of domain "${node.domain}", which is not supported`);
  }
  const layout = node.attribute.find(attribute => attribute.name === 'layout');
  if (RECURRENT.has(node.opType) && layout && Number(layout.i) === 1) {
    throw new LoadError(
      base,
      `: ${node.opType} with layout=1 is not supported by the runtime; export it with layout=0`,
    );
  }
}

function isServed({ type }: GraphProto['output'][number]): boolean {
  return DTYPES[type?.tensorType?.elemType ?? 0] !== undefined;
}

function notServed({ name, type }: GraphProto['output'][number]): string {
  const kinds = {
    sequenceType: 'sequence',
    mapType: 'map',
    optionalType: 'optional value',
    sparseTensorType: 'sparse tensor',
  };
  const kind = Object.entries(kinds).find(([key]) => (type?.[key as keyof typeof kinds]?.length ?? 0) > 0)?.[1];
  const text = `output "${name}" is a ${kind ?? 'tensor of a type that the server does not know'} and is not served`;
  return kind === 'sequence' || kind === 'map'
    ? `${text}; sklearn-onnx gives probabilities as a tensor with options={"zipmap": False}`
    : text;
}

function tensorInfo(base: string, info: GraphProto['input'][number]): TensorInfo {
  const type = info.type?.tensorType;
  const dtype = type && DTYPES[type.elemType];
  if (!type || !dtype) throw new LoadError(base, `: "${info.name}" is not a tensor of a type the server knows`);
  if (info.name === '__proto__') throw new LoadError(base, ': a tensor named __proto__ cannot be served');
  const dims = (type.shape?.dim ?? []).map(
    dim => dim.dimParam || (Number(dim.dimValue) > 0 ? Number(dim.dimValue) : null),
  );
  return { name: info.name, dtype, dims };
}
