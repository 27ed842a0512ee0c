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

export function elementCount(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1);
}

/** A zero-filled tensor (empty strings for dtype `string`). */
export function zeros(dtype: DType, dims: readonly number[]): Tensor {
  const count = elementCount(dims);
  return { dtype, dims, data: dtype === 'string' ? new Array<string>(count).fill('') : new ARRAYS[dtype](count) };
}
