// Values that may be missing: callers send null, the graph gets NaN.
import { fromFloat16 } from '../core/float16.ts';
import type { DType, TensorData } from '../core/tensor.ts';
import type { ManifestInput } from '../model/manifest.ts';
import type { Signature } from '../model/signature.ts';

/** By feature, whether it may be missing; undefined where none of an input's may. */
export function gapsOf(spec: ManifestInput): readonly boolean[] | undefined {
  if (spec.kind !== 'numeric' || !spec.features.some(({ missing }) => missing)) return undefined;
  return spec.features.map(({ missing = false }) => missing);
}

/** Whether a value, as a tensor of the type holds it, is NaN. */
export function isMissing(dtype: DType, value: TensorData[number]): boolean {
  return dtype === 'float16' ? Number.isNaN(fromFloat16(value as number)) : Number.isNaN(value);
}

/** The graph inputs in which values may be missing, with the features that may; features lie innermost. */
export function gapsByTensor({ inputs }: Signature): ReadonlyMap<string, readonly boolean[]> {
  return new Map(
    inputs.flatMap(({ spec, tensor }) => {
      const gaps = gapsOf(spec);
      return gaps ? [[tensor.name, gaps] as const] : [];
    }),
  );
}
