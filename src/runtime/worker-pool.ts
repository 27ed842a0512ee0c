// A Runner over worker threads: idle set, one batch ahead, crash -> fail in flight -> respawn with backoff.
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { LoadError } from '../core/errors.ts';
import type { Tensors } from '../core/tensor.ts';
import type { FromWorker, SessionFacts, SessionOptions, ToWorker } from './messages.ts';
import { pack, unpack } from './packed.ts';
import { type Runner, RunnerLost, type RunResult } from './runner.ts';

export interface WorkerPoolOptions {
  readonly session: SessionOptions;
  readonly size: number;
  /** Told of every crash and return, for the log and the metrics. */
  readonly onEvent?: (event: 'crashed' | 'returned', detail: string) => void;
  readonly workerFile?: URL;
  readonly backoffMs?: { readonly first: number; readonly most: number };
}

interface Pending {
  readonly id: number;
  readonly resolve: (result: RunResult) => void;
  readonly reject: (error: Error) => void;
}

/** A worker's seat: the thread changes after a crash, the seat stays. */
interface Seat {
  worker?: Worker;
  open: boolean;
  /** What the worker was given, in order: the first is running, the second waits in its mailbox. */
  pending: Pending[];
  crashes: number;
  retry?: NodeJS.Timeout;
}

const WORKER_FILE = new URL('./worker.js', import.meta.url);

export class WorkerPool implements Runner {
  onFree = () => {};
  readonly #options: WorkerPoolOptions;
  readonly #seats: Seat[];
  #facts?: SessionFacts;
  #nextId = 0;
  #closing = false;
  readonly #whenQuiet: (() => void)[] = [];

  private constructor(options: WorkerPoolOptions) {
    this.#options = options;
    this.#seats = Array.from({ length: options.size }, () => ({ open: false, pending: [], crashes: 0 }));
  }

  /** Opens every worker. @throws {LoadError} with the runtime's own reason if the graph cannot be opened. */
  static async open(options: WorkerPoolOptions): Promise<WorkerPool> {
    const pool = new WorkerPool(options);
    try {
      await Promise.all(pool.#seats.map(seat => pool.#spawn(seat)));
    } catch (error) {
      await pool.close();
      throw error;
    }
    return pool;
  }

  /** What the sessions turned out to be. */
  get facts(): SessionFacts {
    return this.#facts as SessionFacts;
  }

  /** Workers that live. */
  get alive(): number {
    return this.#count(seat => seat.open);
  }

  get idle(): number {
    return this.#count(seat => seat.open && seat.pending.length === 0);
  }

  get ahead(): number {
    return this.#count(seat => seat.open && seat.pending.length === 1);
  }

  run(feeds: Tensors, fetches: readonly string[]): Promise<RunResult> {
    const open = this.#seats.filter(seat => seat.open);
    const seat = open.find(s => s.pending.length === 0) ?? open.find(s => s.pending.length === 1);
    if (!seat) return Promise.reject(new RunnerLost('no worker is free', false));
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const packed = pack(feeds);
      this.#send(seat, { type: 'run', id, feeds: packed, fetches }, [packed.bytes]);
      seat.pending.push({ id, resolve, reject }); // only now: feeds that cannot be packed must not hold the seat
    });
  }

  async close(): Promise<void> {
    this.#closing = true;
    for (const seat of this.#seats) clearTimeout(seat.retry);
    if (this.#seats.some(seat => seat.pending.length > 0)) {
      await new Promise<void>(resolve => {
        this.#whenQuiet.push(resolve);
      });
    }
    // A worker ends by message, after its run: terminating a running one would abort the process.
    const ends = this.#seats.map(seat => seat.worker && new Promise(resolve => seat.worker?.once('exit', resolve)));
    for (const seat of this.#seats) this.#send(seat, { type: 'close' });
    await Promise.all(ends);
  }

  #count(predicate: (seat: Seat) => boolean): number {
    let count = 0;
    for (const seat of this.#seats) if (predicate(seat)) count++;
    return count;
  }

  #send(seat: Seat, message: ToWorker, transfer: ArrayBuffer[] = []): void {
    seat.worker?.postMessage(message, transfer);
  }

  /** Starts the seat's thread; settles when its session is open or refused, or the thread is gone. */
  #spawn(seat: Seat): Promise<void> {
    const worker = new Worker(this.#options.workerFile ?? WORKER_FILE, { workerData: this.#options.session });
    seat.worker = worker;
    return new Promise((resolve, reject) => {
      let reason = 'the worker thread ended';
      worker.on('message', (message: FromWorker) => {
        if (message.type === 'open') {
          seat.open = true;
          this.#facts ??= message.facts;
          resolve();
        } else if (message.type === 'refused') {
          reason = message.message;
          worker.terminate();
        } else {
          this.#settle(seat, message);
        }
      });
      worker.on('error', error => {
        reason = error.message;
      });
      worker.once('exit', () => {
        const { graphFile } = this.#options.session;
        const line = reason.split('\n')[0].replaceAll(graphFile, path.basename(graphFile));
        reject(new LoadError(`the runtime refuses the graph: ${line}`));
        this.#lost(seat, reason);
      });
    });
  }

  #settle(seat: Seat, message: Extract<FromWorker, { id: number }>): void {
    const pending = seat.pending.shift();
    if (pending?.id !== message.id) throw new Error('a worker answered out of order');
    seat.crashes = 0;
    if (message.type === 'done') pending.resolve({ outputs: unpack(message.outputs), runMs: message.runMs });
    else pending.reject(new Error(message.message));
    this.#checkQuiet();
  }

  #lost(seat: Seat, reason: string): void {
    const wasOpen = seat.open;
    const { pending } = seat;
    seat.open = false;
    seat.worker = undefined;
    seat.pending = [];
    pending.forEach((entry, position) => {
      entry.reject(new RunnerLost(reason, position === 0));
    });
    this.#checkQuiet();
    if (this.#closing || (!wasOpen && seat.crashes === 0)) return;
    if (wasOpen) this.#options.onEvent?.('crashed', reason);
    const { first, most } = this.#options.backoffMs ?? { first: 100, most: 10_000 };
    const waitMs = Math.min(most, first * 2 ** seat.crashes++);
    seat.retry = setTimeout(() => {
      this.#spawn(seat).then(
        () => {
          this.#options.onEvent?.('returned', `after ${waitMs} ms`);
          this.onFree();
        },
        () => {}, // #lost has armed the next try
      );
    }, waitMs);
  }

  #checkQuiet(): void {
    if (this.#seats.some(seat => seat.pending.length > 0)) return;
    for (const resolve of this.#whenQuiet.splice(0)) resolve();
  }
}
