// Streams: recurrent state kept between calls. One step at a time; the state moves on only when a step has succeeded.
import { randomUUID } from 'node:crypto';
import { ServiceError } from '../../core/errors.ts';
import { type Held, notFound, type StreamRecord, type StreamStore } from '../../state/store.ts';
import type { LoadedModel } from '../loaded-model.ts';
import type { Registry } from '../registry.ts';
import { checkContinues } from './continues.ts';
import { stateBytes } from './state.ts';

/** Over a step's own deadline: for what happens around the run. */
const HOLD_MARGIN_MS = 5000;
const RETRY_MS = 20;

/** What a step gives: its answer, the state after it, and how many time steps it took. */
export interface Stepped<T> {
  readonly answer: T;
  readonly state: Uint8Array;
  readonly length: number;
}

export class Streams {
  readonly store: StreamStore;
  readonly #registry: Registry;

  constructor(store: StreamStore, registry: Registry) {
    this.store = store;
    this.#registry = registry;
  }

  /** Opens a stream on a model version, under an id of its own or a given one. @throws {ServiceError} */
  async create(model: LoadedModel, id: string = randomUUID()): Promise<StreamRecord> {
    checkContinues(model);
    const now = Date.now();
    const record: StreamRecord = {
      id,
      model: model.name,
      version: model.version,
      digest: model.graph.sha256,
      createdMs: now,
      usedMs: now,
      length: 0,
      state: new Uint8Array(0),
    };
    await this.store.create(record, stateBytes(model.signature));
    return record;
  }

  /** @throws {ServiceError} STREAM_NOT_FOUND if there is none of this model. */
  async get(model: string, id: string): Promise<StreamRecord> {
    const record = await this.store.read(id);
    if (record?.model !== model) throw notFound();
    return record;
  }

  /** @throws {ServiceError} STREAM_NOT_FOUND, STREAM_CONFLICT while a step is in flight. */
  async remove(model: string, id: string): Promise<void> {
    await this.get(model, id);
    await this.store.remove(id);
  }

  /**
   * Takes the stream, runs `act` from its state and commits what that gives; if `act` fails, the state stays as it was.
   * `after` is the length that the caller believes the stream to have. `patienceMs`: how long to wait for a step in flight.
   */
  async step<T>(
    model: string,
    id: string,
    { timeoutMs, after, patienceMs = 0 }: { timeoutMs: number; after?: number; patienceMs?: number },
    act: (model: LoadedModel, state: Uint8Array | undefined) => Promise<Stepped<T>>,
  ): Promise<{ record: StreamRecord; answer: T }> {
    const held = await this.#hold(id, timeoutMs + HOLD_MARGIN_MS, performance.now() + patienceMs);
    const { record } = held;
    try {
      if (record.model !== model) throw notFound();
      if (after !== undefined && after !== record.length) {
        throw new ServiceError('STREAM_CONFLICT', `the stream has ${record.length} time steps, not ${after}`);
      }
      const loaded = this.#modelOf(record);
      const { answer, state, length } = await act(loaded, record.state.length > 0 ? record.state : undefined);
      const total = record.length + length;
      await this.store.commit(held, state, total);
      return { record: { ...record, length: total, usedMs: Date.now() }, answer };
    } catch (error) {
      await this.store.release(held).catch(() => {}); // a hold ends by itself where the store is away
      throw error;
    }
  }

  async #hold(id: string, holdMs: number, deadlineMs: number): Promise<Held> {
    for (;;) {
      try {
        return await this.store.hold(id, holdMs);
      } catch (error) {
        const busy = error instanceof ServiceError && error.code === 'STREAM_CONFLICT';
        if (!busy || performance.now() >= deadlineMs) throw error;
        await new Promise(resolve => setTimeout(resolve, RETRY_MS));
      }
    }
  }

  /** The version that the stream began on. @throws {ServiceError} STREAM_CONFLICT if it is gone, or another graph by now. */
  #modelOf({ model, version, digest }: StreamRecord): LoadedModel {
    const loaded = this.#registry.find(model, version);
    if (loaded?.graph.sha256 === digest) return loaded;
    const fate = loaded ? 'is another graph by now' : 'is no longer loaded';
    throw new ServiceError('STREAM_CONFLICT', `the stream began on version ${version} of "${model}", which ${fate}`);
  }
}
