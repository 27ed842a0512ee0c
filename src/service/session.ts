// One sequence that goes on while somebody listens: its state stays here between steps, in no store and not with the caller.
import { UNNAMED } from '../sequence/controls.ts';
import type { Caller } from './caller.ts';
import { checkContinues } from './continuation.ts';
import type { Model } from './model.ts';
import { headIndices, type Predictions, predict } from './predict.ts';

export class Session {
  readonly model: Model;
  /** Those that every answer has; all if absent. */
  readonly #heads: readonly string[] | undefined;
  #state: Uint8Array | undefined;
  #length = 0;

  /** @throws {ServiceError} INVALID_REQUEST if the model cannot be continued, or has no such head: every step would fail. */
  constructor(model: Model, state: Uint8Array | undefined, heads: readonly string[] | undefined) {
    checkContinues(model);
    headIndices(model, heads);
    this.model = model;
    this.#state = state;
    this.#heads = heads;
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
    sequence: unknown,
    caller: Caller,
    accept?: (answer: Predictions, length: number) => Promise<void>,
  ): Promise<Predictions> {
    const place = { start: this.#state === undefined, end: false, id: UNNAMED };
    const how = { at: ['sequence'], states: [this.#state], place, returnState: true };
    const answer = await predict(this.model, { sequences: [sequence], heads: this.#heads }, caller, how);
    const [{ state, length }] = answer.predictions;
    await accept?.(answer, this.#length + length);
    this.#state = state;
    this.#length += length;
    return answer;
  }
}
