// The values that a manifest lists as those that an input takes, as its tensor holds them.
import { ARRAYS, type DType, type TensorData } from '../core/tensor.ts';
import type { ManifestInput } from '../model/manifest.ts';
import type { Path } from './faults.ts';
import { elementReader } from './nested.ts';

export interface Accepted {
  /** In a type's nearest numbers: 0.1 is what callers of float32 can say of it. */
  has(value: TensorData[number]): boolean;
  /** The first of the list. */
  readonly first: TensorData[number];
  /** What is expected, for an error. */
  readonly words: string;
}

/** What was read before: every request asks. */
const read = new WeakMap<ManifestInput, Accepted>();

/** @throws {ServiceError} INVALID_SEQUENCE, at `path`, if a value is none of the tensor's type. */
export function acceptedBy(spec: ManifestInput, dtype: DType, path: Path = []): Accepted | undefined {
  if ((spec.kind !== 'tensor' && spec.kind !== 'token') || spec.values === undefined) return undefined;
  let accepted = read.get(spec);
  if (!accepted) {
    accepted = acceptedOf(spec.values, dtype, path);
    read.set(spec, accepted);
  }
  return accepted;
}

function acceptedOf(values: readonly unknown[], dtype: DType, path: Path): Accepted {
  const element = elementReader(dtype);
  const elements = values.map((value, i) => element(value, [...path, i]));
  const held: ArrayLike<TensorData[number]> & Iterable<TensorData[number]> =
    dtype === 'string' ? (elements as string[]) : (ARRAYS[dtype] as Float32ArrayConstructor).from(elements as number[]);
  const known = new Set(held);
  return {
    has: value => known.has(value),
    first: held[0],
    words: `one of ${JSON.stringify(values).slice(1, -1).slice(0, 500)}`,
  };
}
