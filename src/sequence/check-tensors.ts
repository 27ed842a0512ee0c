// A request's tensors against the graph: names, types, shapes, symbols, batch, and numbers that the runtime must not see.
import { ServiceError } from '../core/errors.ts';
import { fromFloat16 } from '../core/float16.ts';
import { elementCount, type Tensor, type Tensors } from '../core/tensor.ts';
import type { TensorInfo } from '../model/onnx/graph.ts';
import { type Feed, isRowInput, type Signature, type SignatureInput } from '../model/signature.ts';
import { NUL, quote } from './faults.ts';
import { gapsByTensor } from './missing.ts';
import { numberAt, outOfRange, placeIn, rangeOf } from './number-range.ts';
import { expectedSteps } from './parse.ts';

/** The number of rows. @throws {ServiceError} INVALID_REQUEST at the first fault. */
export function checkTensors(
  { signature, name }: Readonly<{ signature: Signature; name: string }>,
  tensors: Tensors,
): number {
  const { feeds } = signature;
  const unknown = Object.keys(tensors).find(
    given => !feeds.some(({ tensor, role }) => tensor.name === given && role !== 'control'),
  );
  if (unknown !== undefined) fault(`unexpected inference input ${quote(unknown)} for model '${name}'`);
  const sizes = new Map<string, number>();
  const gaps = gapsByTensor(signature);
  let rows: number | undefined;
  for (const { tensor: info, axes, role } of feeds) {
    if (role === 'control') continue; // the server fills it in
    const absent = !Object.hasOwn(tensors, info.name);
    if (absent && role === 'state') continue; // it begins at zero
    if (absent) fault(`input ${quote(info.name)} is missing for model '${name}'`);
    tensors[info.name] = flattened(info, tensors[info.name]);
    const tensor = tensors[info.name];
    checkShape(info, tensor, sizes);
    checkValues(info.name, tensor, gaps.get(info.name));
    if (axes.batch === null) continue;
    const batch = tensor.dims[axes.batch];
    rows ??= batch;
    if (batch !== rows) fault(`input ${quote(info.name)} has a batch of ${batch}, other inputs of ${rows}`);
  }
  for (const input of signature.inputs) checkRange(input, tensors[input.tensor.name]);
  for (const feed of feeds) checkTold(signature, feed, tensors);
  checkTies(signature, tensors);
  return rows ?? 1;
}

/** The shape as metadata tells it: -1 where the graph leaves the size open. */
export function openShape({ dims }: TensorInfo): number[] {
  return dims.map(dim => (typeof dim === 'number' ? dim : -1));
}

/** NumpyCodec of MLServer writes a vector [n] as [n, 1]. */
function flattened({ dims }: TensorInfo, tensor: Tensor): Tensor {
  const column = dims.length === 1 && tensor.dims.length === 2 && tensor.dims[1] === 1;
  return column ? { ...tensor, dims: [tensor.dims[0]] } : tensor;
}

function checkShape(info: TensorInfo, { dims, dtype, data }: Tensor, sizes: Map<string, number>): void {
  const where = `input ${quote(info.name)}`;
  const given = `[${dims.join(', ')}]`;
  if (dtype !== info.dtype) fault(`${where} is ${dtype}, expected ${info.dtype}`);
  const fits =
    dims.length === info.dims.length && info.dims.every((dim, a) => typeof dim !== 'number' || dim === dims[a]);
  if (!fits) fault(`${where} has shape ${given}, expected [${openShape(info).join(', ')}]`);
  if (dims.includes(0)) fault(`${where} has shape ${given}: empty tensors are not served`);
  if (elementCount(dims) !== data.length) fault(`${where} has ${data.length} elements for shape ${given}`);
  info.dims.forEach((dim, axis) => {
    if (typeof dim !== 'string') return;
    const known = sizes.get(dim) ?? dims[axis];
    sizes.set(dim, known);
    if (dims[axis] !== known) fault(`${where} has ${dims[axis]} for "${dim}", another input has ${known}`);
  });
}

/** Recurrent operators clamp NaN and would answer finite, made-up numbers; the runtime ends a string at NUL. */
function checkValues(name: string, { dtype, data }: Tensor, gaps: readonly boolean[] = []): void {
  if (dtype === 'string') {
    const bad = (data as string[]).findIndex(text => text.includes(NUL));
    if (bad >= 0) fault(`input ${quote(name)} value ${bad} holds a NUL character, which no graph would see`);
  }
  if (!dtype.startsWith('float')) return;
  const values = data as Float32Array;
  for (let i = 0; i < values.length; i++) {
    const value = dtype === 'float16' ? fromFloat16(values[i]) : values[i];
    if (Number.isFinite(value) || (Number.isNaN(value) && gaps[i % gaps.length])) continue;
    fault(`input ${quote(name)} value ${i} is ${value}, expected finite numbers`);
  }
}

/** Ids outside a table would be another id's answer on a GPU. */
function checkRange({ spec, tensor: { name } }: SignatureInput, { data, dims, dtype }: Tensor): void {
  const range = rangeOf(spec);
  const bad = range ? outOfRange(range, data, dtype) : -1;
  if (range && bad >= 0) {
    const place = placeIn(dims, bad).join(', ');
    fault(`input ${quote(name)} value [${place}] is ${numberAt(data, bad, dtype)}, expected ${range.words}`);
  }
}

/** Lengths lie within the padded axis: on a GPU the kernel does not look. */
function checkTold({ feeds }: Signature, { role, of, tensor: { name } }: Feed, tensors: Tensors): void {
  if (role !== 'lengths' || of === undefined) return;
  const { axes, tensor } = feeds[of];
  const steps = axes.time === null ? 1 : tensors[tensor.name].dims[axes.time];
  for (const length of tensors[name].data as Iterable<number | bigint>) {
    if (length >= 1 && length <= steps) continue;
    fault(`input ${quote(name)} holds length ${length}, expected 1 to ${steps}`);
  }
}

/** Inputs that must have the same number of steps, though the graph's symbols do not say so. */
function checkTies({ feeds, inputs }: Signature, tensors: Tensors): void {
  const stepsOf = ({ tensor, axes }: Feed) => tensors[tensor.name].dims[axes.time ?? 0];
  for (const { feed, spec } of inputs) {
    const { timeOf } = feeds[feed];
    if (!isRowInput(spec)) continue;
    const steps = stepsOf(feeds[feed]);
    if (timeOf !== undefined && steps !== stepsOf(feeds[timeOf])) {
      fault(
        `input ${quote(feeds[feed].tensor.name)} has ${steps} time steps, input ${quote(feeds[timeOf].tensor.name)} has others`,
      );
    }
    const expected = feeds[feed].axes.time === null ? undefined : expectedSteps(spec.time, steps);
    if (expected) fault(`input ${quote(feeds[feed].tensor.name)} has ${steps} time steps, expected ${expected}`);
  }
  for (const feed of feeds) {
    if (feed.role !== 'mask' || feed.of === undefined || stepsOf(feed) === stepsOf(feeds[feed.of])) continue;
    fault(`input ${quote(feed.tensor.name)} has ${stepsOf(feed)} time steps, its input ${stepsOf(feeds[feed.of])}`);
  }
}

function fault(text: string): never {
  throw new ServiceError('INVALID_REQUEST', text);
}
