// The loaded models by name and version, and those that were refused with the reason why.
import type { Logger } from 'pino';
import { LoadError, messageOf, ServiceError } from '../core/errors.ts';
import { listRepository, type VersionFolder } from '../model/repository.ts';
import { type LoadedModel, loadModel, type ModelOptions } from './loaded-model.ts';
import type { Metrics } from './metrics.ts';

export interface Refusal {
  readonly model: string;
  readonly version: string;
  /** One readable line for the log; it is never sent to a caller. */
  readonly reason: string;
}

export class Registry {
  readonly refused: Refusal[] = [];
  readonly #models = new Map<string, Map<string, LoadedModel>>();
  readonly #options: ModelOptions;
  readonly #metrics: Metrics;
  readonly #log: Logger;

  constructor(options: ModelOptions, metrics: Metrics, log: Logger) {
    this.#options = options;
    this.#metrics = metrics;
    this.#log = log;
  }

  /** Loads every version in the repository, one after another; what fails is listed in `refused`. */
  async loadAll(repository: string): Promise<void> {
    for (const folder of await listRepository(repository)) await this.#load(folder);
    this.#log.info({ loaded: this.all().length, refused: this.refused.length }, 'model repository read');
  }

  async #load(folder: VersionFolder): Promise<void> {
    const { model, version } = folder;
    try {
      if (folder.fault) throw new LoadError(folder.fault);
      const loaded = await loadModel(folder, this.#options, this.#metrics, this.#log);
      const versions = this.#models.get(model) ?? new Map<string, LoadedModel>();
      this.#models.set(model, versions.set(version, loaded));
    } catch (error) {
      const reason = `${[model, version].filter(Boolean).join('/')}: ${messageOf(error).replace(/\s+/g, ' ')}`;
      this.refused.push({ model, version, reason });
      const unexpected = error instanceof LoadError ? {} : { err: error };
      this.#log.error({ model, version, ...unexpected }, `refused ${reason}`);
    }
  }

  /** Every loaded version, by name and then oldest first. */
  all(): LoadedModel[] {
    return [...this.#models.values()].flatMap(versions => [...versions.values()]);
  }

  /** A version, or the newest if none is named. @throws {ServiceError} MODEL_NOT_FOUND. */
  get(name: string, version?: string): LoadedModel {
    const versions = this.#models.get(name);
    if (!versions) throw new ServiceError('MODEL_NOT_FOUND', 'no model of this name is loaded');
    let found = version === undefined ? undefined : versions.get(version);
    if (version === undefined) for (const model of versions.values()) found = model; // the last is the newest
    if (!found) throw new ServiceError('MODEL_NOT_FOUND', `model "${name}" has no such version loaded`);
    return found;
  }

  async close(): Promise<void> {
    await Promise.all(this.all().map(model => model.close()));
  }
}
