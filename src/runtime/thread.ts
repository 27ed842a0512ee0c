// A worker thread and the sessions that live in it: what it was given, in order, and whose turn it is next.
import { Worker } from 'node:worker_threads';
import type { Tensors } from '../core/tensor.ts';
import { Line } from './line.ts';
import type { FromWorker, SessionFacts, SessionOptions, ToWorker } from './messages.ts';
import { pack, unpack } from './packed.ts';
import { RunnerLost, type RunResult } from './runner.ts';

/** Who has a session in a thread. */
export interface Tenant {
  /** It is this session's turn, until the call returns: what does not begin now waits behind the others again. */
  onTurn(): void;
  /** The thread is gone; `guilty` unless it was another session's run that it died of. */
  onLost(reason: string, guilty: boolean): void;
}

interface Opening {
  readonly tenant: Tenant;
  readonly resolve: (place: Place) => void;
  readonly reject: (error: Error) => void;
}

interface Job {
  readonly id: number;
  readonly place: Place;
  /** When it was handed over, as every thread of this machine tells the time. */
  readonly sentMs: number;
  readonly resolve: (result: RunResult) => void;
  readonly reject: (error: Error) => void;
}

const YOUNG_MIB = 2; // tensors lie outside the heap; what else a run makes is soon over
/** Milliseconds that mean the same in every thread. */
const now = () => performance.timeOrigin + performance.now();

/** A session in a thread. */
export class Place {
  readonly thread: Thread;
  readonly facts: SessionFacts;
  readonly number: number;
  readonly tenant: Tenant;
  /** Why the thread is gone, if it is. */
  lost?: string;

  constructor(thread: Thread, number: number, facts: SessionFacts, tenant: Tenant) {
    this.thread = thread;
    this.number = number;
    this.facts = facts;
    this.tenant = tenant;
  }

  /** Whether a run would begin at once. */
  get idle(): boolean {
    return this.thread.isFreeFor(this);
  }

  /** Whether a run would begin as soon as the one before it, of this session too, is done. */
  get ahead(): boolean {
    return this.thread.takesAhead(this);
  }

  /** Whether it is others that the thread works for. */
  get held(): boolean {
    return !this.idle && this.thread.worksForOthers(this);
  }

  run(feeds: Tensors, fetches: readonly string[], expectedMs?: number): Promise<RunResult> {
    return this.thread.run(this, feeds, fetches, expectedMs);
  }

  /** Asks for a turn, where others have the thread. */
  wait(): void {
    this.thread.queueUp(this);
  }

  /** Settles when the session is closed, and the thread too if it was the last one; but nobody waits for others' runs. */
  close(): Promise<void> {
    return this.thread.close(this);
  }
}

export class Thread {
  /** Whether sessions of several models may live here. */
  readonly shared: boolean;
  /** When what it was given will be done, as far as was foretold. */
  freeAtMs = 0;
  readonly #worker: Worker;
  readonly #onEnd: () => void;
  readonly #exited: Promise<void>;
  #ending = false;
  #nextId = 0;
  /** What is in its mailbox, in order; the first is running. */
  #jobs: Job[] = [];
  readonly #line = new Line<Place>();
  readonly #places = new Map<number, Place>();
  readonly #opening = new Map<number, Opening>();
  readonly #closing = new Map<number, () => void>();

  /** `onEnd` is called once, when no session may be opened here any more. */
  constructor(workerFile: URL, shared: boolean, onEnd: () => void) {
    this.shared = shared;
    this.#onEnd = onEnd;
    let reason = 'the worker thread ended';
    this.#worker = new Worker(workerFile, { resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MIB } });
    this.#worker.on('message', (message: FromWorker) => this.#hear(message));
    this.#worker.on('error', error => {
      reason = error.message;
    });
    this.#worker.once('exit', () => this.#lost(reason));
    this.#exited = new Promise(resolve => this.#worker.once('exit', () => resolve()));
  }

  /** Sessions that are or will be here. */
  get sessions(): number {
    return this.#places.size + this.#opening.size;
  }

  /** Whether nobody wants anything of it. */
  get idle(): boolean {
    return this.#free && this.#line.length === 0;
  }

  /** How long the run in progress has been going on, if one is. */
  get runningMs(): number {
    return this.#jobs.length > 0 ? now() - this.#jobs[0].sentMs : 0;
  }

  get #free(): boolean {
    return this.#jobs.length + this.#opening.size === 0;
  }

  isFreeFor(place: Place): boolean {
    return this.#free && (this.#line.length === 0 || this.#line.isTurnOf(place));
  }

  takesAhead(place: Place): boolean {
    return this.#jobs.length === 1 && this.#jobs[0].place === place && this.#line.length + this.#opening.size === 0;
  }

  worksForOthers(place: Place): boolean {
    return this.#opening.size + this.#line.length > 0 || this.#jobs.some(job => job.place !== place);
  }

  queueUp(place: Place): void {
    if (this.worksForOthers(place)) this.#line.join(place);
  }

  /** @throws {Error} the runtime's own reason, or how the thread ended. */
  open(options: SessionOptions, tenant: Tenant): Promise<Place> {
    const session = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#opening.set(session, { tenant, resolve, reject });
      this.#send({ type: 'open', session, options });
    });
  }

  run(place: Place, feeds: Tensors, fetches: readonly string[], expectedMs?: number): Promise<RunResult> {
    if (place.lost !== undefined) return Promise.reject(new RunnerLost(place.lost, false));
    const id = this.#nextId++;
    const sentMs = now();
    return new Promise((resolve, reject) => {
      const packed = pack(feeds);
      this.#send({ type: 'run', session: place.number, id, feeds: packed, fetches, expectedMs }, [packed.bytes]);
      this.#jobs.push({ id, place, sentMs, resolve, reject }); // only now: feeds that cannot be packed hold up nobody
      this.freeAtMs = Math.max(this.freeAtMs, sentMs) + (expectedMs ?? 0);
    });
  }

  async close(place: Place): Promise<void> {
    this.#line.leave(place);
    if (this.#places.has(place.number)) {
      const closed = new Promise<void>(resolve => this.#closing.set(place.number, resolve));
      this.#send({ type: 'close', session: place.number });
      if (this.worksForOthers(place)) return;
      await closed;
    }
    if (this.#ending) await this.#exited;
  }

  #send(message: ToWorker, transfer: ArrayBuffer[] = []): void {
    this.#worker.postMessage(message, transfer);
  }

  #hear(message: FromWorker): void {
    if (message.type === 'done' || message.type === 'failed') {
      this.#settle(message);
      return;
    }
    const { session } = message;
    if (message.type === 'closed') {
      this.#places.delete(session);
      this.#endIfEmpty();
      this.#closing.get(session)?.();
      this.#closing.delete(session);
      return;
    }
    const opening = this.#opening.get(session);
    this.#opening.delete(session);
    if (!opening) throw new Error('a worker opened what nobody asked for');
    if (message.type === 'open') {
      const place = new Place(this, session, message.facts, opening.tenant);
      this.#places.set(session, place);
      opening.resolve(place);
    } else {
      this.#endIfEmpty();
      opening.reject(new Error(message.message));
    }
    this.#line.give(() => this.#free);
  }

  #settle(message: Extract<FromWorker, { id: number }>): void {
    const job = this.#jobs.shift();
    if (job?.id !== message.id) throw new Error('a worker answered out of order');
    if (this.#jobs.length === 0) this.freeAtMs = 0;
    if (message.type === 'done') {
      const { outputs, runMs, busyMs, startedMs } = message;
      job.resolve({ outputs: unpack(outputs), runMs, busyMs, waitMs: Math.max(0, startedMs - job.sentMs) });
    } else {
      job.reject(new Error(message.message));
    }
    this.#line.give(() => this.#free);
  }

  /** A worker ends by message, after its run: terminating a running one would abort the process. */
  #endIfEmpty(): void {
    if (this.sessions > 0 || this.#ending) return;
    this.#ending = true;
    this.#onEnd();
    this.#send({ type: 'end' });
  }

  /** The run in progress fails, what waits behind it may run elsewhere, and every session is gone. */
  #lost(reason: string): void {
    if (!this.#ending) this.#onEnd();
    this.#ending = true;
    const places = [...this.#places.values()];
    const [opening, jobs] = [[...this.#opening.values()], this.#jobs];
    this.#places.clear();
    this.#opening.clear();
    this.#line.clear();
    this.#jobs = [];
    for (const place of places) place.lost = reason;
    jobs.forEach((job, position) => {
      job.reject(new RunnerLost(reason, position === 0));
    });
    for (const { reject } of opening) reject(new Error(reason));
    for (const resolve of this.#closing.values()) resolve();
    for (const place of places) place.tenant.onLost(reason, jobs.length === 0 || jobs[0].place === place);
  }
}
