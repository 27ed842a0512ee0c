// Changes which models serve: at the start, when the repository has changed, and when a caller asks for it.
import type { Logger } from 'pino';
import { LoadError, messageOf, ServiceError } from '../core/errors.ts';
import { sideBySide } from '../core/side-by-side.ts';
import { Turns } from '../core/turns.ts';
import { bytesOf, listRepository, type VersionFolder } from '../model/repository.ts';
import { policyOf } from '../model/serving.ts';
import { Loader } from './loader.ts';
import type { Metrics } from './metrics.ts';
import type { Model, ModelOptions } from './model.ts';
import { Shelves } from './shelves.ts';

/** A version in the repository, or one that is loaded although it is there no longer. */
export interface IndexEntry {
  readonly model: string;
  readonly version: string;
  readonly state: 'READY' | 'UNAVAILABLE' | 'LOADING';
  readonly reason: string;
}

/** What of the registry changes which models serve, and says what could. */
export type Control = Pick<Registry, 'index' | 'load' | 'unload' | 'refresh'>;

export interface RegistryOptions extends ModelOptions {
  /** What a model that lies in the repository itself is called, if not as its folder. */
  readonly modelName?: string;
  /** Which versions serve where a model does not say: `all`, or `latest:N`. */
  readonly versions?: string;
}

export class Registry extends Shelves {
  /** One load or unload of a model at a time. */
  readonly #turns = new Turns();
  readonly #root: string;
  readonly #name: string | undefined;
  readonly #loader: Loader;
  readonly #metrics: Metrics;
  readonly #log: Logger;
  readonly #atOnce: number;
  #closing = false;
  /** What the repository held when it was first read. */
  #found?: Map<string, VersionFolder[]>;

  constructor(
    root: string,
    { modelName, versions = 'all', ...options }: RegistryOptions,
    metrics: Metrics,
    log: Logger,
  ) {
    super();
    this.#root = root;
    this.#name = modelName;
    this.#loader = new Loader(options, policyOf(versions), metrics, log);
    this.#metrics = metrics;
    this.#log = log;
    // As many as may be proved and as many again that take long; one more is read and opened meanwhile.
    this.#atOnce = 2 * options.loadProcesses + 1;
  }

  /** Reads which models there are; from now on, and until `loadAll` has come to each, they are told as loading. @throws {LoadError} */
  async list(): Promise<void> {
    this.#found = await this.#folders();
    this.expect(this.#found.keys());
  }

  /** Loads the repository, small models first and some side by side; what fails is listed in `refused`. */
  async loadAll(): Promise<void> {
    if (!this.#found) await this.list();
    const found = (this.#found ?? new Map()) as Map<string, VersionFolder[]>;
    const sized = await Promise.all(
      [...found].map(async ([name, folders]) => {
        const bytes = await Promise.all(folders.map(({ folder }) => bytesOf(folder)));
        return { name, folders, bytes: bytes.reduce((sum, size) => sum + size, 0) };
      }),
    );
    sized.sort((a, b) => a.bytes - b.bytes);
    await sideBySide(sized, this.#atOnce, async ({ name, folders }) => {
      if (!this.#closing) await this.#turns.run(name, () => this.#renew(name, folders));
      this.settle(name);
    });
    if (this.#closing) return;
    this.#log.info({ loaded: this.all().length, refused: this.refused.length }, 'model repository read');
  }

  /**
   * Takes over what has changed in the repository since it was last read: new versions beside the old, which end when they
   * have answered what they admitted; what is refused leaves the old one serving. It never throws.
   */
  async refresh(): Promise<void> {
    try {
      const found = await this.#folders();
      for (const name of this.names()) if (!found.has(name)) await this.unload(name);
      this.refused = this.refused.filter(({ model }) => found.has(model));
      for (const [name, folders] of found) await this.#turns.run(name, () => this.#renew(name, folders));
    } catch (error) {
      this.#log.error({ reason: messageOf(error) }, 'the repository cannot be read; what serves goes on');
    }
  }

  async #folders(): Promise<Map<string, VersionFolder[]>> {
    const byModel = new Map<string, VersionFolder[]>();
    for (const folder of await listRepository(this.#root, this.#name)) {
      byModel.set(folder.model, [...(byModel.get(folder.model) ?? []), folder]);
    }
    return byModel;
  }

  /** As the repository has them now. @throws {ServiceError} NOT_READY if it cannot be read: what serves goes on. */
  async #listed(): Promise<Map<string, VersionFolder[]>> {
    try {
      return await this.#folders();
    } catch (error) {
      if (!(error instanceof LoadError)) throw error;
      this.#log.error({ reason: error.message }, 'the repository cannot be read; what serves goes on');
      throw new ServiceError('NOT_READY', 'the model repository cannot be read now; what serves goes on');
    }
  }

  async #renew(name: string, folders: readonly VersionFolder[]): Promise<void> {
    const old = this.shelfOf(name);
    const before = { shelf: old, refused: this.refused.filter(({ model }) => model === name) };
    const { shelf, refused } = await this.#loader.renew(folders, before, false);
    this.refuse(name, refused);
    this.put(name, shelf);
    const ended = [...(old?.versions.values() ?? [])].filter(model => shelf.versions.get(model.version) !== model);
    for (const { version } of shelf.versions.values()) {
      if (old && shelf.versions.get(version) !== old.versions.get(version)) this.#swapped(name, version);
    }
    await closeAll(ended);
  }

  #swapped(name: string, version: string): void {
    this.#metrics.reloads.inc({ model: name, version });
    this.#log.info({ model: name, version }, `${name}/${version} took over`);
  }

  /**
   * Loads a model's versions as the repository has them now, changed or not, beside those that serve; then they take over,
   * and the old ones end when they have answered what they admitted. If one is refused, the old ones go on.
   * @throws {ServiceError} MODEL_NOT_FOUND, or INVALID_REQUEST if a version is refused.
   */
  load(name: string): Promise<void> {
    return this.#turns.run(name, async () => {
      const folders = (await this.#listed()).get(name);
      if (!folders) throw new ServiceError('MODEL_NOT_FOUND', 'the repository has no model of this name');
      const old = this.shelfOf(name);
      const { shelf, refused } = await this.#loader.renew(folders, { shelf: old, refused: [] }, true);
      this.refuse(name, refused);
      if (refused.length > 0) {
        await closeAll([...shelf.versions.values()].filter(model => old?.versions.get(model.version) !== model));
        throw new ServiceError('INVALID_REQUEST', `the model was refused: ${refused[0].reason}`);
      }
      this.put(name, shelf);
      await closeAll([...(old?.versions.values() ?? [])]);
    });
  }

  /** Takes a model out of service; what was admitted is answered. @throws {ServiceError} MODEL_NOT_FOUND, NOT_READY. */
  unload(name: string): Promise<void> {
    return this.#turns.run(name, async () => {
      const old = this.shelf(name);
      this.drop(name);
      this.#log.info({ model: name }, `unloaded ${name}`);
      await closeAll([...old.versions.values()]);
    });
  }

  /** Every version in the repository and what became of it; why one was refused is for those who may control models. */
  async index(): Promise<IndexEntry[]> {
    const loaded = new Set(this.all().map(({ name, version }) => `${name}/${version}`));
    const found = [...(await this.#listed()).values()].flat().filter(({ version }) => version !== '');
    const gone = this.all().filter(({ name, version }) => !found.some(f => f.model === name && f.version === version));
    const known = [...found, ...gone.map(({ name, version }) => ({ model: name, version }))];
    return known.map(({ model, version }) => {
      const refusal = this.refused.find(refused => refused.model === model && refused.version === version);
      if (loaded.has(`${model}/${version}`)) return { model, version, state: 'READY', reason: refusal?.reason ?? '' };
      if (this.#turns.has(model) || this.isAwaited(model)) return { model, version, state: 'LOADING', reason: '' };
      return { model, version, state: 'UNAVAILABLE', reason: refusal ? refusal.reason : 'unloaded' };
    });
  }

  /** Ends what is being loaded without waiting for its proof, and what serves when it has answered. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#loader.close();
    await this.#turns.idle();
    await closeAll(this.all());
  }
}

async function closeAll(models: readonly Model[]): Promise<void> {
  await Promise.all(models.map(model => model.close()));
}
