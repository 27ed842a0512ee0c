// The scheduler of one model: admits all of a request or nothing, and cuts a batch whenever a runner is free.
import { ServiceError } from '../core/errors.ts';
import type { Mixing } from '../model/mixing.ts';
import type { Signature } from '../model/signature.ts';
import { type Runner, RunnerLost, type RunResult } from '../runtime/runner.ts';
import { collate, type Row, split } from '../sequence/collate.ts';
import { type Sequence, sequenceBytes } from '../sequence/sequence.ts';
import { Admitted, type Capacity } from './admitted.ts';
import { orderOf } from './order.ts';
import { type Inline, Places } from './places.ts';
import { type Batch, type BatchRules, type Entry, EntryQueue } from './queue.ts';
import type { BatchReport } from './report.ts';
import { Submission, type SubmitOptions } from './submission.ts';
import { type Arrivals, TurnEnd } from './turn-end.ts';

export interface BatcherOptions {
  readonly signature: Signature;
  readonly runner: Runner;
  /** Runs short batches on this thread, where nobody must be woken for them. */
  readonly inline?: Inline;
  readonly rules: BatchRules;
  /** Whether a lone sequence runs as two copies, because the graph answers a single row with other last bits. */
  readonly pairs?: boolean;
  readonly capacity: Capacity;
  /** New connections: while they come, batches wait a little. */
  readonly arrivals?: Arrivals;
  /** How long a batch that is not full may wait for company; 0 sends whatever waits as soon as a runner is free. */
  readonly maxDelayMs?: number;
  readonly onBatch?: (report: BatchReport) => void;
  /** Told of each run that failed, also where its entries run again. `takenMs` is as in a report. */
  readonly onFailedRun?: (batch: Batch, takenMs: number) => void;
  /** Told why a run failed, which callers never see. */
  readonly onFailure?: (error: unknown) => void;
}

export class Batcher {
  readonly #options: BatcherOptions;
  /** What waits. Its size may count sequences of settled submissions, which it drops when it meets them. */
  readonly #queue: EntryQueue;
  /** Submissions that have not settled, and steps that wait for their turn: what capacity bounds, and `drain` waits for. */
  readonly admitted: Admitted;
  /** Runs that have begun and not ended, those of cancelled callers too: `drain` waits for these and for `admitted`. */
  readonly #runs = new Set<{ readonly startMs: number }>();
  /** Where batches run and how long they take. */
  readonly places: Places;
  readonly #turnEnd: TurnEnd;
  /** Whether a dispatch before the end of this turn found nothing to begin. */
  #tried = false;
  /** The only timer: when the batch that waits for company goes all the same. */
  #delay?: NodeJS.Timeout;
  readonly #whenDrained: (() => void)[] = [];
  #pairs = false;

  constructor(options: BatcherOptions) {
    this.#options = options;
    this.#queue = new EntryQueue(options.rules);
    this.#pairs = options.pairs ?? false;
    this.admitted = new Admitted(options.capacity, () => this.#checkDrained());
    this.places = new Places(options.runner, options.inline);
    this.#turnEnd = new TurnEnd(() => {
      this.#tried = false;
      this.#dispatch();
    }, options.arrivals);
    options.runner.onFree = () => this.#schedule(true);
  }

  get pending(): number {
    return this.admitted.sequences;
  }

  /** How long the oldest run in progress has been going on; 0 if there is none. */
  get runningMs(): number {
    const [oldest] = this.#runs; // the first in
    return oldest ? performance.now() - oldest.startMs : 0;
  }

  /** Refuses early what would not be admitted. @throws {ServiceError} OVERLOADED unless there is room for so many sequences. */
  checkRoom(sequences: number): void {
    this.admitted.check(sequences);
  }

  /** Takes room for sequences until the function that it gives is called. @throws {ServiceError} OVERLOADED */
  admit(sequences: readonly Sequence[]): () => void {
    const bytes = sequences.reduce((sum, sequence) => sum + sequenceBytes(sequence), 0);
    return this.admitted.take(sequences.length, bytes);
  }

  /** Queues every sequence. @throws {ServiceError} OVERLOADED if they do not all fit; then none is queued. */
  submit(sequences: readonly Sequence[], options: SubmitOptions = {}): Submission {
    const release = options.admitted ? () => this.#checkDrained() : this.admit(sequences);
    const { capacity } = this.#options;
    if (this.#queue.size + sequences.length > capacity.sequences) this.#queue.sweep(); // some left in this very turn
    const settled = (cancelled: boolean) => {
      if (cancelled) this.#queue.sweepSoon();
      release();
    };
    const submission = new Submission(sequences.length, settled, options.trace);
    const enqueuedMs = performance.now();
    const { withState, mixing, idle = false } = options;
    const orderMs = orderOf(enqueuedMs, options);
    for (const [index, sequence] of sequences.entries())
      this.#queue.add({ sequence, submission, index, enqueuedMs, orderMs, withState, mixing, idle });
    this.#schedule();
    return submission;
  }

  /** More was proved: sequences share runs by this rule from now on. */
  rule(mixing: Mixing, pairs: boolean): void {
    this.#pairs = pairs;
    this.#queue.rule(mixing);
    this.#schedule();
  }

  /** Resolves when every admitted sequence has been answered and no run is left. */
  async drain(): Promise<void> {
    const drained = new Promise<void>(resolve => this.#whenDrained.push(resolve));
    this.#checkDrained();
    await drained;
  }

  #checkDrained(): void {
    if (!this.admitted.idle || this.#runs.size > 0) return;
    for (const resolve of this.#whenDrained.splice(0)) resolve();
  }

  /**
   * Dispatches at the end of this turn of the event loop, so that requests read in one turn share a batch; an idle worker
   * does not wait for that once half a batch is there, so that it computes while the rest is read, nor one just freed.
   */
  #schedule(freed = false): void {
    const { runner, rules } = this.#options;
    const soon = freed || (!this.#tried && 2 * this.#queue.size >= rules.batchSize);
    if (soon && runner.idle > 0 && !this.#turnEnd.crowded) {
      this.#tried = this.#dispatch(runner) === 0;
    }
    if (this.#queue.size > 0) this.#turnEnd.schedule();
  }

  /** Begins every batch that can begin, or only those for one runner, oldest first; says how many. */
  #dispatch(only?: Runner): number {
    let begun = 0;
    for (; this.places.open; begun++) {
      clearTimeout(this.#delay);
      let place: Runner | undefined;
      let leastWaitMs = Infinity;
      const batch = this.#queue.next(batch => {
        place = this.places.of(batch);
        if (!place || (only && place !== only)) return false;
        const waitMs = this.#waitMs(batch);
        leastWaitMs = Math.min(leastWaitMs, waitMs || Infinity);
        return waitMs === 0;
      });
      if (leastWaitMs < Infinity) this.#delay = setTimeout(() => this.#dispatch(), Math.ceil(leastWaitMs));
      if (!batch || !place) break;
      this.#queue.take(batch);
      this.#run(batch, place).catch(error => this.#options.onFailure?.(error)); // a report that throws ends no process
    }
    if (this.#queue.size > 0 && !this.places.open) this.#options.runner.wanted();
    return begun;
  }

  /** How long the batch may still wait for more. A full one never waits. */
  #waitMs(batch: Batch): number {
    const { maxDelayMs = 0 } = this.#options;
    if (maxDelayMs === 0 || batch.full) return 0;
    return Math.max(0, batch.entries[0].enqueuedMs + maxDelayMs - performance.now());
  }

  /** Runs a batch that was taken out of the queue. Every entry of it is then delivered, cancelled or queued again. */
  async #run(batch: Batch, place: Runner): Promise<void> {
    const { signature, runner, rules } = this.#options;
    const sequences = batch.entries.map(entry => entry.sequence);
    if (this.#pairs && sequences.length === 1) sequences.push(sequences[0]);
    const startMs = performance.now();
    const run = { startMs };
    let collateMs = 0;
    let result: RunResult;
    this.#runs.add(run);
    try {
      const feeds = collate(signature, sequences);
      collateMs = performance.now() - startMs;
      const withState = batch.entries.some(entry => entry.withState);
      const fetches = withState ? signature.fetchesWithState : signature.fetches;
      result = await place.run(feeds, fetches, this.places.predict(batch));
      rules.bytes?.observe(sequences[0].batchKey, feeds, result.outputs);
    } catch (error) {
      this.#runs.delete(run);
      this.#options.onFailedRun?.(batch, startMs);
      this.#failed(batch.entries, error);
      return;
    }
    this.#runs.delete(run);
    this.places.times.observe(
      sequences.length,
      batch.paddedSteps / batch.entries.length,
      result.busyMs ?? result.runMs,
    );
    if (place === runner && !this.#turnEnd.crowded) this.#dispatch(); // first keep the worker busy, then answer
    this.#deliver(batch, sequences, result, startMs, collateMs);
    this.#schedule();
  }

  #deliver(batch: Batch, sequences: readonly Sequence[], result: RunResult, takenMs: number, collateMs: number): void {
    const { entries, paddedSteps } = batch;
    const { runMs, waitMs = 0 } = result;
    const startMs = takenMs + waitMs; // when its worker began with it, the mailbox left behind
    const splitStartMs = performance.now();
    let rows: Row[];
    try {
      rows = split(this.#options.signature, result.outputs, sequences);
    } catch (error) {
      this.#failed(entries, error);
      return;
    }
    let steps = 0;
    let begun = 0;
    entries.forEach(({ submission, sequence, index, enqueuedMs }, i) => {
      steps += sequence.longest;
      if (sequence.slice?.first ?? true) begun++;
      submission.deliver(index, rows[i], { queueMs: startMs - enqueuedMs, runMs, batchSize: entries.length });
    });
    const queueMs = startMs - entries[0].enqueuedMs;
    const endMs = performance.now();
    this.#options.onBatch?.({
      ...{ size: entries.length, sequences: begun, steps, paddedSteps },
      ...{ queueMs, runMs, collateMs, splitMs: endMs - splitStartMs },
      ...{ takenMs, startMs: startMs + collateMs, endMs, entries },
    });
    this.#checkDrained();
  }

  /** What is queued again stands at the place of its age: it keeps `orderMs`, so nobody who came later goes before it. */
  #failed(entries: readonly Entry[], error: unknown): void {
    if (error instanceof RunnerLost && !error.started) {
      for (const entry of entries) this.#queue.add(entry);
    } else if (!(error instanceof RunnerLost) && entries.length > 1) {
      // One of them may be at fault, such as an id that the graph does not know: none shall fail for another.
      for (const entry of entries) this.#queue.add({ ...entry, mixing: 'alone' });
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
