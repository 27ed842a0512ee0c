// Tensors in, tensors out: the graph as it is, row by row in the same queue as everybody's sequences.

import { ServiceError } from '../core/errors.ts';
import { elementCount, type Tensor, type TensorData, type Tensors, viewOf, zeros } from '../core/tensor.ts';
import type { Mixing } from '../model/mixing.ts';
import type { TensorInfo } from '../model/onnx/graph.ts';
import { type Axes, headTensors, rowTimeAxis, type Signature } from '../model/signature.ts';
import { Block, stepsOf } from '../sequence/block.ts';
import { checkTensors } from '../sequence/check-tensors.ts';
import { type Row, rowOf } from '../sequence/collate.ts';
import { type Place, placed } from '../sequence/controls.ts';
import { quote } from '../sequence/faults.ts';
import { checkRanges, withinBounds } from '../sequence/ranges.ts';
import { putRow } from '../sequence/rows.ts';
import type { Sequence } from '../sequence/sequence.ts';
import { continueFrom, stateOf } from '../state/bytes.ts';
import { type CallTiming, call } from './call.ts';
import type { Caller } from './caller.ts';
import type { Model } from './model.ts';

export interface InferRequest {
  /** One for every graph input. */
  readonly tensors: Tensors;
  /** Names of the outputs wanted, in the order wanted; all if absent. */
  readonly outputs?: readonly string[];
  readonly priority?: number;
}

/** What the service adds to a request. */
export interface InferOptions {
  /** Most rows of one request. */
  readonly maxRows?: number;
  /** For a request of one row: begin from this state, or from none, and give the state after it. */
  readonly stream?: { readonly state: Uint8Array | undefined; readonly place: Place };
}

export interface Inference {
  readonly model: Model;
  readonly outputs: readonly { readonly name: string; readonly tensor: Tensor }[];
  readonly timing: CallTiming;
  /** The state after the row, only for a stream. */
  readonly state?: Uint8Array;
  /** Time steps of the first row. */
  readonly length: number;
}

/** The graph outputs that can be asked for: those that the manifest, or the experiments, know the axes of. */
export function servedOutputs({ graph, signature }: Model): TensorInfo[] {
  return graph.outputs.filter(({ name }) => signature.outputs.has(name));
}

/** Those that a request gets which names none: the heads' and the state's. */
export function usualOutputs(model: Model): TensorInfo[] {
  return servedOutputs(model).filter(({ name }) => !model.signature.others.has(name));
}

/**
 * Checks the whole request, then queues a sequence for each of its rows, all or none.
 * @throws {ServiceError} INVALID_REQUEST, or what `call` throws.
 */
export async function infer(
  model: Model,
  request: InferRequest,
  caller: Caller,
  { maxRows = Infinity, stream }: InferOptions = {},
): Promise<Inference> {
  const { signature } = model;
  const names = outputNames(model, request.outputs);
  const rows = checkTensors(model, request.tensors);
  if (rows > maxRows) throw new ServiceError('INVALID_REQUEST', `a request has at most ${maxRows} rows, not ${rows}`);
  model.batcher.checkRoom(rows);
  if (stream && rows !== 1)
    throw new ServiceError('INVALID_REQUEST', `a step of a sequence has a batch of 1, not ${rows}`);
  const block = new Block(signature, request.tensors, rows);
  if (!withinBounds(signature, request.tensors)) checkRanges(signature, block.sequences);
  const sequences = stream ? [continued(signature, block.sequences[0], stream)] : block.sequences;
  const others = names.some(name => signature.others.has(name));
  const withState = stream !== undefined || names.some(name => signature.state.some(({ output }) => output === name));
  const { rows: answers, timing } = await call(model, sequences, caller, {
    withState: withState || others,
    mixing: others ? 'alone' : mixingOf(model, block, withState),
    priority: request.priority,
  });
  const outputs = names.map(name => ({ name, tensor: outputOf(signature, name, answers) }));
  for (const { name, tensor } of outputs) if (isOdd(tensor)) model.noteOdd(name);
  return {
    model,
    outputs,
    timing,
    state: stream ? stateOf(signature, answers[0]) : undefined,
    length: answers[0].sequence.length,
  };
}

/** A stream's row as the graph is to take it: its place told, from the state before it. */
function continued(
  signature: Signature,
  row: Sequence,
  { state, place }: NonNullable<InferOptions['stream']>,
): Sequence {
  const told = placed(signature, row, place);
  return state ? continueFrom(signature, told, state) : told;
}

/** One output of every row, as one tensor. */
function outputOf(signature: Signature, name: string, answers: readonly Row[]): Tensor {
  const axes = signature.outputs.get(name) as Axes;
  const follows = signature.heads.find(({ spec }) => headTensors(spec).includes(name))?.follows ?? 0;
  const { dtype } = answers[0].outputs[name];
  const together = sideBySide(answers, name, axes, follows);
  if (together) return together;
  return join(
    dtype,
    axes,
    answers.map(row => rowOf(row, name, axes, follows)),
  );
}

function outputNames(model: Model, wanted: readonly string[] | undefined): string[] {
  const served = servedOutputs(model).map(({ name }) => name);
  if (!wanted || wanted.length === 0) return usualOutputs(model).map(({ name }) => name);
  wanted.forEach((name, i) => {
    if (wanted.indexOf(name) < i) throw new ServiceError('INVALID_REQUEST', `output ${quote(name)} is asked for twice`);
    if (served.includes(name)) return;
    throw new ServiceError('INVALID_REQUEST', `unexpected inference output ${quote(name)} for model '${model.name}'`);
  });
  return [...wanted];
}

/** Whether a tensor holds NaN or an infinity: answered as it is in bytes, as null in JSON. */
function isOdd({ dtype, data }: Tensor): boolean {
  if (dtype === 'float16') return (data as Uint16Array).some(bits => (bits & 0x7c00) === 0x7c00);
  if (dtype !== 'float32' && dtype !== 'float64') return false;
  let sum = 0; // stays 0 as long as all are finite
  for (const value of data as Float32Array) sum += value * 0;
  return sum !== 0;
}

/**
 * A narrower rule where this request needs one: for state outputs what the certificate says of them; and rows of which the
 * caller says that a part is padding run alone if the model answers every step, since how many it answers may then
 * depend on the batch.
 */
function mixingOf(model: Model, { tensors, steps }: Block, withState: boolean): Mixing | undefined {
  const { feeds, heads } = model.signature;
  const partial = feeds.some(({ role, of }, f) => {
    if (role !== 'lengths' || of === undefined) return false;
    const lengths = (tensors[f] as Tensor).data as Int32Array; // or of 64 bits, which compare as well
    return lengths.some(length => length < steps[of]);
  });
  if (partial && heads.some(head => head.axes.time !== null)) return 'alone';
  return withState ? model.stateMixing : undefined;
}

/** The rows as a view of one run's output, where they lie there side by side and all of their steps were asked for. */
function sideBySide(answers: readonly Row[], name: string, axes: Axes, follows: number): Tensor | undefined {
  const [{ outputs, index }] = answers;
  const { dtype, dims, data } = outputs[name];
  const time = rowTimeAxis(axes);
  if (axes.batch !== 0 || !answers.every((row, i) => row.outputs === outputs && row.index === index + i))
    return undefined;
  if (time !== null && answers.some(({ sequence }) => stepsOf(sequence, follows) !== dims[time + 1])) return undefined;
  const stride = data.length / dims[0];
  return {
    dtype,
    dims: [answers.length, ...dims.slice(1)],
    data: viewOf(data, index * stride, (index + answers.length) * stride),
  };
}

/** Rows as one tensor; where they differ in size, which padding may make them do, the shorter ones end in zeros. */
function join(
  dtype: Tensor['dtype'],
  axes: Axes,
  rows: readonly { dims: readonly number[]; data: TensorData }[],
): Tensor {
  if (axes.batch === null) return { dtype, ...rows[0] };
  const dims = rows[0].dims.map((_, axis) => Math.max(...rows.map(row => row.dims[axis])));
  const tensor = zeros(dtype, dims.toSpliced(axes.batch, 0, rows.length));
  const count = elementCount(dims);
  rows.forEach((row, index) => {
    if (elementCount(row.dims) === count || rowTimeAxis(axes) !== null) putRow(tensor, axes, index, row);
    else throw new ServiceError('INFERENCE_FAILED', 'the rows of an output differ in shape');
  });
  return tensor;
}
