// The door: all that a skin may ask of the models, and an orderly end. A skin translates to these calls and does nothing else.
import { randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import { LoadError } from '../core/errors.ts';
import { Held } from '../core/held.ts';
import type { Tracing } from '../core/trace.ts';
import { RedisStreamStore } from '../state/redis-store.ts';
import { MemoryStreamStore, type StreamStore } from '../state/store.ts';
import { TokenSealer } from '../state/token.ts';
import type { Caller } from './caller.ts';
import { hasSequences } from './continuation.ts';
import { type ExplainRequest, type Explanations, explain } from './explain.ts';
import { type Inference, type InferRequest, infer } from './infer.ts';
import { Metrics } from './metrics.ts';
import type { ServiceOptions } from './options.ts';
import { type Predictions, predict } from './predict.ts';
import { Quota } from './quota.ts';
import { longestRunMs, type Readiness, readinessOf } from './readiness.ts';
import { type Control, Registry } from './registry.ts';
import { Session } from './session.ts';
import { Shadow } from './shadow.ts';
import type { Models, Target } from './shelves.ts';
import { predictSlices, type Slice, type SlicesRequest } from './slices.ts';
import type { Accept, SequenceStep } from './step.ts';
import { Streams } from './streams.ts';
import { type CarryRequest, openToken, predictCarried, sealToken, versionOf } from './tokens.ts';
import { watchRepository } from './watch.ts';

/** What several serving processes have in common, where this is one of them. */
export interface Elsewhere {
  /** Where streams are kept; undefined: as the options say. */
  readonly streams?: StreamStore;
  /** Loads or unloads a model in all processes, or in none. @throws {ServiceError} */
  load(model: string): Promise<void>;
  unload(model: string): Promise<void>;
  /** The metrics of all processes, summed, in the text format. */
  metrics(): Promise<string>;
}

export class Service {
  readonly version: string;
  readonly metrics: Metrics;
  /** Where requests are followed; skins begin and end them. */
  readonly tracing?: Tracing;
  /** What is loaded. */
  readonly models: Models;
  /** Loading and unloading while serving, in all processes. */
  readonly control: Control;
  /** The same in this process alone. */
  readonly own: Control;
  readonly streams: Streams;
  /** Connections that the skins accepted: while they come, batches wait a little. */
  readonly arrivals = { count: 0 };
  /** What skins hold in memory for callers. */
  readonly held: Held;
  /** What skins count every request of a caller into. */
  readonly quota: Quota;
  readonly #registry: Registry;
  readonly #sealer: TokenSealer;
  readonly #shadow: Shadow;
  readonly #options: ServiceOptions;
  readonly log: Logger;
  #unwatch = async () => {};
  #draining = false;

  private constructor(options: ServiceOptions, store: StreamStore, log: Logger, elsewhere?: Elsewhere) {
    this.#options = options;
    this.log = log;
    this.version = options.version;
    this.metrics = new Metrics(options.version);
    this.tracing = options.models.tracing;
    this.held = new Held(options.uploadBytes);
    this.quota = new Quota(options.quotaPerMinute, this.metrics);
    this.metrics.watchUploads(() => this.held.bytes);
    this.#registry = new Registry(
      options.modelRepository,
      { ...options.models, arrivals: this.arrivals },
      this.metrics,
      log,
    );
    this.models = this.#registry;
    this.own = this.#registry;
    this.control = elsewhere
      ? { ...elsewhere, index: () => this.own.index(), refresh: () => this.own.refresh() }
      : this.own;
    if (elsewhere) this.metrics.text = elsewhere.metrics;
    this.streams = new Streams(store, this.models);
    this.metrics.watchStreams(() => store.usage());
    this.metrics.watchReadiness(() => this.readiness());
    const keys = options.stateKeys.length > 0 ? options.stateKeys : [randomBytes(32)];
    this.#sealer = new TokenSealer(keys, options.stateTokenTtlS);
    this.#shadow = new Shadow(this.metrics, options.requestTimeoutMs);
  }

  /** Opens the door: models are listed, and none serves before `load`. @throws {LoadError} if the repository cannot be read. */
  static async open(options: ServiceOptions, log: Logger, elsewhere?: Elsewhere): Promise<Service> {
    const { streamStore: store, streamIdleTimeoutS, maxStreams, streamBytes } = options;
    const bounds = { idleMs: streamIdleTimeoutS * 1000, streams: maxStreams, bytes: streamBytes };
    const kept = store === 'memory' ? new MemoryStreamStore(bounds) : await RedisStreamStore.open(store, bounds, log);
    const service = new Service(options, elsewhere?.streams ?? kept, log, elsewhere);
    await service.#registry.list();
    return service;
  }

  /**
   * Loads the repository; each model serves as soon as it is proved. Says whether all was loaded before the end began.
   * @throws {LoadError} naming every refused model, if the repository is to be taken strictly.
   */
  async load(): Promise<boolean> {
    const { modelRepository, strictRepository, stateKeys, reload, reloadIntervalS } = this.#options;
    await this.#registry.loadAll();
    if (this.#draining) return false;
    const { refused } = this.models;
    if (strictRepository && refused.length > 0) {
      const reasons = refused.map(refusal => refusal.reason).join('\n  ');
      throw new LoadError(
        `the model repository is not sound (POLYHEAD_STRICT_REPOSITORY=false serves the rest):\n  ${reasons}`,
      );
    }
    if (strictRepository && this.models.all().length === 0) {
      throw new LoadError(`model repository "${modelRepository}" holds no model`);
    }
    if (stateKeys.length === 0 && this.models.all().some(model => model.signature.state.length > 0)) {
      this.log.warn(
        'POLYHEAD_STATE_KEY is not set: state tokens are sealed with a random key and end with this process',
      );
    }
    if (reload !== 'off') {
      const look = () => this.own.refresh();
      this.#unwatch = watchRepository(modelRepository, { mode: reload, pollMs: 1000 * reloadIntervalS, look });
    }
    return true;
  }

  /** Opens and loads. @throws {LoadError} as both; nothing is left running. */
  static async start(options: ServiceOptions, log: Logger, elsewhere?: Elsewhere): Promise<Service> {
    const service = await Service.open(options, log, elsewhere);
    try {
      await service.load();
      return service;
    } catch (error) {
      await service.close();
      throw error;
    }
  }

  /** Refuses early, before a body is read, what would not be admitted. @throws {ServiceError} MODEL_NOT_FOUND, OVERLOADED. */
  admit({ model, version }: Target): void {
    this.models.get(model, version).batcher.checkRoom(1);
  }

  /**
   * Sequences in, every head's answer out. Without a version, the stable one answers, or for a share the canary, or the one that the request's state
   * tokens belong to. @throws {ServiceError} MODEL_NOT_FOUND, INVALID_STATE, or what `predict` throws.
   */
  async predict({ model, version }: Target, request: CarryRequest, caller: Caller): Promise<Predictions> {
    const { states, returnState } = request;
    if (!states && !returnState) {
      const chosen = this.models.choose({ model, version });
      const answer = predict(chosen, request, caller);
      const shadow = this.models.shadowOf({ model, version }, chosen);
      if (shadow) this.#shadow.predict(shadow, request, answer);
      return answer;
    }
    const loaded = version === undefined ? versionOf(this.models, model, request) : this.models.get(model, version);
    return predictCarried(loaded, request, caller, this.#sealer);
  }

  /** The same, a slice of a long sequence after the other, while the rest is computed; a shadow is not asked. */
  async *predictSlices({ model, version }: Target, request: SlicesRequest, caller: Caller): AsyncGenerator<Slice> {
    const carried = request.states !== undefined && version === undefined;
    const loaded = carried ? versionOf(this.models, model, request) : this.models.choose({ model, version });
    yield* predictSlices(loaded, request, caller, this.#sealer);
  }

  /** Tensors in, tensors out. @throws {ServiceError} MODEL_NOT_FOUND, or what `infer` throws. */
  async infer({ model, version }: Target, request: InferRequest, caller: Caller): Promise<Inference> {
    const chosen = this.models.choose({ model, version });
    const answer = infer(chosen, request, caller, { maxRows: this.#options.maxSequences });
    const shadow = this.models.shadowOf({ model, version }, chosen);
    if (shadow) this.#shadow.infer(shadow, request, this.#options.maxSequences, answer);
    return answer;
  }

  /**
   * A sequence whose state is kept as long as its caller listens, from a state token or from the beginning.
   * @throws {ServiceError} MODEL_NOT_FOUND, INVALID_STATE, INVALID_REQUEST if the model cannot be continued or has no such head.
   */
  session({ model, version }: Target, { token = null, heads }: { token?: string | null; heads?: string[] }): Session {
    const loaded =
      version === undefined ? versionOf(this.models, model, { states: [token] }) : this.models.get(model, version);
    return new Session(this.models, loaded, token === null ? undefined : openToken(loaded, token, this.#sealer), heads);
  }

  /** A session's state as a token, to go on with elsewhere; null before its first step. */
  tokenOf({ model, state }: Session): string | null {
    return state ? sealToken(model, state, this.#sealer) : null;
  }

  /** The next tensors of a sequence that its caller names; what `accept` throws leaves it as it was. @throws {ServiceError} */
  async inferStep(
    { model, version }: Target,
    request: InferRequest,
    step: SequenceStep,
    caller: Caller,
    accept?: Accept<Inference>,
  ): Promise<Inference> {
    const loaded = this.models.get(model, version);
    // A model without state or controls takes the parameters of a sequence and has no use for them.
    if (hasSequences(loaded.signature)) return this.streams.inferStep(loaded, request, step, caller, accept);
    const answer = await this.infer({ model, version }, request, caller);
    await accept?.(answer);
    return answer;
  }

  /** Why a model answers as it does. @throws {ServiceError} MODEL_NOT_FOUND, or what `explain` throws. */
  async explain({ model, version }: Target, request: ExplainRequest, caller: Caller): Promise<Explanations> {
    const loaded = this.models.get(model, version);
    return { model: loaded.name, version: loaded.version, explanations: await explain(loaded, request, caller) };
  }

  /** How long the oldest run in progress has been going on; 0 if there is none. */
  longestRunMs(): number {
    return longestRunMs(this.models);
  }

  readiness(): Readiness {
    return readinessOf(this.models, this.#draining, this.#options.runTimeoutMs);
  }

  /** Whether the end has begun: unready, but what still arrives is answered. */
  get draining(): boolean {
    return this.#draining;
  }

  drain(): void {
    this.#draining = true;
  }

  async close(): Promise<void> {
    this.drain();
    await this.#unwatch();
    await this.#registry.close();
    await this.streams.store.close();
  }
}
