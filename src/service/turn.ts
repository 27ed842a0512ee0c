// Waiting for one's turn: no longer than the caller waits, and then acting within the time that is left.
import type { Turns } from '../core/turns.ts';
import { type Caller, callerGone, tooLate, withTimeout } from './caller.ts';

/**
 * Acts when everything of this key that came before has ended; `left` is the caller with the time that is left. `waited`
 * is called when the waiting is over, whether or not it acts.
 * @throws {ServiceError} DEADLINE_EXCEEDED, CALLER_GONE while it waits; then it never acts.
 */
export function inTurn<T>(
  turns: Turns,
  key: string,
  caller: Caller,
  waited: () => void,
  act: (left: Caller) => Promise<T>,
): Promise<T> {
  const deadlineMs = performance.now() + caller.timeoutMs;
  return new Promise((resolve, reject) => {
    let waiting = true;
    const stop = () => {
      waiting = false;
      clearTimeout(late);
      waited();
    };
    const giveUp = (error: Error) => {
      if (!waiting) return;
      stop();
      reject(error);
    };
    const late = setTimeout(() => giveUp(tooLate(caller)), caller.timeoutMs);
    caller.onGone(() => giveUp(callerGone()));
    const turn = async () => {
      if (!waiting) return;
      stop();
      if (caller.gone()) throw callerGone();
      const leftMs = Math.ceil(deadlineMs - performance.now());
      if (leftMs <= 0) throw tooLate(caller);
      resolve(await act(withTimeout(caller, leftMs)));
    };
    turns.run(key, turn).catch(reject);
  });
}
