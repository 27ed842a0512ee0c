// A Runner over sessions in worker threads, one seat each: one batch ahead, crash -> fail in flight -> reopen with backoff,
// and a seat whose thread is held by another model moves to one that is free.
import type { Tensors } from '../core/tensor.ts';
import { type Admit, openAdmitted } from './admission.ts';
import type { SessionFacts, SessionOptions } from './messages.ts';
import { type Runner, RunnerLost, type RunResult } from './runner.ts';
import type { Place, Tenant, Thread } from './thread.ts';
import { Threads } from './threads.ts';

export interface WorkerPoolOptions {
  readonly session: SessionOptions;
  readonly size: number;
  /** Where the sessions live, perhaps beside those of other models; if left out, each in a thread of its own. */
  readonly threads?: Threads;
  /** Whether no other model's session may live in its threads. */
  readonly alone?: boolean;
  /** CUDA devices; the seats are spread over them. */
  readonly deviceIds?: readonly number[];
  /** What every session must do before its seat opens, now and wherever it is opened again. */
  readonly admit?: Admit;
  /** Told of every crash and return, for the log and the metrics. */
  readonly onEvent?: (event: 'crashed' | 'returned', detail: string) => void;
  readonly workerFile?: URL;
  readonly backoffMs?: { readonly first: number; readonly most: number };
}

/** A worker's seat: thread and session change after a crash or a move, the seat stays. */
interface Seat {
  /** Its session, once that is open and admitted: then the seat takes batches. */
  place?: Place;
  /** The thread in which a session is being opened for it. */
  next?: Thread;
  /** What it is about besides runs: opening anew after a crash, or moving. */
  busy?: Promise<void>;
  movedMs: number;
  /** Crashes in a row; an answer sets it to 0. The wait before the next try doubles with each. */
  crashes: number;
  retry?: NodeJS.Timeout;
}

/** How long a batch waits for another model's run before its seat moves. */
const PATIENCE_MS = 20;
/** How long a seat stays where it has moved to. */
const STAY_MS = 1000;

export class WorkerPool implements Runner {
  onFree = () => {};
  readonly #options: WorkerPoolOptions;
  readonly #threads: Threads;
  readonly #seats: Seat[];
  #facts?: SessionFacts;
  #running = 0;
  #closing = false;
  #patience?: NodeJS.Timeout;
  readonly #whenQuiet: (() => void)[] = [];

  private constructor(options: WorkerPoolOptions) {
    this.#options = options;
    this.#threads = options.threads ?? new Threads(Infinity, options.workerFile);
    this.#seats = Array.from({ length: options.size }, () => ({ movedMs: -Infinity, crashes: 0 }));
  }

  /** Opens every seat. @throws {LoadError} with the runtime's own reason if the graph cannot be opened. */
  static async open(options: WorkerPoolOptions): Promise<WorkerPool> {
    const pool = new WorkerPool(options);
    const opened = await Promise.allSettled(pool.#seats.map(seat => pool.#open(seat, pool.#newPlace())));
    const refused = opened.find(result => result.status === 'rejected');
    if (!refused) return pool;
    await pool.close();
    throw refused.reason;
  }

  /** What the sessions turned out to be. */
  get facts(): SessionFacts {
    return this.#facts as SessionFacts;
  }

  /** Workers that live. */
  get alive(): number {
    return this.#count(place => place !== undefined);
  }

  get idle(): number {
    return this.#count(place => place?.idle === true);
  }

  get ahead(): number {
    return this.#count(place => place?.ahead === true);
  }

  run(feeds: Tensors, fetches: readonly string[], expectedMs?: number): Promise<RunResult> {
    const seat = this.#freeFirst();
    if (!seat?.place) return Promise.reject(new RunnerLost('no worker is free', false));
    return this.#runOn(seat, seat.place, feeds, fetches, expectedMs);
  }

  /** A batch waits: seats whose threads work for other models ask for their turn, and move if it does not come soon. */
  wanted(): void {
    const held = this.#seats.filter(({ place }) => place?.held);
    for (const { place } of held) place?.wait();
    if (held.length === 0 || this.#patience) return;
    this.#patience = setTimeout(() => {
      this.#patience = undefined;
      this.#moveOne();
    }, PATIENCE_MS).unref();
  }

  async close(): Promise<void> {
    this.#closing = true;
    clearTimeout(this.#patience);
    for (const seat of this.#seats) clearTimeout(seat.retry);
    if (this.#running > 0) {
      await new Promise<void>(resolve => {
        this.#whenQuiet.push(resolve);
      });
    }
    await Promise.all(
      this.#seats.map(async seat => {
        await seat.busy;
        const { place } = seat;
        seat.place = undefined;
        await place?.close();
      }),
    );
  }

  async #runOn(seat: Seat, place: Place, feeds: Tensors, fetches: readonly string[], ms?: number): Promise<RunResult> {
    this.#running++;
    try {
      const result = await place.run(feeds, fetches, ms);
      seat.crashes = 0;
      return result;
    } catch (error) {
      if (!(error instanceof RunnerLost)) seat.crashes = 0;
      throw error;
    } finally {
      this.#running--;
      if (this.#running === 0) for (const resolve of this.#whenQuiet.splice(0)) resolve();
    }
  }

  /** An idle seat, or else the one with an empty mailbox that will be free first. */
  #freeFirst(): Seat | undefined {
    let first: Seat | undefined;
    for (const seat of this.#seats) {
      if (seat.place?.idle) return seat;
      if (!seat.place?.ahead) continue;
      if (!first?.place || seat.place.thread.freeAtMs < first.place.thread.freeAtMs) first = seat;
    }
    return first;
  }

  #count(predicate: (place: Place | undefined) => boolean): number {
    let count = 0;
    for (const { place } of this.#seats) if (predicate(place)) count++;
    return count;
  }

  /** Threads that have a session of this model, or will have one. */
  get #own(): Set<Thread> {
    return new Set(
      this.#seats.flatMap(({ place, next }) => [place?.thread, next]).filter(thread => thread !== undefined),
    );
  }

  #newPlace(): Thread {
    return this.#options.alone ? this.#threads.own() : this.#threads.take(this.#own);
  }

  /** Then the seat takes batches there. @throws {LoadError} */
  async #open(seat: Seat, thread: Thread): Promise<void> {
    seat.next = thread;
    let place: Place | undefined;
    const tenant: Tenant = {
      onTurn: () => this.onFree(),
      onLost: (reason, guilty) => {
        if (place && seat.place === place) this.#lost(seat, reason, guilty);
      },
    };
    try {
      place = await openAdmitted(thread, this.#sessionOf(seat), tenant, this.#options.admit);
      this.#facts ??= place.facts;
      seat.place = place;
    } finally {
      seat.next = undefined;
    }
  }

  #sessionOf(seat: Seat): SessionOptions {
    const { session, deviceIds = [] } = this.#options;
    return deviceIds.length === 0
      ? session
      : { ...session, deviceId: deviceIds[this.#seats.indexOf(seat) % deviceIds.length] };
  }

  /** Lets one seat go where it need not wait. */
  #moveOne(): void {
    const held = this.idle > 0 ? [] : this.#seats.filter(({ place, busy }) => place?.held && !busy);
    const seat = held.find(({ movedMs }) => performance.now() - movedMs > STAY_MS);
    const thread = seat && !this.#closing ? this.#threads.spare(this.#own) : undefined;
    if (!seat || !thread) {
      if (held.length > 0) this.wanted();
      return;
    }
    const old = seat.place;
    seat.busy = this.#open(seat, thread)
      .then(
        () => {
          void old?.close();
          this.onFree();
        },
        () => {}, // it stays where it is
      )
      .finally(() => {
        seat.busy = undefined;
        seat.movedMs = performance.now();
      });
  }

  /** The thread is gone: what ran has failed, and the seat gets another session, at once if it was not this model's doing. */
  #lost(seat: Seat, reason: string, guilty: boolean): void {
    seat.place = undefined;
    if (this.#closing) return;
    if (guilty) this.#options.onEvent?.('crashed', reason);
    // A seat that is moving waits for that: a second session would be nobody's.
    void Promise.resolve(seat.busy).then(() => {
      if (!seat.place) this.#reopenLater(seat, guilty);
      else if (guilty) this.#options.onEvent?.('returned', 'elsewhere');
    });
  }

  #reopenLater(seat: Seat, guilty: boolean): void {
    if (this.#closing) return;
    const { first, most } = this.#options.backoffMs ?? { first: 100, most: 10_000 };
    const waitMs = guilty ? Math.min(most, first * 2 ** seat.crashes++) : 0;
    seat.retry = setTimeout(() => {
      seat.busy = this.#open(seat, this.#newPlace())
        .then(
          () => {
            if (guilty) this.#options.onEvent?.('returned', `after ${waitMs} ms`);
            this.onFree();
          },
          () => this.#reopenLater(seat, true),
        )
        .then(() => {
          seat.busy = undefined;
        });
    }, waitMs);
  }
}
