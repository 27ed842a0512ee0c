// A graph's weights: where they lie, that they lie within the version's folder, and that every one is a finite number.
import { createHash } from 'node:crypto';
import { type FileHandle, lstat, open } from 'node:fs/promises';
import path from 'node:path';
import { LoadError } from '../core/errors.ts';
import { externalEntry, INSIDE, scan } from './onnx/file.ts';
import type { TensorProto } from './onnx/proto.ts';

const BFLOAT16 = 16;
const FLOAT_BYTES: Record<number, number> = { 1: 4, 10: 2, 11: 8, [BFLOAT16]: 2 };
const EXTERNAL = 1;

/** A file of weights beside the graph. */
export interface ExternalFile {
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** Checks every weight of the graph in `file`. @throws {LoadError} naming the weight and the fault. */
export async function checkWeights(
  file: string,
  tensors: readonly TensorProto[],
): Promise<{ parameters: number; externalData: ExternalFile[] }> {
  const base = path.basename(file);
  const folder = path.dirname(file);
  const handles = new Map<string, FileHandle>();
  const handleOf = async (name: string) => {
    const handle = handles.get(name) ?? (await open(name));
    handles.set(name, handle);
    return handle;
  };
  try {
    let parameters = 0;
    for (const tensor of tensors) {
      const location = externalEntry(tensor, 'location');
      const external = tensor.dataLocation === EXTERNAL;
      const holder = external ? await containedFile(base, folder, tensor) : location === INSIDE ? file : undefined;
      if (holder) await handleOf(holder);
      if (FLOAT_BYTES[tensor.dataType] === undefined) continue;
      parameters += tensor.dims.reduce((product, dim) => product * Number(dim), 1);
      const bad =
        firstNonFinite(tensor, tensor.rawData) ??
        (holder ? await nonFiniteInFile(base, tensor, await handleOf(holder)) : undefined);
      if (bad !== undefined)
        throw new LoadError(`${base}: weight "${tensor.name}" holds ${bad}; weights must be finite`);
    }
    const names = [...handles.keys()].filter(name => name !== file).sort();
    return { parameters, externalData: await Promise.all(names.map(digestFile)) };
  } finally {
    await Promise.all([...handles.values()].map(handle => handle.close()));
  }
}

/** The sha256 of a file as hexadecimal digits, and its size. */
export async function digestFile(file: string): Promise<ExternalFile> {
  const handle = await open(file);
  try {
    const { size } = await handle.stat();
    const hash = createHash('sha256');
    await scan(handle, 0, size, chunk => hash.update(chunk));
    return { file: path.basename(file), bytes: size, sha256: hash.digest('hex') };
  } finally {
    await handle.close();
  }
}

async function containedFile(base: string, folder: string, tensor: TensorProto): Promise<string> {
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

async function nonFiniteInFile(base: string, tensor: TensorProto, handle: FileHandle): Promise<number | undefined> {
  const { size } = await handle.stat();
  const offset = Number(externalEntry(tensor, 'offset') ?? 0);
  const length = Number(externalEntry(tensor, 'length') ?? size - offset);
  if (!(offset >= 0 && length >= 0 && offset + length <= size)) {
    throw new LoadError(`${base}: external data of weight "${tensor.name}" ends beyond its file`);
  }
  let bad: number | undefined;
  await scan(handle, offset, length, chunk => {
    bad ??= firstNonFinite({ dataType: tensor.dataType, floatData: [], doubleData: [], int32Data: [] }, chunk);
  });
  return bad;
}

type Values = Pick<TensorProto, 'dataType' | 'floatData' | 'doubleData' | 'int32Data'>;

/** The first NaN or infinity among a tensor's values, whichever field of the protobuf holds them. */
function firstNonFinite(tensor: Values, raw: Uint8Array): number | undefined {
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
