// The scheduler of one model: admits all of a request or nothing, and cuts a batch whenever a runner is free.
import { ServiceError } from '../core/errors.ts';
import type { Signature } from '../model/signature.ts';
import { type Runner, RunnerLost, type RunResult } from '../runtime/runner.ts';
import { collate, type Row, split } from '../sequence/collate.ts';
import { type Sequence, sequenceBytes } from '../sequence/sequence.ts';
import { type Batch, type BatchRules, type Entry, EntryQueue, type Mixing } from './queue.ts';
import { Submission } from './submission.ts';

/** What one finished run was like. */
export interface BatchReport {
  readonly size: number;
  /** Time steps that callers sent, and those that ran (batch size x longest length). */
  readonly steps: number;
  readonly paddedSteps: number;
  /** How long its oldest entry waited. */
  readonly queueMs: number;
  readonly runMs: number;
  /** How long putting the batch together and taking it apart took. */
  readonly collateMs: number;
  readonly splitMs: number;
}

/** What a request may ask of the batcher. */
export interface Wishes {
  /** Fetch the state outputs too. */
  readonly withState?: boolean;
  /** A narrower rule for this request than the model's. */
  readonly mixing?: Mixing;
  /** 1 is the most urgent; an entry of priority p is taken as if it had waited 1/p seconds longer. 0: not urgent. */
  readonly priority?: number;
}

const HEAD_START_MS = 1000;

export interface BatcherOptions {
  readonly signature: Signature;
  readonly runner: Runner;
  readonly rules: BatchRules;
  /** Whether a lone sequence runs as two copies, because the graph answers a single row with other last bits. */
  readonly pairs?: boolean;
  /** Most sequences admitted and not yet answered, and most bytes of their numbers. */
  readonly capacity: { readonly sequences: number; readonly bytes: number };
  /** How long a batch that is not full may wait for company; 0 sends whatever waits as soon as a runner is free. */
  readonly maxDelayMs?: number;
  readonly onBatch?: (report: BatchReport) => void;
  /** The cause of a failed run, which callers never see. */
  readonly onFailure?: (error: unknown) => void;
}

export class Batcher {
  readonly #options: BatcherOptions;
  readonly #queue: EntryQueue;
  /** Sequences admitted and not yet answered. */
  #pending = 0;
  #pendingBytes = 0;
  #running = 0;
  #scheduled = false;
  #delay?: NodeJS.Timeout;
  readonly #whenDrained: (() => void)[] = [];

  constructor(options: BatcherOptions) {
    this.#options = options;
    this.#queue = new EntryQueue(options.rules);
    options.runner.onFree = () => this.#schedule();
  }

  get pending(): number {
    return this.#pending;
  }

  /** Refuses early what would not be admitted. @throws {ServiceError} OVERLOADED unless there is room for so many sequences. */
  checkRoom(sequences: number): void {
    if (this.#pending + sequences > this.#options.capacity.sequences) throw overloaded();
  }

  /** Queues every sequence. @throws {ServiceError} OVERLOADED if they do not all fit; then none is queued. */
  submit(sequences: readonly Sequence[], wishes: Wishes = {}): Submission {
    const { capacity } = this.#options;
    this.checkRoom(sequences.length);
    const bytes = sequences.reduce((sum, sequence) => sum + sequenceBytes(sequence), 0);
    if (this.#pendingBytes + bytes > capacity.bytes) throw overloaded();
    // The queue lets go of cancelled entries when it meets them; make it do so before it outgrows its bound.
    if (this.#queue.size + sequences.length > capacity.sequences) this.#queue.sweep();
    const submission = new Submission(sequences.length, () => {
      this.#pending -= sequences.length;
      this.#pendingBytes -= bytes;
      this.#checkDrained();
    });
    this.#pending += sequences.length;
    this.#pendingBytes += bytes;
    const enqueuedMs = performance.now();
    const { withState, mixing, priority = 0 } = wishes;
    const orderMs = enqueuedMs - (priority > 0 ? HEAD_START_MS / priority : 0);
    sequences.forEach((sequence, index) => {
      this.#queue.add({ sequence, submission, index, enqueuedMs, orderMs, withState, mixing });
    });
    this.#schedule();
    return submission;
  }

  /** Resolves when every admitted sequence has been answered and no run is left. */
  async drain(): Promise<void> {
    if (this.#pending === 0 && this.#running === 0) return;
    await new Promise<void>(resolve => {
      this.#whenDrained.push(resolve);
    });
  }

  #checkDrained(): void {
    if (this.#pending > 0 || this.#running > 0) return;
    for (const resolve of this.#whenDrained.splice(0)) resolve();
  }

  /**
   * Dispatches at the end of this turn of the event loop, so that requests read in one turn ride together; an idle worker
   * does not wait for that once half a batch is there, so that it computes while the rest of a burst is read.
   */
  #schedule(): void {
    const { runner, rules } = this.#options;
    if (runner.idle > 0 && 2 * this.#queue.size >= rules.batchSize) {
      this.#dispatch();
      return;
    }
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#dispatch();
    });
  }

  #dispatch(): void {
    const { runner } = this.#options;
    for (let batch = this.#queue.next(); batch; batch = this.#queue.next()) {
      // A busy worker gets one more batch only if that is full: a small one would grow while it waits here.
      if (runner.idle === 0 && !(batch.full && runner.ahead > 0)) return;
      if (this.#mayWait(batch)) return;
      this.#queue.take(batch);
      this.#run(batch);
    }
  }

  #mayWait(batch: Batch): boolean {
    const { maxDelayMs = 0 } = this.#options;
    if (maxDelayMs === 0 || batch.full) return false;
    const waitMs = batch.entries[0].enqueuedMs + maxDelayMs - performance.now();
    if (waitMs <= 0) return false;
    clearTimeout(this.#delay);
    this.#delay = setTimeout(() => this.#dispatch(), Math.ceil(waitMs));
    return true;
  }

  async #run(batch: Batch): Promise<void> {
    const { signature, runner } = this.#options;
    const sequences = batch.entries.map(entry => entry.sequence);
    if (this.#options.pairs && sequences.length === 1) sequences.push(sequences[0]);
    const startMs = performance.now();
    let collateMs = 0;
    let result: RunResult;
    this.#running++;
    try {
      const feeds = collate(signature, sequences);
      collateMs = performance.now() - startMs;
      const withState = batch.entries.some(entry => entry.withState);
      result = await runner.run(feeds, withState ? signature.fetchesWithState : signature.fetches);
    } catch (error) {
      this.#running--;
      this.#failed(batch.entries, error);
      return;
    }
    this.#running--;
    this.#dispatch(); // first keep the worker busy, then answer
    this.#deliver(batch, sequences, result, startMs, collateMs);
  }

  #deliver(batch: Batch, sequences: readonly Sequence[], result: RunResult, startMs: number, collateMs: number): void {
    const { entries, paddedSteps } = batch;
    const { runMs } = result;
    const splitStartMs = performance.now();
    let rows: Row[];
    try {
      rows = split(this.#options.signature, result.outputs, sequences);
    } catch (error) {
      this.#failed(entries, error);
      return;
    }
    let steps = 0;
    entries.forEach(({ submission, sequence, index, enqueuedMs }, i) => {
      steps += sequence.longest;
      submission.deliver(index, rows[i], { queueMs: startMs - enqueuedMs, runMs, batchSize: entries.length });
    });
    const queueMs = startMs - entries[0].enqueuedMs;
    const splitMs = performance.now() - splitStartMs;
    this.#options.onBatch?.({ size: entries.length, steps, paddedSteps, queueMs, runMs, collateMs, splitMs });
    this.#checkDrained();
  }

  #requeue(entries: readonly Entry[]): void {
    for (const entry of entries) this.#queue.add(entry);
  }

  #failed(entries: readonly Entry[], error: unknown): void {
    if (error instanceof RunnerLost && !error.started) {
      this.#requeue(entries);
    } else if (!(error instanceof RunnerLost) && entries.length > 1) {
      // One of them may be at fault, such as an id that the graph does not know: none shall fail for another.
      this.#requeue(entries.map(entry => ({ ...entry, mixing: 'alone' })));
    } else {
      const failure =
        error instanceof ServiceError
          ? error
          : new ServiceError('INFERENCE_FAILED', 'the model could not be run on this batch', { cause: error });
      this.#options.onFailure?.(failure.cause);
      for (const { submission } of entries) submission.cancel(failure);
    }
    this.#schedule();
    this.#checkDrained();
  }
}

function overloaded(): ServiceError {
  return new ServiceError('OVERLOADED', 'the queue has no room for this request; try again shortly');
}
