// Sequences in, every head's answer out: check, queue, wait, decode, in the caller's order.
import { ServiceError } from '../core/errors.ts';
import type { SignatureHead } from '../model/signature.ts';
import { type Place, placed, UNNAMED } from '../sequence/controls.ts';
import type { Path } from '../sequence/faults.ts';
import type { HeadAnswer } from '../sequence/heads.ts';
import type { Sequence } from '../sequence/sequence.ts';
import { continueFrom, stateOf } from '../state/bytes.ts';
import { type CallTiming, call } from './call.ts';
import type { Caller } from './caller.ts';
import type { Model } from './model.ts';

export interface PredictRequest {
  readonly sequences: readonly unknown[];
  /** What the body calls them; `sequences` if absent. */
  readonly member?: string;
  /** Names of the heads wanted, in the order wanted; all if absent. */
  readonly heads?: readonly string[];
}

/** How the sequences go on from what was before them, for those who keep or carry state. */
export interface Continuation {
  /** The state that each sequence goes on from; undefined where it begins. */
  readonly states?: readonly (Uint8Array | undefined)[];
  /** Where in its sequence the only call stands; without it, a call goes on where it brings a state, and ends unless it wants one. */
  readonly place?: Place;
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
  readonly model: Model;
  readonly heads: readonly SignatureHead[];
  /** One per sequence, in the caller's order; `answers` stand in the order of `heads`. */
  readonly predictions: readonly Prediction[];
  readonly timing: CallTiming;
}

/** A request's sequences, checked, and the places of its heads among the model's. */
export interface Checked {
  readonly heads: readonly number[];
  readonly sequences: readonly Sequence[];
}

/**
 * Checks the whole request, then queues all of it or nothing. `at` is where in the body the only sequence stands, if not
 * among `sequences`.
 * @throws {ServiceError} INVALID_REQUEST, INVALID_SEQUENCE, or what `call` throws.
 */
export async function predict(
  model: Model,
  request: PredictRequest,
  caller: Caller,
  { at, ...continuation }: Continuation & { readonly at?: Path } = {},
): Promise<Predictions> {
  return answer(model, check(model, request, at), caller, continuation);
}

/** @throws {ServiceError} INVALID_REQUEST, INVALID_SEQUENCE, or OVERLOADED: refusing must be cheap. */
export function check(model: Model, { sequences, member = 'sequences', heads }: PredictRequest, at?: Path): Checked {
  const indices = headIndices(model, heads);
  model.batcher.checkRoom(sequences.length); // before the numbers are read
  return { heads: indices, sequences: sequences.map((value, i) => model.parse(value, at ?? [member, i])) };
}

/** Queues all sequences or none; `admitted`: room for them is already taken. @throws {ServiceError} what `call` throws. */
export async function answer(
  model: Model,
  { heads, sequences }: Checked,
  caller: Caller,
  { states, place, returnState = false, admitted = false }: Continuation & { readonly admitted?: boolean },
): Promise<Predictions> {
  const { signature } = model;
  const continued = sequences.map((sequence, i) => {
    const state = states?.[i];
    const told = placed(signature, sequence, place ?? { start: !state, end: !returnState, id: UNNAMED });
    return state ? continueFrom(signature, told, state) : told;
  });
  const carried = returnState ? { withState: true, mixing: model.stateMixing } : undefined;
  const { rows, timing } = await call(model, continued, caller, admitted ? { ...carried, admitted } : carried);
  return {
    model,
    heads: heads.map(i => signature.heads[i]),
    predictions: rows.map(row => ({
      length: row.sequence.length,
      answers: heads.map(i => model.decoders[i](row)),
      state: returnState ? stateOf(signature, row) : undefined,
    })),
    timing,
  };
}

/** Their places among the model's heads. @throws {ServiceError} INVALID_REQUEST */
export function headIndices(model: Model, names: readonly string[] | undefined): number[] {
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
