// The service behind every skin: models, predictions, readiness, and an orderly end.
import type { Logger } from 'pino';
import { LoadError } from '../core/errors.ts';
import type { Call } from './call.ts';
import type { LoadedModel, ModelOptions } from './loaded-model.ts';
import { Metrics } from './metrics.ts';
import { type Predictions, type PredictRequest, predict } from './predictor.ts';

import { type Refusal, Registry } from './registry.ts';

export interface ServiceOptions {
  readonly modelRepository: string;
  /** Whether one refused model keeps the whole service from starting. */
  readonly strictRepository: boolean;
  readonly version: string;
  readonly models: ModelOptions;
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
  readonly version: string;
  #draining = false;

  private constructor(options: ServiceOptions, log: Logger) {
    this.version = options.version;
    this.metrics = new Metrics(options.version);
    this.registry = new Registry(options.modelRepository, options.models, this.metrics, log);
  }

  /** Loads the repository. @throws {LoadError} naming every refused model, if the repository is to be taken strictly. */
  static async start(options: ServiceOptions, log: Logger): Promise<Service> {
    const service = new Service(options, log);
    await service.registry.loadAll();
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

  /** @throws {ServiceError} MODEL_NOT_FOUND, or what predictor.ts throws. */
  predict(
    name: string,
    version: string | undefined,
    request: PredictRequest,
  ): { model: LoadedModel; call: Call<Predictions> } {
    const model = this.registry.get(name, version);
    return { model, call: predict(model, request) };
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
  }
}
