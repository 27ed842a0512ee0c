// A model as callers see it: predict, explain, and three ways to go on with a sequence.

import { decodeBinary } from './answers.ts';
import { type Encoded, encodeBinary } from './binary.ts';
import { Live, type LiveOptions } from './live.ts';
import { Problem } from './problem.ts';
import type { Description, Detail, HeadNames, ModelTypes, Prediction } from './shapes.ts';
import { type SequenceSlice, slicesOf } from './slices.ts';
import { Carried, type SliceOptions, Stream } from './steps.ts';
import type { CallOptions, Transport } from './transport.ts';

export interface PredictOptions<H extends string = string, D extends Detail | undefined = undefined>
  extends CallOptions {
  /** The heads wanted; all if left out. */
  readonly heads?: readonly H[];
  /** How much of each distribution to tell. */
  readonly probabilities?: D;
  /** A state token for each sequence to go on from, or null where one begins. */
  readonly states?: readonly (string | null)[];
  /** Give a state token with each prediction. */
  readonly returnState?: boolean;
}

export interface Predictions<M extends ModelTypes, H extends HeadNames<M> = HeadNames<M>, D = undefined> {
  readonly model: string;
  readonly version: string;
  /** One per sequence, in the order given. */
  readonly predictions: readonly Prediction<M, H, D>[];
}

export interface ExplainOptions<H extends string = string> extends CallOptions {
  readonly heads?: readonly H[];
  readonly method?: 'occlusion' | 'shapley' | 'integratedGradients';
  /** What values are replaced by: the middle of the model's samples, zero, or a sequence of the same shape. */
  readonly baseline?: unknown;
  /** By head, the label whose probability is explained. */
  readonly targets?: { readonly [K in H]?: string };
  /** By head per step, the time step that is explained, from 0. */
  readonly steps?: { readonly [K in H]?: number };
  /** Most runs of the graph that the explanation may take. */
  readonly budget?: number;
  /** For occlusion: what is replaced at once. */
  readonly window?: { readonly steps?: number; readonly features?: number };
}

/** A number a time step and feature (a time step, for tokens and ids); null where the time did not suffice. */
export type Attributions = readonly (readonly (number | null)[])[] | readonly (number | null)[];
/** What each feature at each time step did to a head's answer. */
export interface Attribution {
  readonly target: string;
  /** The time step of a head per step. */
  readonly step?: number;
  readonly output: number;
  readonly baselineOutput: number;
  readonly method: string;
  /** By input name where the model has several inputs. */
  readonly attributions: Attributions | { readonly [input: string]: Attributions };
  readonly convergence: {
    readonly rows: number;
    /** Output minus baseline output minus all attributions. */
    readonly gap: number;
    readonly standardError?: number | null;
    /** Whether the time ran out first. */
    readonly partial: boolean;
  };
}
export interface Explanation<H extends string = string> {
  readonly length: number;
  readonly heads: { readonly [K in H]: Attribution };
}

/** Requests of one call that are under way at once. */
const AT_ONCE = 4;
/** Fewer numbers than this travel as JSON, which is then as fast or faster (`npm run bench:client`). */
const BINARY_FROM_NUMBERS = 4000;

export class Model<M extends ModelTypes = ModelTypes> {
  /** What the server says about it, as it was when it was asked for. */
  readonly description: Description;
  readonly #transport: Transport;
  readonly #path: string;
  /** Whether bytes were refused before: then everything goes as JSON. */
  #jsonOnly = false;

  constructor(transport: Transport, path: string, description: Description) {
    this.#transport = transport;
    this.#path = path;
    this.description = description;
  }

  /**
   * Every head for every sequence. More sequences than the server takes at once go as several requests.
   * @throws {Problem}
   */
  async predict<const H extends HeadNames<M> = HeadNames<M>, D extends Detail | undefined = undefined>(
    sequences: readonly M['sequence'][],
    options: PredictOptions<H, D> = {},
  ): Promise<Predictions<M, H, D>> {
    const most = this.description.limits.sequencesPerRequest;
    const parts: { sequences: readonly unknown[]; states?: readonly (string | null)[] }[] = [];
    for (let i = 0; i < Math.max(1, sequences.length); i += most) {
      parts.push({ sequences: sequences.slice(i, i + most), states: options.states?.slice(i, i + most) });
    }
    const replies = new Array<Predictions<M, H, D>>(parts.length);
    let next = 0;
    const work = async () => {
      while (next < parts.length) {
        const part = next++;
        replies[part] = await this.#predict(parts[part].sequences, { ...options, states: parts[part].states });
      }
    };
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, parts.length) }, work));
    return { ...replies[0], predictions: replies.flatMap(reply => reply.predictions) };
  }

  /**
   * The answers of long sequences while the rest is computed: a slice of some sequence at a time, each sequence's in order.
   * @throws {Problem} also within: slices that came are answered all the same.
   */
  slices<const H extends HeadNames<M> = HeadNames<M>, D extends Detail | undefined = undefined>(
    sequences: readonly M['sequence'][],
    { signal, timeoutMs, ...options }: PredictOptions<H, D> & SliceOptions = {},
  ): AsyncGenerator<SequenceSlice<M, H, D>> {
    return slicesOf(this.#transport, `${this.#path}/predict`, { sequences, ...options }, { signal, timeoutMs });
  }

  async #predict<H extends HeadNames<M>, D extends Detail | undefined>(
    sequences: readonly unknown[],
    options: PredictOptions<H, D>,
  ): Promise<Predictions<M, H, D>> {
    const { heads, probabilities, states, returnState, signal, timeoutMs } = options;
    if (!states && !returnState) {
      const binary = this.#binary(sequences, heads);
      const reply = binary && (await this.#infer(binary, options));
      if (reply) return reply as unknown as Predictions<M, H, D>; // the heads of the request, by its types
    }
    const body = JSON.stringify({ sequences, heads, probabilities, states, returnState });
    return this.#transport.json(`${this.#path}/predict`, { ...JSON_BODY, body, signal, timeoutMs });
  }

  /** The sequences as bytes, where that is wanted and the model allows it. */
  #binary(sequences: readonly unknown[], heads: readonly string[] | undefined): Encoded | undefined {
    const { transport = 'auto' } = this.#transport.options;
    if (transport === 'json' || this.#jsonOnly) return undefined;
    return encodeBinary(this.description, sequences, heads, transport === 'auto' ? BINARY_FROM_NUMBERS : 0);
  }

  /** Undefined where bytes are refused, or the version that was described is gone: JSON needs no description. */
  async #infer(encoded: Encoded, { probabilities, signal, timeoutMs }: PredictOptions<string, Detail | undefined>) {
    const { name, version } = this.description;
    try {
      const { headers, bytes } = await this.#transport.call(
        `/v2/models/${encodeURIComponent(name)}/versions/${version}/infer`,
        { body: encoded.body, headers: encoded.headers, signal, timeoutMs },
      );
      return { model: name, version, predictions: decodeBinary(encoded, headers, bytes, probabilities) };
    } catch (error) {
      if (!(error instanceof Problem && (error.status === 400 || error.status === 404))) throw error;
      this.#jsonOnly = true;
      return undefined;
    }
  }

  /** What each feature at each time step did to the answers. @throws {Problem} */
  async explain<const H extends HeadNames<M> = HeadNames<M>>(
    sequences: readonly M['sequence'][],
    { signal, timeoutMs, ...options }: ExplainOptions<H> = {},
  ): Promise<{ readonly explanations: readonly Explanation<H>[] }> {
    const body = JSON.stringify({ sequences, ...options });
    return this.#transport.json(`${this.#path}/explain`, { ...JSON_BODY, body, signal, timeoutMs });
  }

  /** Opens a stream: the server keeps the state between steps. @throws {Problem} */
  async stream(options: CallOptions = {}): Promise<Stream<M>> {
    const { stream } = await this.#transport.json<{ stream: string }>(`${this.#path}/streams`, {
      ...options,
      method: 'POST',
    });
    const model = `/v1/models/${encodeURIComponent(this.description.name)}`;
    return new Stream(this.#transport, `${model}/streams/${stream}`, stream);
  }

  /** Goes on by state token: the caller keeps the state, any replica answers. `state` is where to go on from. */
  carried(state: string | null = null): Carried<M> {
    return new Carried(this, state);
  }

  /** One connection, many steps: the next ones are sent without waiting for the answers to the last. @throws {Problem} */
  live<const H extends HeadNames<M> = HeadNames<M>, D extends Detail | undefined = undefined>(
    options: LiveOptions<H, D> = {},
  ): Promise<Live<M, H, D>> {
    return Live.open<M, H, D>(this.#transport, this.#path, options);
  }
}

const JSON_BODY = { headers: { 'content-type': 'application/json' } } as const;
