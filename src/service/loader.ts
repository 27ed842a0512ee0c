// From what the repository holds of one model to the versions that serve: what is as it was stays, what is new is proved,
// what is refused leaves in service what it would have replaced.
import type { Logger } from 'pino';
import { LoadError, messageOf, oneLine } from '../core/errors.ts';
import { homeOf, stampOf, type VersionFolder } from '../model/repository.ts';
import { readServing, type Serving, servingSchema, type VersionPolicy } from '../model/serving.ts';
import { alike, trySuccessor } from './compare.ts';
import { ModelLoader } from './load.ts';
import type { Metrics } from './metrics.ts';
import type { Model, ModelOptions } from './model.ts';
import { Traffic, wanted } from './traffic.ts';

export interface Refusal {
  readonly model: string;
  /** Empty where the model as a whole is refused. */
  readonly version: string;
  /** One readable line, for the log and for those who may control models. */
  readonly reason: string;
}

/** A model's versions, oldest first, and who gets which. */
export interface Shelf {
  readonly serving: Serving;
  readonly versions: ReadonlyMap<string, Model>;
  readonly traffic: Traffic<Model>;
}

export interface Renewal {
  readonly shelf: Shelf;
  readonly refused: readonly Refusal[];
}

/** What there was before; versions that are still the same are taken from it. */
export interface Before {
  readonly shelf?: Shelf;
  readonly refused: readonly Refusal[];
}

export class Loader {
  readonly #models: ModelLoader;
  readonly #policy: VersionPolicy;
  readonly #log: Logger;
  /** What each version's files were like when it was last loaded or refused. */
  readonly #stamps = new Map<string, string>();
  #closed = false;

  constructor(options: ModelOptions, policy: VersionPolicy, metrics: Metrics, log: Logger) {
    this.#models = new ModelLoader(options, metrics, log);
    this.#policy = policy;
    this.#log = log;
  }

  /**
   * Loads what one model's folders hold now, beside what serves; nothing of `before` is ended. `anew` loads even what has
   * not changed. A policy of the latest N goes on to older versions where a newer one is refused.
   */
  async renew(folders: readonly VersionFolder[], before: Before, anew: boolean): Promise<Renewal> {
    const [{ model: name, isUnread, fault = '' }] = folders;
    if (isUnread) {
      const told = before.refused.find(({ reason }) => reason === `${name}: ${fault}`);
      const refusal = (!anew && told) || this.#refuse({ model: name, version: '' }, new LoadError(fault));
      return { shelf: before.shelf ?? shelfOf(servingSchema.parse({}), []), refused: [refusal] };
    }
    const refused: Refusal[] = [];
    const serving = await readServing(homeOf(folders[0])).catch(error => {
      refused.push(this.#refuse({ model: name, version: '' }, error));
      return before.shelf?.serving ?? servingSchema.parse({});
    });
    const { candidates, most } = wanted(folders, serving.versions ?? this.#policy);
    const versions: Model[] = [];
    for (const folder of candidates) {
      if (versions.length >= most) break;
      const current = before.shelf?.versions.get(folder.version);
      const key = `${name}/${folder.version}`;
      const stamp = folder.fault ?? (await stampOf(folder.folder));
      const earlier = before.refused.find(({ version }) => version === folder.version);
      if (!anew && this.#stamps.get(key) === stamp && (current || earlier)) {
        if (current) versions.push(current);
        if (earlier) refused.push(earlier);
        continue;
      }
      this.#stamps.set(key, stamp);
      const loaded = await this.#load(folder, current ?? before.shelf?.traffic.stable);
      if ('reason' in loaded) refused.push(loaded);
      else void this.#models.finish(loaded);
      const serves = 'reason' in loaded ? current : loaded;
      if (serves) versions.push(serves);
    }
    return { shelf: shelfOf(serving, versions.reverse()), refused };
  }

  /** What is being loaded is refused, without a word. */
  close(): void {
    this.#closed = true;
    this.#models.close();
  }

  async #load(folder: VersionFolder, predecessor: Model | undefined): Promise<Model | Refusal> {
    try {
      const model = await this.#models.load(folder);
      if (!predecessor) return model;
      try {
        await this.#compare(predecessor, model);
        return model;
      } catch (error) {
        await model.close();
        throw error;
      }
    } catch (error) {
      return this.#refuse(folder, error);
    }
  }

  async #compare(predecessor: Model, model: Model): Promise<void> {
    const where = `${model.name}/${model.version}`;
    if (!alike(predecessor, model)) {
      this.#log.info(`${where} has other inputs or heads than version ${predecessor.version}: not compared`);
      return;
    }
    const { tried, differences } = await trySuccessor(predecessor, model);
    this.#log.info({ tried, differences }, `${where} compared with version ${predecessor.version} on recent sequences`);
  }

  #refuse({ model, version }: Pick<VersionFolder, 'model' | 'version'>, error: unknown): Refusal {
    const reason = `${[model, version].filter(Boolean).join('/')}: ${oneLine(messageOf(error))}`;
    const unexpected = error instanceof LoadError ? {} : { err: error };
    if (!this.#closed) this.#log.error({ model, version, ...unexpected }, `refused ${reason}`);
    return { model, version, reason };
  }
}

/** `versions` are the loaded ones, oldest first. */
function shelfOf(serving: Serving, versions: readonly Model[]): Shelf {
  const byNumber = new Map(versions.map(model => [model.version, model]));
  return { serving, versions: byNumber, traffic: new Traffic(serving, versions) };
}
