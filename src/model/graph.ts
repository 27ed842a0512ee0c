// Reads an ONNX file without running it: signature, operators, and weights that must be finite.
import { lstat, open, readFile } from 'node:fs/promises';
import path from 'node:path';
import { LoadError } from '../core/errors.ts';
import type { DType } from '../core/tensor.ts';
import { decodeModel, type GraphProto, type ModelProto, type NodeProto, type TensorProto } from './onnx-proto.ts';

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
const BFLOAT16 = 16;
const FLOAT_BYTES: Record<number, number> = { 1: 4, 10: 2, 11: 8, [BFLOAT16]: 2 };
const EXTERNAL = 1;

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
  /** Floating-point values in the graph's initializers. */
  readonly parameters: number;
  readonly bytes: number;
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
}

/** Reads a graph file and the external data beside it. @throws {LoadError} that names the file and the fault. */
export async function readGraph(file: string): Promise<{ graph: Graph; content: Uint8Array; externalFiles: string[] }> {
  const base = path.basename(file);
  const content = await readFile(file).catch(error => {
    throw new LoadError(error.code === 'ENOENT' ? `${base} is missing` : `${base} cannot be read (${error.code})`);
  });
  const model = decode(base, content);
  const main = model.graph as GraphProto;
  const tensors: TensorProto[] = [];
  const operators: Record<string, number> = {};
  walk([main.node, ...model.functions.map(f => f.node)], [main.initializer], tensors, operators);

  const folder = path.dirname(file);
  const externalFiles = new Set<string>();
  let parameters = 0;
  for (const tensor of tensors) {
    const width = FLOAT_BYTES[tensor.dataType];
    if (tensor.dataLocation === EXTERNAL) externalFiles.add(await containedExternalFile(base, folder, tensor));
    if (width === undefined) continue;
    parameters += tensor.dims.reduce((product, dim) => product * Number(dim), 1);
    const raw = tensor.dataLocation === EXTERNAL ? await readExternal(base, folder, tensor) : tensor.rawData;
    const bad = firstNonFinite(tensor, raw);
    if (bad !== undefined) throw new LoadError(`${base}: weight "${tensor.name}" holds ${bad}; weights must be finite`);
  }

  const initialized = new Set(main.initializer.map(tensor => tensor.name));
  return {
    content,
    externalFiles: [...externalFiles],
    graph: {
      producer: `${model.producerName} ${model.producerVersion}`.trim(),
      opsets: Object.fromEntries(model.opsetImport.map(o => [o.domain || 'ai.onnx', Number(o.version)])),
      operators,
      parameters,
      bytes: content.byteLength,
      inputs: main.input.filter(info => !initialized.has(info.name)).map(info => tensorInfo(base, info)),
      outputs: main.output.map(info => tensorInfo(base, info)),
    },
  };
}

function decode(base: string, content: Buffer): ModelProto {
  if (content.length === 0) throw new LoadError(`${base} is empty`);
  if (content.subarray(0, 40).toString('latin1').startsWith('version https://git-lfs')) {
    throw new LoadError(`${base} is a git-lfs pointer, not a graph: fetch the file with "git lfs pull"`);
  }
  let model: ModelProto;
  try {
    model = decodeModel(content);
  } catch {
    throw new LoadError(`${base} is not an ONNX graph, or it is truncated (${content.length} bytes)`);
  }
  if (!model.graph?.node.length || model.opsetImport.length === 0) {
    throw new LoadError(`${base} is not an ONNX graph (no nodes or no operator set in ${content.length} bytes)`);
  }
  return model;
}

/** Collects every weight and counts every operator, those of loop and branch bodies included. */
function walk(
  bodies: NodeProto[][],
  initializers: TensorProto[][],
  tensors: TensorProto[],
  operators: Record<string, number>,
): void {
  for (const list of initializers) tensors.push(...list);
  for (const nodes of bodies) {
    for (const node of nodes) {
      const name = node.domain && node.domain !== 'ai.onnx' ? `${node.domain}.${node.opType}` : node.opType;
      operators[name] = (operators[name] ?? 0) + 1;
      for (const attribute of node.attribute) {
        if (attribute.t) tensors.push(attribute.t);
        tensors.push(...attribute.tensors);
        const graphs = attribute.g ? [attribute.g, ...attribute.graphs] : attribute.graphs;
        for (const graph of graphs) walk([graph.node], [graph.initializer], tensors, operators);
      }
    }
  }
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

function externalEntry(tensor: TensorProto, key: string): string | undefined {
  return tensor.externalData.find(entry => entry.key === key)?.value;
}

async function containedExternalFile(base: string, folder: string, tensor: TensorProto): Promise<string> {
  const location = externalEntry(tensor, 'location') ?? '';
  const file = path.resolve(folder, location);
  const fault = `${base}: external data "${location}" of weight "${tensor.name}"`;
  if (location === '' || path.isAbsolute(location) || path.dirname(file) !== path.resolve(folder)) {
    throw new LoadError(`${fault} must be a file beside the graph`);
  }
  const stat = await lstat(file).catch(() => undefined);
  if (!stat) throw new LoadError(`${fault} is missing`);
  if (!stat.isFile() || stat.nlink > 1) throw new LoadError(`${fault} must be a plain file, not a link`);
  return file;
}

async function readExternal(base: string, folder: string, tensor: TensorProto): Promise<Uint8Array> {
  const handle = await open(path.join(folder, externalEntry(tensor, 'location') ?? ''));
  try {
    const { size } = await handle.stat();
    const offset = Number(externalEntry(tensor, 'offset') ?? 0);
    const length = Number(externalEntry(tensor, 'length') ?? size - offset);
    if (!(offset >= 0 && length >= 0 && offset + length <= size)) {
      throw new LoadError(`${base}: external data of weight "${tensor.name}" ends beyond its file`);
    }
    const bytes = new Uint8Array(length);
    await handle.read(bytes, 0, length, offset);
    return bytes;
  } finally {
    await handle.close();
  }
}

/** The first NaN or infinity among a tensor's values, whichever field of the protobuf holds them. */
function firstNonFinite(tensor: TensorProto, raw: Uint8Array): number | undefined {
  const infinite = (value: number) => !Number.isFinite(value);
  if (tensor.dataType === 1) return tensor.floatData.find(infinite) ?? aligned(raw, Float32Array).find(infinite);
  if (tensor.dataType === 11) return tensor.doubleData.find(infinite) ?? aligned(raw, Float64Array).find(infinite);
  // Half-width floats: every exponent bit set means infinity or NaN.
  const exponent = tensor.dataType === BFLOAT16 ? 0x7f80 : 0x7c00;
  const full = (bits: number) => (bits & exponent) === exponent;
  return tensor.int32Data.some(full) || aligned(raw, Uint16Array).some(full) ? Number.NaN : undefined;
}

/**
 * A copy as a typed array, since a protobuf's bytes begin anywhere; an incomplete last value is left out. Where a
 * tensor has no raw bytes, protobufjs gives an empty plain array.
 */
function aligned<T>(raw: Uint8Array, array: { new (buffer: ArrayBuffer): T; BYTES_PER_ELEMENT: number }): T {
  const whole = raw.length - (raw.length % array.BYTES_PER_ELEMENT);
  return new array(new Uint8Array(raw.slice(0, whole)).buffer);
}
