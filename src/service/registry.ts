// The loaded models by name and version, and those that were refused with the reason why.
import type { Logger } from 'pino';
import { LoadError, messageOf, ServiceError } from '../core/errors.ts';
import { Turns } from '../core/turns.ts';
import { listRepository, type VersionFolder } from '../model/repository.ts';
import { type LoadedModel, loadModel, type ModelOptions } from './loaded-model.ts';
import type { Metrics } from './metrics.ts';

export interface Refusal {
  readonly model: string;
  readonly version: string;
  /** One readable line for the log; it is never sent to a caller. */
  readonly reason: string;
}

/** A version in the repository, or one that is loaded although it is there no longer. */
export interface IndexEntry {
  readonly model: string;
  readonly version: string;
  readonly state: 'READY' | 'UNAVAILABLE' | 'LOADING';
  readonly reason: string;
}

export class Registry {
  refused: readonly Refusal[] = [];
  readonly #models = new Map<string, Map<string, LoadedModel>>();
  /** One load or unload of a model at a time. */
  readonly #turns = new Turns();
  readonly #root: string;
  readonly #options: ModelOptions;
  readonly #metrics: Metrics;
  readonly #log: Logger;

  constructor(root: string, options: ModelOptions, metrics: Metrics, log: Logger) {
    this.#root = root;
    this.#options = options;
    this.#metrics = metrics;
    this.#log = log;
  }

  /** Loads every version in the repository, one after another; what fails is listed in `refused`. */
  async loadAll(): Promise<void> {
    for (const folder of await listRepository(this.#root)) {
      const loaded = await this.#load(folder);
      if (!loaded) continue;
      const versions = this.#models.get(loaded.name) ?? new Map<string, LoadedModel>();
      this.#models.set(loaded.name, versions.set(loaded.version, loaded));
    }
    this.#log.info({ loaded: this.all().length, refused: this.refused.length }, 'model repository read');
  }

  /**
   * Loads a model's versions as the repository has them now, beside those that serve; then they take over, and the old
   * ones end when they have answered what they admitted. If one is refused, the old ones go on.
   * @throws {ServiceError} MODEL_NOT_FOUND, or INVALID_REQUEST if a version is refused.
   */
  load(name: string): Promise<void> {
    return this.#turns.run(name, async () => {
      const folders = (await listRepository(this.#root)).filter(folder => folder.model === name);
      if (folders.length === 0) throw new ServiceError('MODEL_NOT_FOUND', 'the repository has no model of this name');
      this.refused = this.refused.filter(refusal => refusal.model !== name);
      const fresh = new Map<string, LoadedModel>();
      for (const folder of folders) {
        const loaded = await this.#load(folder);
        if (loaded) fresh.set(loaded.version, loaded);
      }
      if (fresh.size < folders.length) {
        await closeAll(fresh);
        throw new ServiceError('INVALID_REQUEST', 'the model was refused; the log says why');
      }
      const old = this.#models.get(name);
      this.#models.set(name, fresh);
      await closeAll(old);
    });
  }

  /** Takes a model out of service; what was admitted is answered. @throws {ServiceError} MODEL_NOT_FOUND. */
  unload(name: string): Promise<void> {
    return this.#turns.run(name, async () => {
      const old = this.#models.get(name);
      if (!old) throw new ServiceError('MODEL_NOT_FOUND', 'no model of this name is loaded');
      this.#models.delete(name);
      this.#log.info({ model: name }, `unloaded ${name}`);
      await closeAll(old);
    });
  }

  /** Every version in the repository and what became of it. */
  async index(): Promise<IndexEntry[]> {
    const loaded = new Set(this.all().map(({ name, version }) => `${name}/${version}`));
    const found = (await listRepository(this.#root)).filter(({ version }) => version !== '');
    const gone = this.all().filter(({ name, version }) => !found.some(f => f.model === name && f.version === version));
    const known = [...found, ...gone.map(({ name, version }) => ({ model: name, version }))];
    return known.map(({ model, version }) => {
      if (loaded.has(`${model}/${version}`)) return { model, version, state: 'READY', reason: '' };
      if (this.#turns.has(model)) return { model, version, state: 'LOADING', reason: '' };
      const refused = this.refused.some(refusal => refusal.model === model && refusal.version === version);
      return { model, version, state: 'UNAVAILABLE', reason: refused ? 'refused; the log says why' : 'unloaded' };
    });
  }

  async #load(folder: VersionFolder): Promise<LoadedModel | undefined> {
    const { model, version } = folder;
    try {
      if (folder.fault) throw new LoadError(folder.fault);
      return await loadModel(folder, this.#options, this.#metrics, this.#log);
    } catch (error) {
      const reason = `${[model, version].filter(Boolean).join('/')}: ${messageOf(error).replace(/\s+/g, ' ')}`;
      this.refused = [...this.refused, { model, version, reason }];
      const unexpected = error instanceof LoadError ? {} : { err: error };
      this.#log.error({ model, version, ...unexpected }, `refused ${reason}`);
      return undefined;
    }
  }

  /** Every loaded version, by name and then oldest first. */
  all(): LoadedModel[] {
    return [...this.#models.values()].flatMap(versions => [...versions.values()]);
  }

  /** A model's loaded versions, oldest first. @throws {ServiceError} MODEL_NOT_FOUND. */
  versions(name: string): string[] {
    const versions = this.#models.get(name);
    if (!versions) throw new ServiceError('MODEL_NOT_FOUND', 'no model of this name is loaded');
    return [...versions.keys()];
  }

  /** A version, if it is loaded. */
  find(name: string, version: string): LoadedModel | undefined {
    return this.#models.get(name)?.get(version);
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
    await this.#turns.idle();
    await Promise.all(this.all().map(model => model.close()));
  }
}

async function closeAll(models: ReadonlyMap<string, LoadedModel> | undefined): Promise<void> {
  await Promise.all([...(models?.values() ?? [])].map(model => model.close()));
}
