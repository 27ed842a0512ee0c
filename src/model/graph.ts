// Reads an ONNX file without running it: signature, operators, metadata, and weights that must be finite.
import { open } from 'node:fs/promises';
import path from 'node:path';
import { LoadError } from '../core/errors.ts';
import type { DType } from '../core/tensor.ts';
import { readSkeleton } from './onnx/file.ts';
import { decodeModel, type GraphProto, type ModelProto, type NodeProto, type TensorProto } from './onnx/proto.ts';
import { checkWeights, digestFile, type ExternalFile } from './weights.ts';

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

export interface Graph {
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
  /** The operator that writes each output, for guessing what a head is. */
  readonly writers: Readonly<Record<string, string>>;
}

/** Reads a graph file and the external data beside it. @throws {LoadError} that names the file and the fault. */
export async function readGraph(file: string): Promise<Graph> {
  const base = path.basename(file);
  const model = await readModel(file, base);
  const main = model.graph as GraphProto;
  const found: Found = { tensors: [], operators: {} };
  walk(base, model.functions, [main.node, ...model.functions.map(f => f.node)], [main.initializer], found);
  const { parameters, externalData } = await checkWeights(file, found.tensors);
  const { bytes, sha256 } = await digestFile(file);
  const initialized = new Set(main.initializer.map(tensor => tensor.name));
  const writers = main.node.flatMap(node => node.output.map(name => [name, operatorName(node)] as const));
  const outputs = main.output.map(info => tensorInfo(base, info));
  const written = new Map(writers);
  return {
    producer: `${model.producerName} ${model.producerVersion}`.trim(),
    opsets: Object.fromEntries(model.opsetImport.map(o => [o.domain || 'ai.onnx', Number(o.version)])),
    operators: found.operators,
    parameters,
    bytes,
    sha256,
    externalData,
    metadata: Object.fromEntries(model.metadataProps.map(({ key, value }) => [key, value])),
    inputs: main.input.filter(info => !initialized.has(info.name)).map(info => tensorInfo(base, info)),
    outputs,
    writers: Object.fromEntries(outputs.map(({ name }) => [name, written.get(name) ?? ''])),
  };
}

async function readModel(file: string, base: string): Promise<ModelProto> {
  const handle = await open(file).catch(error => {
    throw new LoadError(error.code === 'ENOENT' ? `${base} is missing` : `${base} cannot be read (${error.code})`);
  });
  try {
    const stat = await handle.stat();
    if (!stat.isFile()) throw new LoadError(`${base} is not a file`);
    if (stat.size === 0) throw new LoadError(`${base} is empty`);
    const { buffer } = await handle.read(Buffer.alloc(40), 0, 40, 0);
    if (buffer.toString('latin1').startsWith('version https://git-lfs')) {
      throw new LoadError(`${base} is a git-lfs pointer, not a graph: fetch the file with "git lfs pull"`);
    }
    const model = await readSkeleton(handle)
      .then(decodeModel)
      .catch(() => {
        throw new LoadError(`${base} is not an ONNX graph, or it is truncated (${stat.size} bytes)`);
      });
    if (!model.graph?.node.length || model.opsetImport.length === 0) {
      throw new LoadError(`${base} is not an ONNX graph (no nodes or no operator set in ${stat.size} bytes)`);
    }
    return model;
  } finally {
    await handle.close();
  }
}

interface Found {
  readonly tensors: TensorProto[];
  readonly operators: Record<string, number>;
}

/** Collects every weight and counts every operator, those of loop and branch bodies included. @throws {LoadError} */
function walk(
  base: string,
  functions: ModelProto['functions'],
  bodies: NodeProto[][],
  initializers: TensorProto[][],
  found: Found,
): void {
  for (const list of initializers) found.tensors.push(...list);
  for (const node of bodies.flat()) {
    checkNode(base, functions, node);
    const name = operatorName(node);
    found.operators[name] = (found.operators[name] ?? 0) + 1;
    for (const attribute of node.attribute) {
      if (attribute.t) found.tensors.push(attribute.t);
      found.tensors.push(...attribute.tensors);
      const graphs = attribute.g ? [attribute.g, ...attribute.graphs] : attribute.graphs;
      for (const graph of graphs) walk(base, functions, [graph.node], [graph.initializer], found);
    }
  }
}

function checkNode(base: string, functions: ModelProto['functions'], node: NodeProto): void {
  if (!DOMAINS.has(node.domain) && !functions.some(f => f.domain === node.domain && f.name === node.opType)) {
    throw new LoadError(
      `${base}: operator ${operatorName(node)} is of domain "${node.domain}", which is not supported`,
    );
  }
  const layout = node.attribute.find(attribute => attribute.name === 'layout');
  if (RECURRENT.has(node.opType) && layout && Number(layout.i) === 1) {
    throw new LoadError(
      `${base}: ${node.opType} with layout=1 is not supported by the runtime; export it with layout=0`,
    );
  }
}

function operatorName({ domain, opType }: NodeProto): string {
  return domain && domain !== 'ai.onnx' ? `${domain}.${opType}` : opType;
}

function tensorInfo(base: string, info: GraphProto['input'][number]): TensorInfo {
  const type = info.type?.tensorType;
  const dtype = type && DTYPES[type.elemType];
  if (!type || !dtype) throw new LoadError(`${base}: "${info.name}" is not a tensor of a type the server knows`);
  if (info.name === '__proto__') throw new LoadError(`${base}: a tensor named __proto__ cannot be served`);
  const dims = (type.shape?.dim ?? []).map(
    dim => dim.dimParam || (Number(dim.dimValue) > 0 ? Number(dim.dimValue) : null),
  );
  return { name: info.name, dtype, dims };
}
