// Predictions that begin from state tokens and give new ones: the caller carries the state, the server keeps nothing.
import { ServiceError } from '../../core/errors.ts';
import { type Binding, type TokenSealer, tokenVersion } from '../../state/token.ts';
import type { Call } from '../call.ts';
import type { LoadedModel } from '../loaded-model.ts';
import { type Predictions, type PredictRequest, predict } from '../predictor.ts';
import type { Registry } from '../registry.ts';
import { checkContinues } from './continues.ts';
import { stateBytes } from './state.ts';

/** A state token for each sequence, or null where a sequence begins. */
export type Tokens = readonly (string | null)[];

/**
 * The version that tokens belong to, where the caller names none; the newest without tokens, or where theirs is gone: what
 * a token says is not believed before it is opened, and opening it there tells the rest. @throws {ServiceError}
 */
export function versionOf(registry: Registry, name: string, states: Tokens | undefined): LoadedModel {
  const token = states?.find(state => state !== null);
  const version = token && tokenVersion(token);
  return (version && registry.find(name, version)) || registry.get(name);
}

/** @throws {ServiceError} INVALID_STATE, or what predict throws. */
export function predictCarried(
  model: LoadedModel,
  { states, ...request }: Omit<PredictRequest, 'states'> & { readonly states?: Tokens },
  sealer: TokenSealer,
): Call<Predictions> {
  if (!states && !request.returnState) return predict(model, request);
  checkContinues(model);
  if (states && states.length !== request.sequences.length) {
    const detail = `states has ${states.length} items, expected ${request.sequences.length}, one for each sequence`;
    throw new ServiceError('INVALID_REQUEST', detail, { faults: [{ pointer: '/states', detail }] });
  }
  const { name, version, signature, graph } = model;
  const binding: Binding = { model: name, version, digest: graph.sha256 };
  const bytes = stateBytes(signature);
  const opened = states?.map((token, i) => {
    if (token === null) return undefined;
    try {
      return sealer.open(token, binding, bytes);
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      return refuse(i, `states[${i}]: ${error.message}`);
    }
  });
  const { done, abandon } = predict(model, { ...request, states: opened });
  const sealed = done.then(({ predictions, ...rest }) => ({
    ...rest,
    predictions: predictions.map(({ state, ...prediction }) =>
      state ? { ...prediction, token: sealer.seal(state, binding) } : prediction,
    ),
  }));
  return { done: sealed, abandon };
}

function refuse(index: number, detail: string): never {
  throw new ServiceError('INVALID_STATE', detail, { faults: [{ pointer: `/states/${index}`, detail }] });
}
