// Predictions that begin from state tokens and give new ones: the caller carries the state, the server keeps nothing.
import { ServiceError } from '../core/errors.ts';
import { stateBytes, stateDigest } from '../state/bytes.ts';
import { type Binding, type TokenSealer, tokenVersion } from '../state/token.ts';
import type { Caller } from './caller.ts';
import { checkContinues } from './continuation.ts';
import type { Model } from './model.ts';
import { type Prediction, type Predictions, type PredictRequest, predict } from './predict.ts';
import type { Models } from './shelves.ts';

/** A request that begins from tokens, or asks for some. */
export interface CarryRequest extends PredictRequest {
  /** A state token for each sequence, or null where a sequence begins. */
  readonly states?: readonly (string | null)[];
  /** Whether to give a token with each prediction. */
  readonly returnState?: boolean;
}

/**
 * The version that a request's tokens belong to; the newest without tokens, or where theirs is gone: what a token says is
 * not believed before it is opened, and opening it there tells the rest. @throws {ServiceError} MODEL_NOT_FOUND
 */
export function versionOf(models: Models, name: string, { states }: Pick<CarryRequest, 'states'>): Model {
  const token = states?.find(state => state !== null);
  const version = token && tokenVersion(token);
  return (version && models.find(name, version)) || models.choose({ model: name });
}

/** @throws {ServiceError} INVALID_STATE, or what `predict` throws. */
export async function predictCarried(
  model: Model,
  { states, returnState, ...request }: CarryRequest,
  caller: Caller,
  sealer: TokenSealer,
): Promise<Predictions> {
  const opened = openTokens(model, { states, returnState }, request.sequences.length, sealer);
  const { predictions, ...rest } = await predict(model, request, caller, { states: opened, returnState });
  return { ...rest, predictions: withToken(model, predictions, sealer) };
}

/** The states that a request's sequences go on from, if it begins from tokens. @throws {ServiceError} INVALID_REQUEST, INVALID_STATE */
export function openTokens(
  model: Model,
  { states, returnState }: Pick<CarryRequest, 'states' | 'returnState'>,
  sequences: number,
  sealer: TokenSealer,
): (Uint8Array | undefined)[] | undefined {
  if (states || returnState) checkContinues(model);
  if (states && states.length !== sequences) {
    const detail = `states has ${states.length} items, expected ${sequences}, one for each sequence`;
    throw new ServiceError('INVALID_REQUEST', detail, { faults: [{ pointer: '/states', detail }] });
  }
  return states?.map((token, i) => {
    if (token === null) return undefined;
    try {
      return openToken(model, token, sealer);
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      return refuse(i, `states[${i}]: ${error.message}`);
    }
  });
}

/** Predictions with their state sealed for the caller to carry. */
export function withToken(model: Model, predictions: readonly Prediction[], sealer: TokenSealer): Prediction[] {
  return predictions.map(({ state, ...prediction }) =>
    state ? { ...prediction, token: sealToken(model, state, sealer) } : prediction,
  );
}

/** The state in a token of this very model. @throws {ServiceError} INVALID_STATE */
export function openToken(model: Model, token: string, sealer: TokenSealer): Uint8Array {
  return sealer.open(token, bindingOf(model), stateBytes(model.signature));
}

export function sealToken(model: Model, state: Uint8Array, sealer: TokenSealer): string {
  return sealer.seal(state, bindingOf(model));
}

function bindingOf({ name, version, signature, graph }: Model): Binding {
  return { model: name, version, digest: stateDigest(signature, graph) };
}

function refuse(index: number, detail: string): never {
  throw new ServiceError('INVALID_STATE', detail, { faults: [{ pointer: `/states/${index}`, detail }] });
}
