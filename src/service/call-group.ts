// One caller of many calls that belong together: they end together, within the time of one.
import { type Caller, callerGone, tooLate } from './caller.ts';

/** One caller who makes many calls, several at once, within the time of one. */
export class CallGroup {
  readonly #caller: Caller;
  readonly #deadlineMs: number;
  readonly #giveUps: (() => void)[] = [];
  #cancelled = false;

  constructor(caller: Caller) {
    this.#caller = caller;
    this.#deadlineMs = performance.now() + caller.timeoutMs;
    caller.onGone(() => this.cancel());
  }

  /** Gives up whatever is under way. */
  cancel(): void {
    this.#cancelled = true;
    for (const act of this.#giveUps) act();
  }

  /** For calls one after the other: the caller of the next one, with the time that is left. */
  member(): () => Caller {
    const place = this.#giveUps.push(() => {}) - 1;
    return () => {
      if (this.#cancelled || this.#caller.gone()) throw callerGone();
      const timeoutMs = Math.ceil(this.#deadlineMs - performance.now());
      if (timeoutMs <= 0) throw tooLate(this.#caller);
      return {
        timeoutMs,
        trace: this.#caller.trace,
        gone: () => this.#cancelled || this.#caller.gone(),
        onGone: act => {
          this.#giveUps[place] = act;
        },
      };
    };
  }
}
