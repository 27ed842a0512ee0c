// Which types a tensor of each role may have.
import type { DType } from '../core/tensor.ts';
import type { ManifestInput } from './manifest.ts';

export const FLOATS: readonly DType[] = ['float32', 'float64', 'float16'];
export const WHOLE: readonly DType[] = ['int64', 'int32'];
export const STATES: readonly DType[] = [...FLOATS, ...WHOLE];
export const FLAGS: readonly DType[] = ['bool', 'int32', 'int64', 'int8', 'uint8', 'float32', 'float64'];
export const IDS: readonly DType[] = ['uint64', 'int64', 'uint32', 'int32', 'float32', 'float64', 'string'];
export const MASKS: readonly DType[] = ['bool', ...WHOLE, ...FLOATS];
export const INPUT_DTYPES: Partial<Record<ManifestInput['kind'], readonly DType[]>> = {
  numeric: FLOATS,
  index: [...WHOLE, ...FLOATS],
  token: ['string'],
};
