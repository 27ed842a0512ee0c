// Sequences in, every head's answer out: check, queue, wait, decode, in the caller's order.
import type { Ride } from '../batching/submission.ts';
import { ServiceError } from '../core/errors.ts';
import type { HeadAnswer } from '../model/heads.ts';
import type { SignatureHead } from '../model/signature.ts';
import type { Path } from '../sequence/faults.ts';
import { type Call, call } from './call.ts';
import type { LoadedModel } from './loaded-model.ts';
import { continueFrom, stateOf } from './state/state.ts';

export interface PredictRequest {
  readonly sequences: readonly unknown[];
  /** Names of the heads wanted, in the order wanted; all if absent. */
  readonly heads?: readonly string[];
  readonly timeoutMs: number;
  /** Where in the body the only sequence stands, if not among `sequences`. */
  readonly at?: Path;
  /** The state that each sequence goes on from; undefined where it begins. */
  readonly states?: readonly (Uint8Array | undefined)[];
  /** Whether to give the state after each sequence's last step. */
  readonly returnState?: boolean;
}

export interface Prediction {
  readonly length: number;
  readonly answers: readonly HeadAnswer[];
  readonly state?: Uint8Array;
  /** The state, sealed for the caller to carry. */
  readonly token?: string;
}

export interface Predictions {
  readonly heads: readonly SignatureHead[];
  /** One per sequence, in the caller's order; `answers` stand in the order of `heads`. */
  readonly predictions: readonly Prediction[];
  readonly ride: Ride;
}

/**
 * Checks the whole request, then queues all of it or nothing.
 * @throws {ServiceError} INVALID_REQUEST, INVALID_SEQUENCE or OVERLOADED at once; DEADLINE_EXCEEDED and
 * INFERENCE_FAILED through `done`.
 */
export function predict(model: LoadedModel, request: PredictRequest): Call<Predictions> {
  const indices = headIndices(model, request.heads);
  model.batcher.checkRoom(request.sequences.length); // before the numbers are read: refusing must be cheap
  const { states, returnState = false } = request;
  const { signature } = model;
  const sequences = request.sequences.map((value, i) => {
    const sequence = model.parse(value, request.at ?? ['sequences', i]);
    const state = states?.[i];
    return state ? continueFrom(signature, sequence, state) : sequence;
  });
  const wishes = returnState ? { withState: true, mixing: model.stateMixing } : undefined;
  const { done, abandon } = call(model, sequences, request.timeoutMs, wishes);
  const heads = indices.map(i => signature.heads[i]);
  const decoded = done.then(({ rows, ride }) => ({
    heads,
    predictions: rows.map(row => ({
      length: row.sequence.length,
      answers: indices.map(i => model.decoders[i](row)),
      state: returnState ? stateOf(signature, row) : undefined,
    })),
    ride,
  }));
  return { done: decoded, abandon };
}

function headIndices(model: LoadedModel, names: readonly string[] | undefined): number[] {
  const known = model.signature.heads.map(head => head.spec.name);
  if (!names) return [...known.keys()];
  return names.map((name, i) => {
    const index = known.indexOf(name);
    if (index >= 0 && names.indexOf(name) === i) return index;
    const detail =
      index < 0
        ? `heads[${i}] is no head of this model, expected ${known.join(', ').slice(0, 500)}`
        : `heads[${i}] is named twice`;
    throw new ServiceError('INVALID_REQUEST', detail, { faults: [{ pointer: `/heads/${i}`, detail }] });
  });
}
