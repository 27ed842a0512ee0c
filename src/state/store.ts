// Where streams are kept between calls: what any store promises, and the one in this process's memory.
import { ServiceError } from '../core/errors.ts';

export interface StreamRecord {
  readonly id: string;
  readonly model: string;
  readonly version: string;
  /** Of the graph, its weights and the form of its state, as `stateDigest` gives it. */
  readonly digest: string;
  readonly createdMs: number;
  readonly usedMs: number;
  /** Time steps so far. */
  readonly length: number;
  /** Nothing before the first step. */
  readonly state: Uint8Array;
}

/** A stream that is taken for a step; nobody else may step it until it is committed or released. */
export interface Held {
  readonly record: StreamRecord;
  readonly lock: string;
}

/** Every call may reject with STREAMS_UNAVAILABLE where the store is elsewhere. */
export interface StreamStore {
  /** Replaces a stream of the same id. @throws {ServiceError} TOO_MANY_STREAMS; STREAM_CONFLICT if that one is in flight. */
  create(record: StreamRecord, stateBytes: number): Promise<void>;
  read(id: string): Promise<StreamRecord | undefined>;
  /**
   * Takes a stream for at most `holdMs`. A store that other processes share waits up to `patienceMs` for a step of theirs.
   * @throws {ServiceError} STREAM_NOT_FOUND, STREAM_CONFLICT if it is taken.
   */
  hold(id: string, holdMs: number, patienceMs?: number): Promise<Held>;
  /** Puts the state after a step in place and lets go. @throws {ServiceError} STREAM_CONFLICT if the hold was lost. */
  commit(held: Held, state: Uint8Array, length: number): Promise<void>;
  /** Lets go; the state stays what it was. */
  release(held: Held): Promise<void>;
  /** @throws {ServiceError} STREAM_CONFLICT if a step is in flight. Says whether there was one. */
  remove(id: string): Promise<boolean>;
  usage(): { readonly streams: number; readonly bytes: number };
  close(): Promise<void>;
}

export interface StreamBounds {
  readonly idleMs: number;
  readonly streams: number;
  readonly bytes: number;
}

export const notFound = () =>
  new ServiceError('STREAM_NOT_FOUND', 'there is no such stream, or it was idle for too long');
export const inFlight = () => new ServiceError('STREAM_CONFLICT', 'a step of this stream is in flight');
export const lost = () =>
  new ServiceError('STREAM_CONFLICT', 'the step took too long, and the stream may have gone on without it');
export const noRoom = () =>
  new ServiceError('TOO_MANY_STREAMS', 'there is no room for another stream; end one, or try again later');

/** Beside the state: the record, its strings and its place in the map, nearly. */
const OVERHEAD_BYTES = 512;

interface Kept {
  record: StreamRecord;
  lock?: string;
  readonly bytes: number;
}

/** Streams of one process. They are kept in the order of their last use, so that the idle ones are found at the front. */
export class MemoryStreamStore implements StreamStore {
  readonly #streams = new Map<string, Kept>();
  readonly #bounds: StreamBounds;
  readonly #now: () => number;
  #bytes = 0;
  #locks = 0;

  constructor(bounds: StreamBounds, now: () => number = Date.now) {
    this.#bounds = bounds;
    this.#now = now;
  }

  async create(record: StreamRecord, stateBytes: number): Promise<void> {
    this.#sweep();
    const old = this.#streams.get(record.id);
    if (old?.lock) throw inFlight();
    const bytes = stateBytes + OVERHEAD_BYTES;
    const streams = this.#streams.size - (old ? 1 : 0);
    if (streams >= this.#bounds.streams || this.#bytes - (old?.bytes ?? 0) + bytes > this.#bounds.bytes) throw noRoom();
    this.#drop(record.id);
    this.#streams.set(record.id, { record, bytes });
    this.#bytes += bytes;
  }

  async read(id: string): Promise<StreamRecord | undefined> {
    this.#sweep();
    return this.#streams.get(id)?.record;
  }

  async hold(id: string): Promise<Held> {
    this.#sweep();
    const kept = this.#streams.get(id);
    if (!kept) throw notFound();
    if (kept.lock) throw inFlight();
    kept.lock = String(++this.#locks);
    return { record: kept.record, lock: kept.lock };
  }

  async commit({ record, lock }: Held, state: Uint8Array, length: number): Promise<void> {
    const kept = this.#streams.get(record.id);
    if (kept?.lock !== lock) throw lost();
    const own = new Uint8Array(state); // a small Buffer is a slice of a pool, all of which it would keep
    const used = { ...record, state: own, length, usedMs: this.#now() };
    this.#streams.delete(record.id); // to the back
    this.#streams.set(record.id, { record: used, bytes: kept.bytes });
  }

  async release({ record, lock }: Held): Promise<void> {
    const kept = this.#streams.get(record.id);
    if (kept?.lock === lock) kept.lock = undefined;
  }

  async remove(id: string): Promise<boolean> {
    this.#sweep();
    if (this.#streams.get(id)?.lock) throw inFlight();
    return this.#drop(id);
  }

  usage(): { streams: number; bytes: number } {
    this.#sweep();
    return { streams: this.#streams.size, bytes: this.#bytes };
  }

  async close(): Promise<void> {
    this.#streams.clear();
    this.#bytes = 0;
  }

  #drop(id: string): boolean {
    this.#bytes -= this.#streams.get(id)?.bytes ?? 0;
    return this.#streams.delete(id);
  }

  /** Lets go of streams that were idle for too long; one in flight stays. */
  #sweep(): void {
    const oldest = this.#now() - this.#bounds.idleMs;
    for (const [id, { record, lock }] of this.#streams) {
      if (record.usedMs > oldest) return;
      if (!lock) this.#drop(id);
    }
  }
}
