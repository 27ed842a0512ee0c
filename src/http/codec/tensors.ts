// Tensors as bytes and as JSON, as the Open Inference Protocol has them: little-endian, row-major, no padding.
import { ServiceError } from '../../core/errors.ts';
import { ARRAYS, type DType, elementCount, type Tensor, type TensorData } from '../../core/tensor.ts';
import { describe } from '../../sequence/faults.ts';
import { elementReader, parseNested } from '../../sequence/nested.ts';
import { float32Text } from './float32.ts';

export const DATATYPES: Readonly<Record<DType, string>> = {
  bool: 'BOOL',
  uint8: 'UINT8',
  uint16: 'UINT16',
  uint32: 'UINT32',
  uint64: 'UINT64',
  int8: 'INT8',
  int16: 'INT16',
  int32: 'INT32',
  int64: 'INT64',
  float16: 'FP16',
  float32: 'FP32',
  float64: 'FP64',
  string: 'BYTES',
};
export const DTYPES: ReadonlyMap<string, DType> = new Map(
  Object.entries(DATATYPES).map(([dtype, datatype]) => [datatype, dtype as DType]),
);

const LENGTH_BYTES = 4;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }); // a mark at the start is text too

/** A tensor's data from bytes at any offset; the bytes are copied. @throws {ServiceError} INVALID_REQUEST. */
export function decodeBytes(where: string, dtype: DType, count: number, bytes: Uint8Array): TensorData {
  if (dtype === 'string') return decodeStrings(where, count, bytes);
  const array = ARRAYS[dtype];
  const expected = count * array.BYTES_PER_ELEMENT;
  if (bytes.length !== expected) fault(`${where} has ${bytes.length} bytes, expected ${expected} for its shape`);
  const data = new array(new Uint8Array(bytes).buffer); // a fresh buffer: tensors begin at any offset of a body
  if (dtype === 'bool' && (data as Uint8Array).some(byte => byte > 1))
    fault(`${where} holds a byte that is neither 0 nor 1`);
  return data;
}

function decodeStrings(where: string, count: number, bytes: Uint8Array): string[] {
  const strings: string[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let offset = 0;
  while (offset < bytes.length) {
    const end = offset + LENGTH_BYTES > bytes.length ? Infinity : offset + LENGTH_BYTES + view.getUint32(offset, true);
    if (end > bytes.length) fault(`${where}: element ${strings.length} ends beyond its bytes`);
    try {
      strings.push(utf8.decode(bytes.subarray(offset + LENGTH_BYTES, end)));
    } catch {
      fault(`${where}: element ${strings.length} is not UTF-8`);
    }
    offset = end;
  }
  if (strings.length !== count) fault(`${where} has ${strings.length} elements, expected ${count} for its shape`);
  return strings;
}

export function encodeBytes({ data }: Tensor): Buffer {
  if (!Array.isArray(data)) return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  const chunks = data.flatMap(text => {
    const bytes = Buffer.from(text);
    const length = Buffer.alloc(LENGTH_BYTES);
    length.writeUInt32LE(bytes.length);
    return [length, bytes];
  });
  return Buffer.concat(chunks);
}

/**
 * A tensor's data from JSON: flat, or nested exactly along its shape; with `missing`, null is NaN.
 * @throws {ServiceError} at the first fault.
 */
export function decodeJson(
  path: readonly (string | number)[],
  dtype: DType,
  dims: readonly number[],
  value: unknown,
  missing = false,
): TensorData {
  const where = path
    .map((part, i) => (typeof part === 'number' ? `[${part}]` : `${i === 0 ? '' : '.'}${part}`))
    .join('');
  if (dtype === 'float16') fault(`${where}: FP16 has no JSON form, use the binary data format`);
  if (!Array.isArray(value)) fault(`${where} is ${describe(value)}, expected an array`);
  if (Array.isArray(value[0])) return parseNested(value, path, { dtype, dims, missing }).data;
  const count = elementCount(dims);
  if (value.length !== count) fault(`${where} has ${value.length} elements, expected ${count} for its shape`);
  const element = elementReader(dtype, missing);
  const data = dtype === 'string' ? new Array<string>(count) : new ARRAYS[dtype](count);
  const at = [...path, 0];
  for (let i = 0; i < count; i++) {
    at[path.length] = i;
    data[i] = element(value[i], at) as never;
  }
  return data;
}

/** Flat JSON: float32 in the fewest digits that read back as the same, 64-bit integers exactly, null for what is not finite. */
export function encodeJson({ dtype, data }: Tensor): string {
  if (dtype === 'float16')
    throw new ServiceError('INVALID_REQUEST', 'FP16 has no JSON form, use the binary data format');
  if (dtype === 'bool') return `[${Array.from(data as Uint8Array, Boolean).join()}]`;
  if (dtype === 'float32') return floatsText(data as Float32Array);
  if (dtype.endsWith('int64')) return `[${(data as BigInt64Array).join()}]`;
  return JSON.stringify(Array.isArray(data) ? data : Array.from(data as Float32Array));
}

function floatsText(data: Float32Array): string {
  let text = '[';
  for (let i = 0; i < data.length; i++) {
    if (i > 0) text += ',';
    text += Number.isFinite(data[i]) ? float32Text(data[i]) : 'null';
  }
  return `${text}]`;
}

function fault(text: string): never {
  throw new ServiceError('INVALID_REQUEST', text);
}
