// Who waits for an answer, and whether still. Every skin makes one for each request; the service asks no more of a skin.
import { ServiceError } from '../core/errors.ts';
import type { Trace } from '../core/trace.ts';

export interface Caller {
  /** How long the caller waits. */
  readonly timeoutMs: number;
  /** Whether nobody waits any more. */
  gone(): boolean;
  /** Acts once when the caller has left, which may also be long after the answer. */
  onGone(act: () => void): void;
  /** What is followed of the request, if it is. */
  readonly trace?: Trace;
}

/** A caller of the same process, who stays. */
export function patient(timeoutMs: number): Caller {
  return { timeoutMs, gone: () => false, onGone: () => {} };
}

/** The same caller with less time left. */
export function withTimeout(caller: Caller, timeoutMs: number): Caller {
  return { timeoutMs, gone: () => caller.gone(), onGone: act => caller.onGone(act), trace: caller.trace };
}

export const callerGone = () => new ServiceError('CALLER_GONE', 'the caller closed the connection');
export const tooLate = ({ timeoutMs }: Caller) =>
  new ServiceError('DEADLINE_EXCEEDED', `no answer within ${timeoutMs} ms`);
