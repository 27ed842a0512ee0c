// One sequence that goes on while somebody listens: its state stays here between steps, in no store and not with the caller.
import { UNNAMED } from '../sequence/controls.ts';
import type { Caller } from './caller.ts';
import { checkContinues } from './continuation.ts';
import type { Model } from './model.ts';
import { type Predictions, predict } from './predict.ts';

export interface SessionStep {
  readonly sequence: unknown;
  readonly heads?: readonly string[];
}

export class Session {
  readonly model: Model;
  #state: Uint8Array | undefined;
  #length = 0;

  /** @throws {ServiceError} INVALID_REQUEST if the model cannot be continued. */
  constructor(model: Model, state: Uint8Array | undefined) {
    checkContinues(model);
    this.model = model;
    this.#state = state;
  }

  /** The state after the last step that succeeded; undefined before the first. */
  get state(): Uint8Array | undefined {
    return this.#state;
  }

  /** Time steps of this session so far. */
  get length(): number {
    return this.#length;
  }

  /**
   * The next time steps. One call at a time; one that fails, or that `accept` refuses, leaves the session as it was.
   * @throws {ServiceError}
   */
  async step(
    { sequence, heads }: SessionStep,
    caller: Caller,
    accept?: (answer: Predictions, length: number) => Promise<void>,
  ): Promise<Predictions> {
    const place = { start: this.#state === undefined, end: false, id: UNNAMED };
    const how = { at: ['sequence'], states: [this.#state], place, returnState: true };
    const answer = await predict(this.model, { sequences: [sequence], heads }, caller, how);
    const [{ state, length }] = answer.predictions;
    await accept?.(answer, this.#length + length);
    this.#state = state;
    this.#length += length;
    return answer;
  }
}
