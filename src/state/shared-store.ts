// Streams in one process's memory for several: the process that keeps them, and those that reach it by calls.
import { ServiceError } from '../core/errors.ts';
import type { Handlers } from '../core/peer.ts';
import type { Held, MemoryStreamStore, StreamRecord, StreamStore } from './store.ts';

const RETRY_MS = 5;

/** The keeper's side: what each process holds is known, so that nothing stays held by one that died. */
export class SharedStreams {
  readonly store: MemoryStreamStore;
  readonly #held = new Map<number, Map<string, Held>>();

  constructor(store: MemoryStreamStore) {
    this.store = store;
  }

  /** What a process may call. */
  handlersFor(process: number): Handlers {
    const held = new Map<string, Held>();
    this.#held.set(process, held);
    return {
      'streams.create': (record: StreamRecord, stateBytes: number) => this.store.create(record, stateBytes),
      'streams.read': (id: string) => this.store.read(id),
      'streams.hold': async (id: string, patienceMs: number) => {
        const taken = await this.#hold(id, patienceMs);
        if (this.#held.get(process) === held) held.set(taken.lock, taken);
        else await this.store.release(taken); // it died while it waited
        return taken;
      },
      'streams.commit': (taken: Held, state: Uint8Array, length: number) => {
        held.delete(taken.lock);
        return this.store.commit(taken, state, length);
      },
      'streams.release': (taken: Held) => {
        held.delete(taken.lock);
        return this.store.release(taken);
      },
      'streams.remove': (id: string) => this.store.remove(id),
    };
  }

  /** A process is gone: its steps will not be committed, and their streams stay as they were. */
  async forget(process: number): Promise<void> {
    const held = this.#held.get(process);
    this.#held.delete(process);
    for (const taken of held?.values() ?? []) await this.store.release(taken);
  }

  async #hold(id: string, patienceMs: number): Promise<Held> {
    const deadlineMs = performance.now() + patienceMs;
    for (;;) {
      try {
        return await this.store.hold(id);
      } catch (error) {
        const busy = error instanceof ServiceError && error.code === 'STREAM_CONFLICT';
        if (!busy || performance.now() >= deadlineMs) throw error;
        await new Promise(resolve => setTimeout(resolve, RETRY_MS));
      }
    }
  }
}

/** The other side: a store whose streams another process keeps. */
export class RemoteStreamStore implements StreamStore {
  readonly #call: <T>(method: string, ...args: readonly unknown[]) => Promise<T>;

  constructor(call: <T>(method: string, ...args: readonly unknown[]) => Promise<T>) {
    this.#call = (method, ...args) =>
      call<never>(`streams.${method}`, ...args).catch(error => {
        if (error instanceof ServiceError) throw error;
        throw new ServiceError('STREAMS_UNAVAILABLE', 'streams cannot be reached; try again shortly', { cause: error });
      });
  }

  create(record: StreamRecord, stateBytes: number): Promise<void> {
    return this.#call('create', record, stateBytes);
  }

  read(id: string): Promise<StreamRecord | undefined> {
    return this.#call('read', id);
  }

  hold(id: string, _holdMs: number, patienceMs = 0): Promise<Held> {
    return this.#call('hold', id, patienceMs);
  }

  commit(held: Held, state: Uint8Array, length: number): Promise<void> {
    return this.#call('commit', held, state, length);
  }

  release(held: Held): Promise<void> {
    return this.#call('release', held);
  }

  remove(id: string): Promise<boolean> {
    return this.#call('remove', id);
  }

  /** Nothing: the keeper counts them. */
  usage(): { streams: number; bytes: number } {
    return { streams: 0, bytes: 0 };
  }

  async close(): Promise<void> {}
}
