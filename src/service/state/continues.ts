// Which models may be continued: those with state, unless it was seen that two calls do not give what one gives.
import { ServiceError } from '../../core/errors.ts';
import type { LoadedModel } from '../loaded-model.ts';

/** @throws {ServiceError} INVALID_REQUEST with the reason. */
export function checkContinues({ name, signature, certificate }: LoadedModel): void {
  if (signature.state.length === 0) {
    throw new ServiceError('INVALID_REQUEST', `model "${name}" has no state to continue from`);
  }
  if (certificate.state?.continues === 'no') {
    throw new ServiceError(
      'INVALID_REQUEST',
      `model "${name}" cannot be continued: two calls with the state between them do not give what one call gives`,
    );
  }
}
