// A request's tensors against the graph: names, types, shapes, symbols, batch, and numbers that the runtime must not see.
import { ServiceError } from '../core/errors.ts';
import { fromFloat16 } from '../core/float16.ts';
import { elementCount, type Tensor, type Tensors } from '../core/tensor.ts';
import type { TensorInfo } from '../model/graph.ts';
import { type Feed, isRowInput, type Signature } from '../model/signature.ts';
import type { LoadedModel } from '../service/loaded-model.ts';
import { quote } from './faults.ts';

/** The number of rows. @throws {ServiceError} INVALID_REQUEST at the first fault. */
export function checkTensors({ signature, name }: LoadedModel, tensors: Tensors): number {
  const { feeds } = signature;
  const unknown = Object.keys(tensors).find(given => !feeds.some(({ tensor }) => tensor.name === given));
  if (unknown !== undefined) fault(`unexpected inference input ${quote(unknown)} for model '${name}'`);
  const sizes = new Map<string, number>();
  let rows: number | undefined;
  for (const { tensor: info, axes, role } of feeds) {
    const absent = !Object.hasOwn(tensors, info.name);
    if (absent && role === 'state') continue; // it begins at zero
    if (absent) fault(`input ${quote(info.name)} is missing for model '${name}'`);
    const tensor = tensors[info.name];
    checkShape(info, tensor, sizes);
    checkValues(info.name, tensor);
    if (axes.batch === null) continue;
    const batch = tensor.dims[axes.batch];
    rows ??= batch;
    if (batch !== rows) fault(`input ${quote(info.name)} has a batch of ${batch}, other inputs of ${rows}`);
  }
  for (const feed of feeds) checkTold(signature, feed, tensors);
  checkTies(signature, tensors);
  return rows ?? 1;
}

/** The shape as metadata tells it: -1 where the graph leaves the size open. */
export function openShape({ dims }: TensorInfo): number[] {
  return dims.map(dim => (typeof dim === 'number' ? dim : -1));
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

/** Recurrent operators clamp NaN and would answer finite, made-up numbers. */
function checkValues(name: string, { dtype, data }: Tensor): void {
  if (!dtype.startsWith('float')) return;
  const values = data as Float32Array;
  for (let i = 0; i < values.length; i++) {
    const value = dtype === 'float16' ? fromFloat16(values[i]) : values[i];
    if (!Number.isFinite(value)) fault(`input ${quote(name)} value ${i} is ${value}, expected finite numbers`);
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
    if (feeds[feed].axes.time !== null && steps > spec.time.maximum) {
      fault(`input ${quote(feeds[feed].tensor.name)} has ${steps} time steps, expected at most ${spec.time.maximum}`);
    }
  }
  for (const feed of feeds) {
    if (feed.role !== 'mask' || feed.of === undefined || stepsOf(feed) === stepsOf(feeds[feed.of])) continue;
    fault(`input ${quote(feed.tensor.name)} has ${stepsOf(feed)} time steps, its input ${stepsOf(feeds[feed.of])}`);
  }
}

function fault(text: string): never {
  throw new ServiceError('INVALID_REQUEST', text);
}
