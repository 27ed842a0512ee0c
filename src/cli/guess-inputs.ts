// What callers would send for a graph input, guessed from its type and rank.

import type { DType } from '../core/tensor.ts';
import type { Manifest, RowInput } from '../model/manifest.ts';
import { likelyPicture } from '../model/media.ts';
import { isRowInput, rowTimeAxis, type SignatureInput } from '../model/signature.ts';
import type { Written } from './written.ts';

const GUESSED_SIZE = 1000;
const FLOATS: readonly DType[] = ['float32', 'float64', 'float16'];

export function guessInput({ spec, tensor, axes }: SignatureInput, { inputs }: Manifest): Written {
  if (!isRowInput(spec)) {
    return { ...spec, description: 'guess: one value for a whole run; name its default and the values it may have' };
  }
  if (spec.kind !== 'tensor') throw new Error('a manifest that experiments wrote has raw tensors only');
  const { kind: _, minimum, maximum, integer, ...rest } = spec;
  const rank = tensor.dims.length - (axes.batch === null ? 0 : 1);
  const stepsFirst = rowTimeAxis(axes) === 0;
  const last = tensor.dims[tensor.dims.length - 1];
  if (stepsFirst && rank === 2 && FLOATS.includes(tensor.dtype) && typeof last === 'number') {
    const features = Array.from({ length: last }, (_, f) => ({ name: `feature_${f}` }));
    const description = `guess: numeric, since it is ${tensor.dtype} with ${last} values a step; name the features and give units and limits`;
    return { ...rest, kind: 'numeric', description, features };
  }
  if (stepsFirst && rank === 1 && (tensor.dtype === 'int64' || tensor.dtype === 'int32' || integer)) {
    const size = maximum === undefined ? GUESSED_SIZE : maximum + 1;
    const why =
      maximum === undefined ? `and size ${size} is a mere guess` : `and the graph runs with 0 to ${maximum} only`;
    return {
      ...rest,
      kind: 'index',
      description: `guess: index, since it holds whole numbers; ids they may be, ${why}`,
      size,
    };
  }
  if (stepsFirst && rank === 1 && tensor.dtype === 'string') {
    return { ...rest, kind: 'token', description: 'guess: token, since it holds strings, one a step' };
  }
  const media = likelyPicture(tensor, axes.batch);
  if (media) {
    const why = `it has the sizes of one of ${tensor.dtype}; set scale, mean and std as the graph was trained, or drop media`;
    return { ...spec, description: `guess: a picture, since ${why}`, media };
  }
  return { ...spec, description: `guess: tensor, the row as nested arrays${tellSame(spec, inputs)}` };
}

function tellSame({ sameTimeAs }: RowInput, inputs: Manifest['inputs']): string {
  return inputs.some(input => input.name === sameTimeAs) ? `, as many steps as ${sameTimeAs}` : '';
}
