// One sequence that goes on while somebody listens: its state stays here between steps, in no store and not with the caller.
import { UNNAMED } from '../sequence/controls.ts';
import { stateDigest } from '../state/bytes.ts';
import type { Caller } from './caller.ts';
import { type Begun, begunOn, checkContinues } from './continuation.ts';
import type { Model } from './model.ts';
import { headIndices, type Predictions, predict } from './predict.ts';
import type { Models } from './shelves.ts';

export class Session {
  readonly model: Model;
  readonly #models: Models;
  readonly #begun: Begun;
  /** Those that every answer has; all if absent. */
  readonly #heads: readonly string[] | undefined;
  #state: Uint8Array | undefined;
  #length = 0;

  /** @throws {ServiceError} INVALID_REQUEST if the model cannot be continued, or has no such head: every step would fail. */
  constructor(models: Models, model: Model, state: Uint8Array | undefined, heads: readonly string[] | undefined) {
    checkContinues(model);
    headIndices(model, heads);
    const { name, version, signature, graph } = model;
    this.model = model;
    this.#models = models;
    this.#begun = { model: name, version, digest: stateDigest(signature, graph) };
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
   * @throws {ServiceError} STREAM_CONFLICT also where its version is gone, or another graph by now.
   */
  async step(
    sequence: unknown,
    caller: Caller,
    accept?: (answer: Predictions, length: number) => Promise<void>,
  ): Promise<Predictions> {
    const place = { start: this.#state === undefined, end: false, id: UNNAMED };
    const how = { at: ['sequence'], states: [this.#state], place, returnState: true };
    const request = { sequences: [sequence], heads: this.#heads };
    const answer = await predict(begunOn(this.#models, this.#begun), request, caller, how);
    const [{ state, length }] = answer.predictions;
    await accept?.(answer, this.#length + length);
    this.#state = state;
    this.#length += length;
    return answer;
  }
}
