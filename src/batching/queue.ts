// Waiting entries, one per sequence, kept by length class; a batch begins with the class of the oldest entry.
import type { Mixing } from '../model/mixing.ts';
import type { Sequence } from '../sequence/sequence.ts';
import { bytesOf, type Rate, type RunBytes } from './run-bytes.ts';
import type { Submission } from './submission.ts';

export interface Entry {
  readonly sequence: Sequence;
  readonly submission: Submission;
  /** Its place among the submission's sequences. */
  readonly index: number;
  readonly enqueuedMs: number;
  /** Its place among all waiting entries: `enqueuedMs`, or earlier by the head start of its priority. */
  readonly orderMs: number;
  /** Whether its caller wants the state outputs too. */
  readonly withState?: boolean;
  /** A narrower rule than the model's, for this entry. */
  readonly mixing?: Mixing;
  /** Whether it runs only when nothing else waits: such entries have lists of their own. */
  readonly idle?: boolean;
}

/** What may share a run, as the model's certificate and limits say. */
export interface BatchRules {
  readonly batchSize: number;
  /** Most of batch size x longest length; one sequence alone may exceed it. */
  readonly paddedSteps: number;
  readonly mixing: Mixing;
  /** What runs are foretold to hold. */
  readonly bytes?: RunBytes;
}

export interface Batch {
  readonly entries: readonly Entry[];
  readonly paddedSteps: number;
  /** Whether it has no room for one more entry of its longest length. */
  readonly full: boolean;
}

export class EntryQueue {
  #rules: BatchRules;
  /**
   * Entries by length class. Each list is sorted by `orderMs`, and those of equal `orderMs` by arrival; a key tells all that
   * decides who may share a run, so entries of one list always may.
   */
  readonly #classes = new Map<string | number, Entry[]>();
  /** The lengths of all lists together. */
  #size = 0;
  #sweeping = false;

  constructor(rules: BatchRules) {
    this.#rules = rules;
  }

  /** Entries held, the cancelled ones not yet met included. */
  get size(): number {
    return this.#size;
  }

  /** From now on entries share runs by another rule; those that wait do so too. */
  rule(mixing: Mixing): void {
    this.#rules = { ...this.#rules, mixing };
    const waiting = [...this.#classes.values()].flat();
    this.#classes.clear();
    this.#size = 0;
    for (const entry of waiting) this.add(entry);
  }

  add(entry: Entry): void {
    const waiting = this.#classOf(entry);
    let place = waiting.length;
    while (place > 0 && waiting[place - 1].orderMs > entry.orderMs) place--;
    if (place === waiting.length) waiting.push(entry);
    else waiting.splice(place, 0, entry);
    this.#size++;
  }

  /**
   * The batch to run next that `accepts` takes, left in the queue: the oldest entry of its class, those of its length class that fit beside it and then,
   * if there is room, shorter ones, as long as no more than half of the run is padding.
   * It also sweeps: cancelled entries met on the way are dropped, so `size` may fall. What it gives is a prefix of one or
   * more lists; `take` relies on that, so nothing may be added between the two.
   */
  next(accepts: (batch: Batch) => boolean = () => true): Batch | undefined {
    let passedOver = false;
    for (const key of this.#classesByAge()) {
      const batch = this.#cut(key);
      if (batch.entries[0].idle && passedOver) return undefined; // something else waits
      if (accepts(batch)) return batch;
      passedOver = true;
    }
    return undefined;
  }

  #cut(key: string | number): Batch {
    const [first] = this.#classes.get(key) as Entry[];
    const mixing = this.#mixingOf(first);
    const cut = new Cut(this.#rules, mixing, this.#rules.bytes?.rate(first.sequence.batchKey));
    this.#fill(cut, key);
    if (mixing === 'classes' && !first.idle) {
      const { batchKey, longest } = first.sequence;
      for (let shorter = lengthClass(longest) - 1; shorter >= 0 && cut.hasRows; shorter--) {
        this.#fill(cut, classKey(batchKey, shorter));
      }
    }
    return { entries: cut.entries, paddedSteps: cut.paddedSteps, full: cut.full };
  }

  /** Takes out the batch that `next` just gave: the first entries of one or more classes. */
  take(batch: Batch): void {
    const counts = new Map<Entry[], number>();
    for (const entry of batch.entries) {
      const waiting = this.#classOf(entry);
      counts.set(waiting, (counts.get(waiting) ?? 0) + 1);
    }
    for (const [waiting, count] of counts) this.#remove(waiting, 0, count);
  }

  /** Drops every cancelled entry at the end of this turn: once for all who leave in it, numbers and all. */
  sweepSoon(): void {
    if (this.#sweeping) return;
    this.#sweeping = true;
    setImmediate(() => {
      this.#sweeping = false;
      this.sweep();
    });
  }

  /** Drops every cancelled entry. */
  sweep(): void {
    this.#size = 0;
    for (const [key, waiting] of this.#classes) {
      const live = waiting.filter(entry => !entry.submission.settled);
      this.#classes.set(key, live);
      this.#size += live.length;
    }
  }

  #mixingOf(entry: Entry): Mixing {
    return entry.mixing ?? this.#rules.mixing;
  }

  #classOf(entry: Entry): Entry[] {
    const key = this.#keyOf(entry);
    let waiting = this.#classes.get(key);
    if (!waiting) {
      waiting = [];
      this.#classes.set(key, waiting);
    }
    return waiting;
  }

  #keyOf(entry: Entry): string | number {
    return entry.idle ? `idle|${this.#runKeyOf(entry)}` : this.#runKeyOf(entry);
  }

  #runKeyOf(entry: Entry): string | number {
    const { batchKey, longest, parts } = entry.sequence;
    const mixing = this.#mixingOf(entry);
    if (mixing === 'classes') return classKey(batchKey, lengthClass(longest));
    return mixing === 'alone' ? 'alone' : `${batchKey}|=${parts.map(part => part?.length ?? 1).join()}`;
  }

  /** The classes that hold a live entry, that of the oldest first; others are forgotten. */
  #classesByAge(): (string | number)[] {
    const oldest: { key: string | number; orderMs: number }[] = [];
    for (const [key, waiting] of this.#classes) {
      const live = waiting.findIndex(entry => !entry.submission.settled);
      this.#remove(waiting, 0, live < 0 ? waiting.length : live);
      if (waiting.length === 0) this.#classes.delete(key);
      else oldest.push({ key, orderMs: waiting[0].orderMs });
    }
    if (oldest.length > 1) oldest.sort((a, b) => a.orderMs - b.orderMs);
    return oldest.map(({ key }) => key);
  }

  /** Adds the first entries of a class, as many as fit; cancelled ones met on the way are dropped. */
  #fill(cut: Cut, key: string | number): void {
    const waiting = this.#classes.get(key) ?? [];
    for (let i = 0; i < waiting.length; ) {
      if (waiting[i].submission.settled) this.#remove(waiting, i, 1);
      else if (cut.add(waiting[i])) i++;
      else return;
    }
  }

  #remove(waiting: Entry[], start: number, count: number): void {
    if (count > 0) waiting.splice(start, count);
    this.#size -= count;
  }
}

/** Lengths within a factor of two of each other. */
function lengthClass(length: number): number {
  return 32 - Math.clz32(length - 1);
}

function classKey(batchKey: string, lengthClass: number): string | number {
  return batchKey === '' ? lengthClass : `${batchKey}|${lengthClass}`;
}

/** A batch in the making. */
class Cut {
  readonly entries: Entry[] = [];
  readonly #rules: BatchRules;
  readonly #rows: number;
  readonly #rate: Rate;
  #longest = 0;
  #steps = 0;

  constructor(rules: BatchRules, mixing: Mixing, rate: Rate = { row: 0, step: 0 }) {
    this.#rules = rules;
    this.#rate = rate;
    this.#rows = mixing === 'alone' ? 1 : rules.batchSize;
  }

  get paddedSteps(): number {
    return this.#longest * this.entries.length;
  }

  get hasRows(): boolean {
    return this.entries.length < this.#rows;
  }

  get full(): boolean {
    return !this.hasRows || !this.#bears(this.entries.length + 1, this.#longest);
  }

  /** Adds an entry if there is a row for it, and room: padded steps and bytes within the limits, and at most twice the real steps. */
  add(entry: Entry): boolean {
    if (!this.hasRows) return false;
    const longest = Math.max(this.#longest, entry.sequence.longest);
    const steps = this.#steps + entry.sequence.longest;
    const rows = this.entries.length + 1;
    if (rows > 1 && (longest * rows > 2 * steps || !this.#bears(rows, longest))) return false;
    this.#longest = longest;
    this.#steps = steps;
    this.entries.push(entry);
    return true;
  }

  #bears(rows: number, longest: number): boolean {
    const { paddedSteps, bytes } = this.#rules;
    return longest * rows <= paddedSteps && (!bytes || bytesOf(this.#rate, rows, longest) <= bytes.mostBytes);
  }
}
