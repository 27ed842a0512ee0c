// The service behind every skin: models, predictions, readiness, and an orderly end.
import { randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import { LoadError } from '../core/errors.ts';
import { RedisStreamStore } from '../state/redis-store.ts';
import { MemoryStreamStore, type StreamStore } from '../state/store.ts';
import { TokenSealer } from '../state/token.ts';
import type { Call } from './call.ts';
import type { LoadedModel, ModelOptions } from './loaded-model.ts';
import { Metrics } from './metrics.ts';
import type { Predictions, PredictRequest } from './predictor.ts';
import { type Refusal, Registry } from './registry.ts';
import { predictCarried, type Tokens, versionOf } from './state/carried.ts';
import { Streams } from './state/streams.ts';

export interface ServiceOptions {
  readonly modelRepository: string;
  /** Whether one refused model keeps the whole service from starting. */
  readonly strictRepository: boolean;
  readonly version: string;
  readonly models: ModelOptions;
  /** Keys of 32 bytes that seal state tokens, the first, and open them, all; none: a random one. */
  readonly stateKeys: readonly Buffer[];
  readonly stateTokenTtlS: number;
  /** `memory`, or the address of a Redis. */
  readonly streamStore: string;
  readonly streamIdleTimeoutS: number;
  readonly maxStreams: number;
  readonly streamBytes: number;
}

export interface Readiness {
  readonly ready: boolean;
  readonly status: 'ready' | 'draining' | 'no model is loaded' | 'a model has no worker left';
  readonly models: readonly { readonly model: string; readonly version: string; readonly workers: number }[];
  readonly refused: readonly Pick<Refusal, 'model' | 'version'>[];
}

export class Service {
  readonly metrics: Metrics;
  readonly registry: Registry;
  readonly streams: Streams;
  readonly version: string;
  readonly #sealer: TokenSealer;
  #draining = false;

  private constructor(options: ServiceOptions, store: StreamStore, log: Logger) {
    this.version = options.version;
    this.metrics = new Metrics(options.version);
    this.registry = new Registry(options.modelRepository, options.models, this.metrics, log);
    this.streams = new Streams(store, this.registry);
    this.metrics.watchStreams(() => store.usage());
    const keys = options.stateKeys.length > 0 ? options.stateKeys : [randomBytes(32)];
    this.#sealer = new TokenSealer(keys, options.stateTokenTtlS);
  }

  /** Loads the repository. @throws {LoadError} naming every refused model, if the repository is to be taken strictly. */
  static async start(options: ServiceOptions, log: Logger): Promise<Service> {
    const { streamStore: store, streamIdleTimeoutS, maxStreams, streamBytes } = options;
    const bounds = { idleMs: streamIdleTimeoutS * 1000, streams: maxStreams, bytes: streamBytes };
    const streams =
      store === 'memory' ? new MemoryStreamStore(bounds) : await RedisStreamStore.open(store, bounds, log);
    const service = new Service(options, streams, log);
    await service.registry.loadAll();
    if (options.stateKeys.length === 0 && service.registry.all().some(model => model.signature.state.length > 0)) {
      log.warn('POLYHEAD_STATE_KEY is not set: state tokens are sealed with a random key and end with this process');
    }
    const { refused } = service.registry;
    if (options.strictRepository && (refused.length > 0 || service.registry.all().length === 0)) {
      await service.close();
      const reasons = refused.map(refusal => refusal.reason).join('\n  ');
      throw new LoadError(
        refused.length > 0
          ? `the model repository is not sound (POLYHEAD_STRICT_REPOSITORY=false serves the rest):\n  ${reasons}`
          : `model repository "${options.modelRepository}" holds no model`,
      );
    }
    return service;
  }

  /**
   * Without a version, the newest one, or the one that the request's state tokens belong to.
   * @throws {ServiceError} MODEL_NOT_FOUND, INVALID_STATE, or what predictor.ts throws.
   */
  predict(
    name: string,
    version: string | undefined,
    request: Omit<PredictRequest, 'states'> & { readonly states?: Tokens },
  ): { model: LoadedModel; call: Call<Predictions> } {
    const model =
      version === undefined ? versionOf(this.registry, name, request.states) : this.registry.get(name, version);
    return { model, call: predictCarried(model, request, this.#sealer) };
  }

  readiness(): Readiness {
    const loaded = this.registry.all();
    const models = loaded.map(model => ({ model: model.name, version: model.version, workers: model.alive() }));
    const status = this.#draining
      ? 'draining'
      : models.length === 0
        ? 'no model is loaded'
        : models.some(model => model.workers === 0)
          ? 'a model has no worker left'
          : 'ready';
    const refused = this.registry.refused.map(({ model, version }) => ({ model, version }));
    return { ready: status === 'ready', status, models, refused };
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
    await this.registry.close();
    await this.streams.store.close();
  }
}
