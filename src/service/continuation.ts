// Which models may be continued: those with state or control inputs, unless it was seen that two calls do not give what one gives.
import { ServiceError } from '../core/errors.ts';
import type { Signature } from '../model/signature.ts';
import { stateDigest } from '../state/bytes.ts';
import type { Model } from './model.ts';
import type { Models } from './shelves.ts';

/** Whether callers may bring state, and get it. */
export function continues({ signature, certificate }: Model): boolean {
  return signature.state.length > 0 && certificate.state?.continues !== 'no';
}

/** Whether calls of one sequence have to do with each other. */
export function hasSequences({ state, controls }: Signature): boolean {
  return state.length > 0 || controls.length > 0;
}

/** @throws {ServiceError} INVALID_REQUEST with the reason. */
export function checkContinues({ name, signature, certificate }: Model): void {
  if (!hasSequences(signature)) {
    throw new ServiceError('INVALID_REQUEST', `model "${name}" has no state to continue from`);
  }
  if (certificate.state?.continues === 'no') {
    throw new ServiceError(
      'INVALID_REQUEST',
      `model "${name}" cannot be continued: two calls with the state between them do not give what one call gives`,
    );
  }
}

/** What a stream began on: a version, and its graph with the form of its state. */
export interface Begun {
  readonly model: string;
  readonly version: string;
  readonly digest: string;
}

/**
 * The version that a stream began on, perhaps loaded anew since.
 * @throws {ServiceError} STREAM_CONFLICT if it is gone, or another graph by now.
 */
export function begunOn(models: Models, { model, version, digest }: Begun): Model {
  const loaded = models.find(model, version);
  if (loaded && stateDigest(loaded.signature, loaded.graph) === digest) return loaded;
  const fate = loaded ? 'is another graph by now' : 'is no longer loaded';
  throw new ServiceError('STREAM_CONFLICT', `the stream began on version ${version} of "${model}", which ${fate}`);
}

/** Whether it was seen at load that calls with the state between them give what one call gives. */
export function isProvedToContinue({ certificate }: Model): boolean {
  return certificate.state?.continues === 'exact' || certificate.state?.continues === 'tolerance';
}
