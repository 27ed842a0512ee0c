// Waiting entries, one per sequence, kept by length class; a batch is taken from the class of the oldest entry.
import type { Sequence } from '../model/sequence.ts';
import type { Submission } from './submission.ts';

export interface Entry {
  readonly sequence: Sequence;
  readonly submission: Submission;
  /** Its place among the submission's sequences. */
  readonly index: number;
  readonly enqueuedMs: number;
}

/** What may share a run, as the model's certificate and limits say. */
export interface BatchRules {
  readonly batchSize: number;
  /** Most of batch size x longest length; one sequence alone may exceed it. */
  readonly paddedSteps: number;
  /** `classes`: lengths of one power-of-two class may mix; `equal`: equal lengths only; `alone`: one row a run. */
  readonly mixing: 'classes' | 'equal' | 'alone';
}

export interface Batch {
  readonly entries: Entry[];
  readonly paddedSteps: number;
  /** Whether no further entry of its class would have fitted. */
  readonly full: boolean;
}

type ClassKey = string | number;

export class EntryQueue {
  readonly #rules: BatchRules;
  readonly #classes = new Map<ClassKey, Entry[]>();
  #size = 0;

  constructor(rules: BatchRules) {
    this.#rules = rules;
  }

  /** Entries held, the cancelled ones not yet met included. */
  get size(): number {
    return this.#size;
  }

  add(entry: Entry): void {
    this.#classOf(entry).push(entry);
    this.#size++;
  }

  /** Puts the entries of a batch that never started back in front. */
  restore(entries: readonly Entry[]): void {
    this.#classOf(entries[0]).unshift(...entries);
    this.#size += entries.length;
  }

  /** The batch to run next, left in the queue: the oldest entry and those of its length class that fit beside it. */
  next(): Batch | undefined {
    let oldest: Entry[] | undefined;
    for (const [key, waiting] of this.#classes) {
      this.#drop(waiting, settledPrefix(waiting));
      if (waiting.length === 0) this.#classes.delete(key);
      else if (!oldest || waiting[0].enqueuedMs < oldest[0].enqueuedMs) oldest = waiting;
    }
    return oldest && this.#cut(oldest);
  }

  /** Takes out the batch that `next` just gave. */
  take(batch: Batch): void {
    this.#drop(this.#classOf(batch.entries[0]), batch.entries.length);
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

  #classOf({ sequence }: Entry): Entry[] {
    const key = this.#keyOf(sequence);
    let waiting = this.#classes.get(key);
    if (!waiting) {
      waiting = [];
      this.#classes.set(key, waiting);
    }
    return waiting;
  }

  #keyOf(sequence: Sequence): ClassKey {
    if (this.#rules.mixing === 'classes') return 32 - Math.clz32(sequence.longest - 1);
    return sequence.parts.length === 1 ? sequence.longest : sequence.parts.map(part => part.length).join();
  }

  #drop(waiting: Entry[], count: number): void {
    if (count === 0) return;
    waiting.splice(0, count);
    this.#size -= count;
  }

  /** The longest prefix of a class that one run may hold; cancelled entries met on the way are removed. */
  #cut(waiting: Entry[]): Batch {
    const { batchSize, paddedSteps, mixing } = this.#rules;
    const most = mixing === 'alone' ? 1 : batchSize;
    const entries: Entry[] = [];
    let longest = 0;
    let full = false;
    for (let i = 0; i < waiting.length && !full; ) {
      const entry = waiting[i];
      if (entry.submission.settled) {
        waiting.splice(i, 1);
        this.#size--;
        continue;
      }
      const stretched = Math.max(longest, entry.sequence.longest);
      full = entries.length > 0 && stretched * (entries.length + 1) > paddedSteps;
      if (full) break;
      longest = stretched;
      entries.push(entry);
      full = entries.length === most || longest * (entries.length + 1) > paddedSteps;
      i++;
    }
    return { entries, paddedSteps: longest * entries.length, full };
  }
}

function settledPrefix(waiting: readonly Entry[]): number {
  let count = 0;
  while (count < waiting.length && waiting[count].submission.settled) count++;
  return count;
}
