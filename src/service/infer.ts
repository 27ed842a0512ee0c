// Tensors in, tensors out: the graph as it is, row by row in the same queue as everybody's sequences.
import type { Mixing } from '../batching/queue.ts';
import type { Ride } from '../batching/submission.ts';
import { ServiceError } from '../core/errors.ts';
import { elementCount, type Tensor, type TensorData, type Tensors, zeros } from '../core/tensor.ts';
import type { TensorInfo } from '../model/graph.ts';
import { type Axes, rowTimeAxis, type Signature } from '../model/signature.ts';
import { checkTensors } from '../sequence/check-tensors.ts';
import { rowOf } from '../sequence/collate.ts';
import { quote } from '../sequence/faults.ts';
import { putRow, takeRow } from '../sequence/rows.ts';
import { type Part, type Sequence, sequenceBuilder } from '../sequence/sequence.ts';
import { type Call, call } from './call.ts';
import type { LoadedModel } from './loaded-model.ts';
import { continueFrom, stateOf } from './state/state.ts';

export interface InferRequest {
  /** One for every graph input. */
  readonly tensors: Tensors;
  /** Names of the outputs wanted, in the order wanted; all if absent. */
  readonly outputs?: readonly string[];
  readonly timeoutMs: number;
  readonly priority?: number;
  /** Most rows of one request. */
  readonly maxRows?: number;
  /** For a request of one row: begin from this state, or from none, and give the state after it. */
  readonly stream?: { readonly state: Uint8Array | undefined };
}

export interface Inference {
  readonly outputs: readonly { readonly name: string; readonly tensor: Tensor }[];
  readonly ride: Ride;
  /** The state after the row, and the time steps it took; only for a stream. */
  readonly state?: Uint8Array;
  readonly length: number;
}

/** The graph outputs that can be asked for: those that the manifest, or the experiments, know the axes of. */
export function servedOutputs({ graph, signature }: LoadedModel): TensorInfo[] {
  return graph.outputs.filter(({ name }) => signature.outputs.has(name));
}

/**
 * Checks the whole request, then queues a sequence for each of its rows, all or none.
 * @throws {ServiceError} INVALID_REQUEST or OVERLOADED at once; DEADLINE_EXCEEDED and INFERENCE_FAILED through `done`.
 */
export function infer(model: LoadedModel, request: InferRequest): Call<Inference> {
  const { signature } = model;
  const names = outputNames(model, request.outputs);
  const rows = checkTensors(model, request.tensors);
  const { maxRows = rows } = request;
  if (rows > maxRows) throw new ServiceError('INVALID_REQUEST', `a request has at most ${maxRows} rows, not ${rows}`);
  model.batcher.checkRoom(rows);
  const { stream } = request;
  if (stream && rows !== 1)
    throw new ServiceError('INVALID_REQUEST', `a step of a sequence has a batch of 1, not ${rows}`);
  const sequences = rowsOf(signature, request.tensors, rows);
  if (stream?.state) sequences[0] = continueFrom(signature, sequences[0], stream.state);
  const withState = stream !== undefined || names.some(name => signature.state.some(({ output }) => output === name));
  const { done, abandon } = call(model, sequences, request.timeoutMs, {
    withState,
    mixing: mixingOf(model, sequences, withState),
    priority: request.priority,
  });
  const joined = done.then(({ rows: answers, ride }) => ({
    outputs: names.map(name => {
      const axes = signature.outputs.get(name) as Axes;
      const follows = signature.heads.find(head => head.spec.tensor === name)?.follows ?? 0;
      const { dtype } = answers[0].outputs[name];
      return {
        name,
        tensor: join(
          dtype,
          axes,
          answers.map(row => rowOf(row, name, axes, follows)),
        ),
      };
    }),
    ride,
    state: stream ? stateOf(signature, answers[0]) : undefined,
    length: answers[0].sequence.length,
  }));
  return { done: joined, abandon };
}

function outputNames(model: LoadedModel, wanted: readonly string[] | undefined): string[] {
  const served = servedOutputs(model).map(({ name }) => name);
  if (!wanted || wanted.length === 0) return served;
  wanted.forEach((name, i) => {
    if (wanted.indexOf(name) < i) throw new ServiceError('INVALID_REQUEST', `output ${quote(name)} is asked for twice`);
    if (served.includes(name)) return;
    throw new ServiceError('INVALID_REQUEST', `unexpected inference output ${quote(name)} for model '${model.name}'`);
  });
  return [...wanted];
}

/** A sequence for each row of a request's tensors. */
function rowsOf(signature: Signature, tensors: Tensors, rows: number): Sequence[] {
  const build = sequenceBuilder(signature);
  return Array.from({ length: rows }, (_, index) => {
    const parts = signature.feeds.map(({ tensor: { name }, axes }): Part | undefined => {
      if (!Object.hasOwn(tensors, name)) return undefined; // state, which then begins at zero
      const row = takeRow(tensors[name], axes, index, Infinity);
      const time = rowTimeAxis(axes);
      return { ...row, length: time === null ? 1 : row.dims[time] };
    });
    return {
      ...build(
        signature.inputs.map(input => parts[input.feed] as Part),
        ['inputs'],
      ),
      parts,
    };
  });
}

/**
 * A narrower rule where this request needs one: for state outputs what the certificate says of them; and rows of which the
 * caller says that a part is padding run alone if the model answers every step, since how many it answers may then
 * depend on the batch.
 */
function mixingOf(model: LoadedModel, sequences: readonly Sequence[], withState: boolean): Mixing | undefined {
  const { feeds, heads } = model.signature;
  const told = feeds.flatMap(({ role, of }, f) => (role === 'lengths' && of !== undefined ? [{ f, of }] : []));
  const partial = sequences.some(({ parts }) =>
    told.some(({ f, of }) => Number((parts[f] as Part).data[0]) < (parts[of] as Part).length),
  );
  if (partial && heads.some(head => head.axes.time !== null)) return 'alone';
  return withState ? model.stateMixing : undefined;
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
