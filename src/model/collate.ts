// Many sequences into one run and back: pad, tell the graph what is padding, start the state at zero; then split.
import { ServiceError } from '../core/errors.ts';
import { type Tensor, type Tensors, zeros } from '../core/tensor.ts';
import type { TensorInfo } from './graph.ts';
import type { Sequence } from './sequence.ts';
import type { Signature } from './signature.ts';

/** One sequence's place in a run's outputs, which all rows of the batch share. */
export interface Row {
  readonly outputs: Tensors;
  readonly index: number;
  readonly batchSize: number;
  readonly length: number;
}

/** The feeds of one run: inputs [batch, time, feature] padded with zeros (empty strings) to the longest sequence. */
export function collate(signature: Signature, sequences: readonly Sequence[]): Tensors {
  const batch = sequences.length;
  const feeds: Tensors = {};
  signature.inputs.forEach((input, i) => {
    const parts = sequences.map(sequence => sequence.parts[i]);
    const time = parts.reduce((longest, part) => Math.max(longest, part.length), 0);
    const dims = input.spec.kind === 'numeric' ? [batch, time, input.width] : [batch, time];
    const tensor = zeros(input.tensor.dtype, dims);
    const stride = time * input.width;
    for (let b = 0; b < batch; b++) place(tensor, parts[b].data, b * stride);
    feeds[input.tensor.name] = tensor;
    if (input.lengths) {
      const lengths = zeros(input.lengths.dtype, [batch]);
      for (let b = 0; b < batch; b++) put(lengths, b, parts[b].length);
      feeds[input.lengths.name] = lengths;
    }
    if (input.mask) {
      const mask = zeros(input.mask.dtype, [batch, time]);
      for (let b = 0; b < batch; b++) for (let t = 0; t < parts[b].length; t++) put(mask, b * time + t, 1);
      feeds[input.mask.name] = mask;
    }
  });
  for (const state of signature.state) feeds[state.input.name] = zeroState(state.input, state.batchAxis, batch);
  return feeds;
}

/**
 * The inverse of collate: each sequence's row of the outputs, in order. Rows are views, nothing is copied.
 * @throws {ServiceError} INFERENCE_FAILED if an output does not have one row per sequence.
 */
export function split(outputs: Tensors, sequences: readonly Sequence[]): Row[] {
  const batchSize = sequences.length;
  for (const name in outputs) {
    if (outputs[name].dims[0] !== batchSize) {
      const shape = `[${outputs[name].dims.join(', ')}]`;
      throw new ServiceError('INFERENCE_FAILED', 'the model did not answer every sequence', {
        cause: new Error(`output "${name}" has shape ${shape} for ${batchSize} sequences`),
      });
    }
  }
  return sequences.map((sequence, index) => ({ outputs, index, batchSize, length: sequence.length }));
}

function place(target: Tensor, source: Sequence['parts'][number]['data'], offset: number): void {
  if (Array.isArray(target.data)) {
    for (let i = 0; i < source.length; i++) target.data[offset + i] = source[i] as string;
  } else {
    (target.data as Float32Array).set(source as Float32Array, offset);
  }
}

function put(target: Tensor, index: number, value: number): void {
  if (target.data instanceof BigInt64Array) target.data[index] = BigInt(value);
  else (target.data as Int32Array)[index] = value;
}

function zeroState(info: TensorInfo, batchAxis: number, batch: number): Tensor {
  return zeros(
    info.dtype,
    info.dims.map((dim, axis) => (axis === batchAxis ? batch : (dim as number))),
  );
}
