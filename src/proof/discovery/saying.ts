// Lengths or a mask as an experiment gives them: which of a row's steps are real.
import { toFloat16 } from '../../core/float16.ts';
import { type Tensor, zeroData } from '../../core/tensor.ts';
import type { TensorInfo } from '../../model/onnx/graph.ts';

/** Lengths or a mask for one row of `steps` steps of which `valid` are real. */
export function saying(
  { dtype, dims }: TensorInfo,
  by: 'lengths' | 'mask',
  steps: number,
  valid: number,
  one: number = 1,
): Tensor {
  if (by === 'lengths') {
    const data = zeroData(dtype, 1);
    data[0] = (typeof data[0] === 'bigint' ? BigInt(valid) : valid) as never;
    return { dtype, dims: [1], data };
  }
  const data = zeroData(dtype, steps);
  const value = dtype === 'int64' ? BigInt(one) : dtype === 'float16' ? toFloat16(one) : one;
  for (let i = 0; i < valid; i++) data[i] = value as never;
  return { dtype, dims: dims.length === 2 ? [1, steps] : [steps], data };
}
