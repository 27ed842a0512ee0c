// Plain tensors: what collate makes, what crosses a thread, what a session takes and gives.

export const ARRAYS = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  int8: Int8Array,
  int16: Int16Array,
  int32: Int32Array,
  int64: BigInt64Array,
  uint8: Uint8Array,
  uint16: Uint16Array,
  uint32: Uint32Array,
  uint64: BigUint64Array,
  bool: Uint8Array,
} as const;

export type DType = keyof typeof ARRAYS | 'string';
export type NumericData = InstanceType<(typeof ARRAYS)[keyof typeof ARRAYS]>;
export type TensorData = NumericData | string[];

/** Row-major `data` of shape `dims`. float16 holds its raw bits; bool holds 0 and 1. */
export interface Tensor {
  readonly dtype: DType;
  readonly dims: readonly number[];
  readonly data: TensorData;
}

/** Tensors by the graph's own names. `__proto__` is refused as a name when a model is loaded. */
export type Tensors = Record<string, Tensor>;

export function isFloat(dtype: DType): boolean {
  return dtype.startsWith('float');
}

export function elementCount(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1);
}

/** `count` zeros, or empty strings for dtype `string`. */
export function zeroData(dtype: DType, count: number): TensorData {
  return dtype === 'string' ? new Array<string>(count).fill('') : new ARRAYS[dtype](count);
}

export function zeros(dtype: DType, dims: readonly number[]): Tensor {
  return { dtype, dims, data: zeroData(dtype, elementCount(dims)) };
}

/** A part of some data without a copy; of strings, a shallow copy. */
export function viewOf(data: TensorData, start: number, end: number): TensorData {
  return Array.isArray(data) ? data.slice(start, end) : data.subarray(start, end);
}

/** Writes `source` into `target` from `offset` on; both are of one dtype. */
export function place(target: TensorData, source: TensorData, offset: number): void {
  if (Array.isArray(target)) {
    for (let i = 0; i < source.length; i++) target[offset + i] = source[i] as string;
  } else {
    (target as Float32Array).set(source as Float32Array, offset);
  }
}

/** A corner of a row-major array of shape `dims`, and where in it a block begins. */
export interface Corner {
  readonly data: TensorData;
  readonly dims: readonly number[];
  readonly offset: number;
}

/** Copies a block of shape `extent` from one row-major array into another; all three have the same rank. */
export function copyBlock(from: Corner, to: Corner, extent: readonly number[]): void {
  const fromStrides = strides(from.dims);
  const toStrides = strides(to.dims);
  const last = extent.length - 1;
  const copy = (axis: number, source: number, target: number) => {
    if (axis >= last) {
      place(to.data, viewOf(from.data, source, source + (extent[last] ?? 1)), target);
      return;
    }
    for (let i = 0; i < extent[axis]; i++) copy(axis + 1, source + i * fromStrides[axis], target + i * toStrides[axis]);
  };
  if (elementCount(extent) > 0) copy(0, from.offset, to.offset);
}

/** The part of a tensor from `from` up to `to` on one axis, copied. */
export function sliceAxis({ dtype, dims, data }: Tensor, axis: number, from: number, to: number): Tensor {
  const extent = dims.with(axis, to - from);
  const part = zeros(dtype, extent);
  const offset = from * elementCount(dims.slice(axis + 1));
  copyBlock({ data, dims, offset }, { ...part, offset: 0 }, extent);
  return part;
}

/** How far apart neighbours on each axis lie in a row-major array. */
export function strides(dims: readonly number[]): number[] {
  const result = new Array<number>(dims.length);
  let stride = 1;
  for (let axis = dims.length - 1; axis >= 0; axis--) {
    result[axis] = stride;
    stride *= dims[axis];
  }
  return result;
}
