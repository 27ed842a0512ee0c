// Which model versions serve, looked up by name, version or label; which were refused; and which are still being loaded.
import { ServiceError } from '../core/errors.ts';
import type { Refusal, Shelf } from './loader.ts';
import type { Model } from './model.ts';

/** A model by name, and a version or label of it; the stable one, else the newest, if none is named. */
export interface Target {
  readonly model: string;
  readonly version?: string;
}

/** How far the first reading of the repository has come. */
export interface Progress {
  /** Models loaded or refused. */
  readonly done: number;
  readonly of: number;
  /** The others, by name. */
  readonly loading: readonly string[];
}

/** What there is to look up. */
export type Models = Pick<
  Shelves,
  'all' | 'get' | 'choose' | 'shadowOf' | 'find' | 'versions' | 'labels' | 'refused' | 'generation' | 'progress'
>;

export class Shelves {
  /** By model. */
  refused: readonly Refusal[] = [];
  /** Counts the changes of what is loaded. */
  generation = 0;
  #shelves = new Map<string, Shelf>();
  readonly #awaited = new Set<string>();
  #expected = 0;

  /** What of the first reading is still to come; undefined when all is done. */
  get progress(): Progress | undefined {
    const loading = [...this.#awaited];
    return loading.length === 0 ? undefined : { done: this.#expected - loading.length, of: this.#expected, loading };
  }

  /** Every loaded version, by name and then oldest first. */
  all(): Model[] {
    return [...this.#shelves.values()].flatMap(({ versions }) => [...versions.values()]);
  }

  /** A model's loaded versions, oldest first. @throws {ServiceError} MODEL_NOT_FOUND, NOT_READY. */
  versions(name: string): string[] {
    return [...this.shelf(name).versions.keys()];
  }

  /** The labels that a version goes by. */
  labels({ name, version }: Pick<Model, 'name' | 'version'>): string[] {
    const labels = this.#shelves.get(name)?.traffic.labels ?? [];
    return [...labels].filter(([, model]) => model.version === version).map(([label]) => label);
  }

  /** A version, if it is loaded. */
  find(name: string, version: string): Model | undefined {
    return this.#shelves.get(name)?.versions.get(version);
  }

  /**
   * A version by number or label; the stable one, else the newest, if none is named.
   * @throws {ServiceError} MODEL_NOT_FOUND; NOT_READY while it is being loaded.
   */
  get(name: string, version?: string): Model {
    const { versions, traffic } = this.shelf(name);
    const found = version === undefined ? traffic.stable : (versions.get(version) ?? traffic.labels.get(version));
    if (!found) throw new ServiceError('MODEL_NOT_FOUND', `model "${name}" has no such version loaded`);
    return found;
  }

  /** Who answers the next request: as `get`, but a canary takes its share of those that name no version. */
  choose({ model, version }: Target): Model {
    return (version === undefined && this.shelf(model).traffic.choose()) || this.get(model, version);
  }

  /** Who runs this request besides `model`, which answers it, without being heard. */
  shadowOf({ version }: Target, model: Model): Model | undefined {
    return version === undefined ? this.#shelves.get(model.name)?.traffic.shadowOf(model) : undefined;
  }

  /** Models that are to be loaded now; each until it is settled. */
  protected expect(names: Iterable<string>): void {
    for (const name of names) this.#awaited.add(name);
    this.#expected = this.#awaited.size;
  }

  protected settle(name: string): void {
    if (this.#awaited.delete(name)) this.generation++;
  }

  protected isAwaited(name: string): boolean {
    return this.#awaited.has(name);
  }

  protected names(): string[] {
    return [...this.#shelves.keys()];
  }

  protected shelfOf(name: string): Shelf | undefined {
    return this.#shelves.get(name);
  }

  /** What serves of a model from now on: nothing, if no version is on the shelf. */
  protected put(name: string, shelf: Shelf): void {
    this.#shelves.set(name, shelf);
    if (shelf.versions.size === 0) this.#shelves.delete(name);
    this.#shelves = new Map([...this.#shelves].sort(([a], [b]) => (a < b ? -1 : 1)));
    this.generation++;
  }

  protected drop(name: string): void {
    this.#shelves.delete(name);
    this.generation++;
  }

  /** In place of what was refused of this model before. */
  protected refuse(name: string, refused: readonly Refusal[]): void {
    const all = [...this.refused.filter(({ model }) => model !== name), ...refused];
    this.refused = all.sort((a, b) => (a.model < b.model ? -1 : a.model > b.model ? 1 : 0));
  }

  /** @throws {ServiceError} MODEL_NOT_FOUND, NOT_READY. */
  protected shelf(name: string): Shelf {
    const shelf = this.#shelves.get(name);
    if (shelf) return shelf;
    if (this.#awaited.has(name)) throw new ServiceError('NOT_READY', `model "${name}" is still being loaded`);
    throw new ServiceError('MODEL_NOT_FOUND', 'no model of this name is loaded');
  }
}
