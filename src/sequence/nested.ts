// Nested arrays and flat data: a tensor's row as JSON has it, checked against the tensor's type and shape.
import { FLOAT16_MAX, fromFloat16, toFloat16 } from '../core/float16.ts';
import { ARRAYS, type DType, elementCount, type TensorData } from '../core/tensor.ts';
import { describe, FLOAT32_MAX, fail, NUL, type Path } from './faults.ts';

/** What a row may be: a number is that size exactly, null is any. */
export interface RowShape {
  readonly dtype: DType;
  readonly dims: readonly (number | null)[];
  /** Whether null stands for NaN. */
  readonly missing?: boolean;
}

export const RANGES: Record<DType, readonly [least: number, most: number, what: string]> = {
  float32: [-FLOAT32_MAX, FLOAT32_MAX, 'a number in the range of float32'],
  float64: [-Number.MAX_VALUE, Number.MAX_VALUE, 'a finite number'],
  float16: [-FLOAT16_MAX, FLOAT16_MAX, 'a number in the range of float16'],
  int8: [-128, 127, 'a whole number from -128 to 127'],
  int16: [-32768, 32767, 'a whole number from -32768 to 32767'],
  int32: [-(2 ** 31), 2 ** 31 - 1, 'a whole number in the range of int32'],
  int64: [-Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, 'a whole number'],
  uint8: [0, 255, 'a whole number from 0 to 255'],
  uint16: [0, 65535, 'a whole number from 0 to 65535'],
  uint32: [0, 2 ** 32 - 1, 'a whole number in the range of uint32'],
  uint64: [0, Number.MAX_SAFE_INTEGER, 'a whole number of at least 0'],
  bool: [0, 1, 'true or false'],
  string: [0, 0, 'a string'],
};

/** The row that the value at `path` describes. @throws {ServiceError} INVALID_SEQUENCE at the first fault. */
export function parseNested(value: unknown, path: Path, shape: RowShape): { dims: number[]; data: TensorData } {
  const dims = dimsOf(value, path, shape.dims);
  checkNesting(value, path, dims);
  const count = elementCount(dims);
  const element = elementReader(shape.dtype, shape.missing);
  const data = shape.dtype === 'string' ? new Array<string>(count) : new ARRAYS[shape.dtype](count);
  let cursor = 0;
  const at = [...path, ...dims]; // where it reads: one array for all, for a copy at each value costs more than reading it
  const read = (item: unknown, axis: number) => {
    if (axis === dims.length) {
      data[cursor++] = element(item, at) as never;
      return;
    }
    for (let i = 0; i < dims[axis]; i++) {
      at[path.length + axis] = i;
      read((item as unknown[])[i], axis + 1);
    }
  };
  read(value, 0);
  return { dims, data };
}

/** Fails unless every array down to the innermost is there: only then is memory taken for what the first of each tell. */
function checkNesting(item: unknown, path: Path, dims: readonly number[], axis = 0): void {
  if (axis === dims.length) return;
  if (!Array.isArray(item)) fail(path, `is ${describe(item)}, expected an array`);
  if (item.length !== dims[axis]) fail(path, `has ${item.length} values, expected ${dims[axis]}`);
  if (axis + 1 === dims.length) return;
  for (let i = 0; i < item.length; i++) checkNesting(item[i], [...path, i], dims, axis + 1);
}

/** The sizes that the first item of each nesting tells, checked against the expected ones. */
function dimsOf(value: unknown, path: Path, expected: RowShape['dims']): number[] {
  const dims: number[] = [];
  let item = value;
  let place = path;
  for (const size of expected) {
    if (!Array.isArray(item)) fail(place, `is ${describe(item)}, expected an array`);
    if (item.length === 0 || (size !== null && item.length !== size)) {
      fail(place, `has ${item.length} values, expected ${size ?? 'one or more'}`);
    }
    dims.push(item.length);
    item = item[0];
    place = [...place, 0];
  }
  return dims;
}

/** @param missing whether null stands for NaN, where the type has it. */
export function elementReader(dtype: DType, missing = false): (value: unknown, path: Path) => number | bigint | string {
  const [least, most, what] = RANGES[dtype];
  const refuse = (value: unknown, path: Path) => fail(path, `is ${describe(value)}, expected ${what}`);
  if (dtype === 'string') return (v, path) => (typeof v === 'string' ? whole(v, path) : refuse(v, path));
  if (dtype === 'bool') return (v, path) => (typeof v === 'boolean' ? Number(v) : refuse(v, path));
  const float = dtype.startsWith('float');
  if (float && missing) {
    const read = elementReader(dtype);
    const none = dtype === 'float16' ? toFloat16(Number.NaN) : Number.NaN;
    return (v, path) => (v === null ? none : read(v, path));
  }
  const convert = dtype === 'float16' ? toFloat16 : dtype.endsWith('int64') ? BigInt : (v: number) => v;
  return (v, path) =>
    typeof v === 'number' && v >= least && v <= most && (float || Number.isInteger(v)) ? convert(v) : refuse(v, path);
}

function whole(text: string, path: Path): string {
  return text.includes(NUL) ? fail(path, `is ${describe(text)}, expected no NUL character`) : text;
}

/** Data as plain JSON values: float16 as numbers, bool as true and false; int64 stays bigint. */
export function plainValues(dtype: DType, data: TensorData): (number | bigint | string | boolean)[] {
  const values = Array.from(data as ArrayLike<number | bigint | string>);
  if (dtype === 'float16') return values.map(bits => fromFloat16(bits as number));
  return dtype === 'bool' ? values.map(Boolean) : values;
}

/** Flat values as nested arrays of shape `dims`; a single value for no dims. */
export function nest<T>(values: readonly T[], dims: readonly number[]): unknown {
  if (dims.length === 0) return values[0];
  let level: unknown[] = [...values];
  for (const size of [...dims.slice(1)].reverse()) {
    const groups: unknown[] = [];
    for (let i = 0; i < level.length; i += size) groups.push(level.slice(i, i + size));
    level = groups;
  }
  return level;
}
