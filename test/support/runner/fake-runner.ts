// A Runner without threads: batches stay where they are until the test finishes, fails or loses them.
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Tensors } from '../../../src/core/tensor.ts';
import { type Runner, RunnerLost, type RunResult } from '../../../src/runtime/runner.ts';

/** A batch that a fake worker was given. */
export interface FakeRun {
  readonly feeds: Tensors;
  readonly fetches: readonly string[];
  /** Sequences in it. */
  readonly size: number;
  readonly worker: number;
  /** Whether it was handed to a worker that was busy. */
  readonly ahead: boolean;
}

interface Held extends FakeRun {
  readonly resolve: (result: RunResult) => void;
  readonly reject: (error: Error) => void;
}

/** What an autoplaying runner does with a batch. */
export type Verdict = { outputs: Tensors } | { error: Error } | 'crash';

export class FakeRunner implements Runner {
  onFree = () => {};
  /** Told of every batch as it is given. */
  onRun = (_run: FakeRun) => {};
  /** Every batch ever given, in order. */
  readonly given: FakeRun[] = [];
  readonly #workers: { alive: boolean; held: Held[] }[];
  readonly #mailboxes: boolean;
  #closing = false;
  #judge?: (run: FakeRun) => Verdict;

  /** Without mailboxes a busy worker takes nothing ahead. */
  constructor(workers = 1, mailboxes = true) {
    this.#mailboxes = mailboxes;
    this.#workers = Array.from({ length: workers }, () => ({ alive: true, held: [] }));
  }

  get idle(): number {
    return this.#workers.filter(w => w.alive && w.held.length === 0).length;
  }

  get ahead(): number {
    return this.#mailboxes ? this.#workers.filter(w => w.alive && w.held.length === 1).length : 0;
  }

  wanted(): void {}

  /** The batches running now: the first of every worker. */
  get running(): FakeRun[] {
    return this.#workers.flatMap(w => w.held.slice(0, 1));
  }

  /** The batches handed ahead to a busy worker. */
  get waiting(): FakeRun[] {
    return this.#workers.flatMap(w => w.held.slice(1));
  }

  /** Workers that are down. */
  get down(): number[] {
    return [...this.#workers.keys()].filter(i => !this.#workers[i].alive);
  }

  run(feeds: Tensors, fetches: readonly string[]): Promise<RunResult> {
    const alive = this.#workers.filter(w => w.alive);
    const worker = alive.find(w => w.held.length === 0) ?? alive.find(w => w.held.length === 1);
    if (!worker || this.#closing) return Promise.reject(new RunnerLost('no worker is free', false));
    const taken = structuredClone(feeds);
    const [first] = Object.values(taken);
    return new Promise((resolve, reject) => {
      const place = { worker: this.#workers.indexOf(worker), ahead: worker.held.length > 0 };
      const held = { feeds: taken, fetches, size: first.dims[0], ...place };
      this.given.push(held);
      this.onRun(held);
      worker.held.push({ ...held, resolve, reject });
      if (this.#judge) setImmediate(() => this.#play(held.worker));
    });
  }

  /** Ends the first batch of a worker with these outputs, or with an error of its own. */
  finish(worker: number, result: Tensors | Error, times: Partial<RunResult> = {}): void {
    const held = this.#workers[worker].held.shift();
    if (!held) throw new Error(`worker ${worker} has no batch`);
    if (result instanceof Error) held.reject(result);
    else held.resolve({ outputs: result, runMs: 1, ...times });
  }

  /** The worker dies: its first batch was started, the one behind it was not. */
  crash(worker: number): void {
    const seat = this.#workers[worker];
    const { held } = seat;
    seat.alive = false;
    seat.held = [];
    held.forEach((run, place) => {
      run.reject(new RunnerLost('the worker died', place === 0));
    });
  }

  /** The worker comes back. */
  revive(worker: number): void {
    this.#workers[worker].alive = true;
    this.onFree();
  }

  async close(): Promise<void> {
    this.#closing = true;
    while (this.running.length > 0) await nextTurn();
    for (const worker of this.#workers) worker.alive = false;
  }

  /** From now on every batch is answered by itself, a turn after it was given; crashed workers come back soon. */
  autoplay(judge: (run: FakeRun) => Verdict): void {
    this.#judge = judge;
  }

  #play(worker: number): void {
    const [run] = this.#workers[worker].held;
    if (!run || !this.#judge) return;
    const verdict = this.#judge(run);
    if (verdict === 'crash') {
      this.crash(worker);
      setTimeout(() => !this.#closing && this.revive(worker), 5);
    } else {
      this.finish(worker, 'error' in verdict ? verdict.error : verdict.outputs);
    }
  }
}
