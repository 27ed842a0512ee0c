// Errors as the Open Inference Protocol tells them.
import { type ErrorForm, STATUS } from '../errors.ts';

export const protocolErrors: ErrorForm = {
  contentType: 'application/json', // clients compare it letter for letter
  status: ({ code }) => (STATUS[code] === 422 ? 400 : STATUS[code]), // the protocol has no word for 422
  body: ({ message }) => ({ error: message }),
};
