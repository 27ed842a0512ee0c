// Sequences that go on: by a stream that the server keeps, or by a state token that the caller carries.
import type { Model, PredictOptions } from './model.ts';
import type { Detail, HeadNames, ModelTypes, Prediction } from './shapes.ts';
import { type Slice, slicesOf } from './slices.ts';
import type { CallOptions, Transport } from './transport.ts';

export interface StepOptions<H extends string = string, D extends Detail | undefined = undefined> extends CallOptions {
  readonly heads?: readonly H[];
  readonly probabilities?: D;
}

export interface SliceOptions {
  /** Time steps of a slice; 64 if left out. */
  readonly sliceSteps?: number;
}

/** A sequence that is continued by its new time steps only; answers are those for the whole history. */
export abstract class Steps<M extends ModelTypes> {
  /** Answers for the new steps. One at a time. @throws {Problem} */
  abstract step<const H extends HeadNames<M> = HeadNames<M>, D extends Detail | undefined = undefined>(
    sequence: M['sequence'],
    options?: StepOptions<H, D>,
  ): Promise<Prediction<M, H, D>>;

  /** The same over a source of new steps, such as a generator or a readable stream: an answer for each of its items. */
  async *steps<const H extends HeadNames<M> = HeadNames<M>, D extends Detail | undefined = undefined>(
    source: Iterable<M['sequence']> | AsyncIterable<M['sequence']>,
    options: StepOptions<H, D> = {},
  ): AsyncGenerator<Prediction<M, H, D>> {
    for await (const sequence of source) yield await this.step<H, D>(sequence, options);
  }
}

/** The server keeps the state; it ends with `end`, or when it has lain idle. */
export class Stream<M extends ModelTypes> extends Steps<M> {
  readonly id: string;
  readonly #transport: Transport;
  readonly #path: string;
  #length = 0;

  constructor(transport: Transport, path: string, id: string) {
    super();
    this.#transport = transport;
    this.#path = path;
    this.id = id;
  }

  /** Time steps so far. */
  get length(): number {
    return this.#length;
  }

  /** @throws {Problem} STREAM_CONFLICT also where the step was made but its answer was lost on the way. */
  override async step<const H extends HeadNames<M> = HeadNames<M>, D extends Detail | undefined = undefined>(
    sequence: M['sequence'],
    { heads, probabilities, ...call }: StepOptions<H, D> = {},
  ): Promise<Prediction<M, H, D>> {
    // `after` makes it safe to try again: a step that was already made is refused, not made twice.
    const body = JSON.stringify({ sequence, after: this.#length, heads, probabilities });
    const headers = { 'content-type': 'application/json' };
    const reply = await this.#transport.json<{ length: number; prediction: Prediction<M, H, D> }>(
      `${this.#path}/steps`,
      { ...call, body, headers },
    );
    this.#length = reply.length;
    return reply.prediction;
  }

  /** Answers for many new steps while the rest is computed; what was answered is taken, whatever comes of the rest. */
  async *slices<const H extends HeadNames<M> = HeadNames<M>, D extends Detail | undefined = undefined>(
    sequence: M['sequence'],
    { signal, timeoutMs, ...options }: StepOptions<H, D> & SliceOptions = {},
  ): AsyncGenerator<Slice<M, H, D>> {
    const body = { sequence, after: this.#length, ...options };
    const slices = slicesOf<Slice<M, H, D>>(this.#transport, `${this.#path}/steps`, body, { signal, timeoutMs });
    for await (const slice of slices) {
      this.#length = slice.length;
      yield slice;
    }
  }

  async end(options: CallOptions = {}): Promise<void> {
    await this.#transport.call(this.#path, { ...options, method: 'DELETE' });
  }
}

/** The caller keeps the state, as a token that any replica with the same key opens: nothing is left behind. */
export class Carried<M extends ModelTypes> extends Steps<M> {
  readonly #model: Model<M>;
  #state: string | null;

  constructor(model: Model<M>, state: string | null) {
    super();
    this.#model = model;
    this.#state = state;
  }

  /** The token after the last step: keep it to go on later, elsewhere. */
  get state(): string | null {
    return this.#state;
  }

  override async step<const H extends HeadNames<M> = HeadNames<M>, D extends Detail | undefined = undefined>(
    sequence: M['sequence'],
    options: StepOptions<H, D> = {},
  ): Promise<Prediction<M, H, D>> {
    const request: PredictOptions<H, D> = { ...options, states: [this.#state], returnState: true };
    const [prediction] = (await this.#model.predict<H, D>([sequence], request)).predictions;
    this.#state = prediction.state ?? null;
    return prediction;
  }
}
