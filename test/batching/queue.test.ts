// Which entries make a batch: the oldest first, within every limit, and none forgotten or taken twice.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Batch, type BatchRules, type Entry, EntryQueue } from '../../src/batching/queue.ts';
import { Submission } from '../../src/batching/submission.ts';
import { ServiceError } from '../../src/core/errors.ts';
import { randomNumbers } from '../../src/service/samples.ts';
import { between, pick } from '../support/models.ts';

const RULES: BatchRules = { batchSize: 4, paddedSteps: 64, mixing: 'classes' };
let clock = 0;

/** An entry of its own submission, with one input for each length. */
function entryOf(...lengths: number[]): Entry {
  const parts = lengths.map(length => ({ length, data: new Float32Array(0) }));
  const submission = new Submission(1, () => {});
  submission.rows.catch(() => {}); // nobody waits for a cancelled one
  const sequence = { parts, length: lengths[0], longest: Math.max(...lengths) };
  return { sequence, submission, index: 0, enqueuedMs: clock++ };
}

const cancel = (entry: Entry) => entry.submission.cancel(new ServiceError('CALLER_GONE', 'gone'));
const lengthsOf = (batch: Batch | undefined) => batch?.entries.map(entry => entry.sequence.longest);

function queueOf(rules: BatchRules, entries: readonly Entry[]): EntryQueue {
  const queue = new EntryQueue(rules);
  for (const entry of entries) queue.add(entry);
  return queue;
}

/** Takes batches until nothing is left. */
function drain(queue: EntryQueue): number[][] {
  const taken: number[][] = [];
  for (let batch = queue.next(); batch; batch = queue.next()) {
    queue.take(batch);
    taken.push(lengthsOf(batch) as number[]);
  }
  assert.equal(queue.size, 0);
  return taken;
}

test('an empty queue has no batch', () => {
  assert.equal(new EntryQueue(RULES).next(), undefined);
});

test('a batch holds at most batchSize entries, the oldest first', () => {
  const entries = Array.from({ length: 10 }, () => entryOf(8));
  const queue = queueOf(RULES, entries);
  const batch = queue.next();
  assert.deepEqual(batch, { entries: entries.slice(0, 4), paddedSteps: 32, full: true });
  assert.deepEqual(drain(queue), [Array(4).fill(8), Array(4).fill(8), Array(2).fill(8)]);
});

test('a batch holds at most paddedSteps, but one sequence alone may exceed them', () => {
  const rules = { ...RULES, batchSize: 100 };
  assert.deepEqual(drain(queueOf(rules, [30, 31, 32, 20].map(length => entryOf(length)))), [[30, 31], [32, 20]]);
  assert.deepEqual(drain(queueOf(rules, [65, 300, 64].map(length => entryOf(length)))), [[65], [300], [64]]);
  assert.equal(queueOf(rules, [entryOf(65)]).next()?.full, true);
});

test('room beside the oldest class goes to shorter ones, while at most half of the run is padding', () => {
  const rules = { ...RULES, batchSize: 8 };
  assert.deepEqual(drain(queueOf(rules, [8, 3, 7, 1].map(length => entryOf(length)))), [[8, 7, 3, 1]]);
  assert.deepEqual(drain(queueOf(rules, [8, 3, 1, 1].map(length => entryOf(length)))), [[8, 3, 1], [1]]);
  assert.deepEqual(drain(queueOf(rules, [2, 16, 2].map(length => entryOf(length)))), [[2, 2], [16]]);
  assert.deepEqual(drain(queueOf(rules, [16, 1, 1].map(length => entryOf(length)))), [[16, 1], [1]]);
});

test('equal: only equal lengths share a run, those of every input', () => {
  const rules: BatchRules = { ...RULES, mixing: 'equal' };
  assert.deepEqual(drain(queueOf(rules, [5, 6, 5, 7, 6, 5].map(length => entryOf(length)))), [[5, 5, 5], [6, 6], [7]]);
  const pairs = [entryOf(5, 2), entryOf(2, 5), entryOf(5, 3), entryOf(5, 2)];
  const batch = queueOf(rules, pairs).next();
  assert.deepEqual(batch?.entries, [pairs[0], pairs[3]]);
});

test('alone: one row a run, and every one is full', () => {
  const queue = queueOf({ ...RULES, mixing: 'alone' }, [5, 5, 1].map(length => entryOf(length)));
  assert.equal(queue.next()?.full, true);
  assert.deepEqual(drain(queue), [[5], [5], [1]]);
});

test('cancelled entries are never taken, wherever they stand', () => {
  const entries = Array.from({ length: 12 }, () => entryOf(4));
  const queue = queueOf(RULES, entries);
  for (const i of [0, 1, 3, 6, 11]) cancel(entries[i]);
  const live = entries.filter(entry => !entry.submission.settled);
  const taken: Entry[] = [];
  for (let batch = queue.next(); batch; batch = queue.next()) {
    queue.take(batch);
    taken.push(...batch.entries);
  }
  assert.deepEqual(taken, live);
  assert.equal(queue.size, 0);
});

test('sweep drops what was cancelled and keeps the rest in order', () => {
  const entries = [4, 8, 4, 16, 8].map(length => entryOf(length));
  const queue = queueOf(RULES, entries);
  for (const i of [0, 3]) cancel(entries[i]);
  assert.equal(queue.size, 5);
  queue.sweep();
  assert.equal(queue.size, 3);
  assert.deepEqual(drain(queue), [[8, 8, 4]]);
});

test('a long sequence among endless short ones is taken as soon as it is the oldest', () => {
  const queue = queueOf(RULES, Array.from({ length: 8 }, () => entryOf(2)));
  const long = entryOf(40);
  queue.add(long);
  let batches = 0;
  for (let found = false; !found; batches++) {
    for (let i = 0; i < 4; i++) queue.add(entryOf(2));
    const batch = queue.next() as Batch;
    queue.take(batch);
    found = batch.entries.includes(long);
  }
  assert.equal(batches, 3);
});

/** The live entries of a class, by what `mixing` calls a class, in the order of arrival. */
function classKey({ sequence }: Entry, mixing: BatchRules['mixing']): string {
  if (mixing === 'classes') return String(Math.ceil(Math.log2(sequence.longest)));
  return sequence.parts.map(part => part.length).join();
}

/** Everything that must hold of a batch, against the live entries in the order of arrival. */
function checkBatch(batch: Batch, live: readonly Entry[], { batchSize, paddedSteps, mixing }: BatchRules): void {
  const { entries } = batch;
  const rows = mixing === 'alone' ? 1 : batchSize;
  const lengths = entries.map(entry => entry.sequence.longest);
  const longest = Math.max(...lengths);
  const padded = longest * entries.length;
  assert.ok(entries.length > 0 && entries.length <= rows, `${entries.length} rows`);
  assert.equal(batch.paddedSteps, padded);
  assert.ok(entries.length === 1 || padded <= paddedSteps, `${padded} padded steps`);
  assert.ok(padded <= 2 * lengths.reduce((a, b) => a + b), 'more than half is padding');
  assert.equal(entries[0], live[0], 'the oldest goes first');
  assert.equal(new Set(entries).size, entries.length);
  const keys = new Set(entries.map(entry => classKey(entry, mixing)));
  if (mixing !== 'classes') assert.equal(keys.size, 1);
  for (const key of keys) {
    const own = entries.filter(entry => classKey(entry, mixing) === key);
    const waiting = live.filter(entry => classKey(entry, mixing) === key);
    assert.deepEqual(own, waiting.slice(0, own.length), 'the oldest of its class');
  }
  const first = classKey(entries[0], mixing);
  const next = live.find(entry => classKey(entry, mixing) === first && !entries.includes(entry));
  if (next) {
    const stretched = Math.max(...entries.filter(e => classKey(e, mixing) === first).map(e => e.sequence.longest));
    const own = entries.filter(entry => classKey(entry, mixing) === first).length;
    const wouldFit = own < rows && Math.max(stretched, next.sequence.longest) * (own + 1) <= paddedSteps;
    assert.ok(!wouldFit, 'the next of its class would have fitted');
  }
  const hasRoom = entries.length < rows && longest * (entries.length + 1) <= paddedSteps;
  if (batch.full) assert.ok(!hasRoom);
  else if (keys.size === 1) assert.ok(hasRoom);
}

test('under thousands of random arrivals, cancellations, batches and returns, each live entry is taken exactly once', () => {
  const random = randomNumbers(7);
  for (const mixing of ['classes', 'equal', 'alone'] as const) {
    for (let round = 0; round < 20; round++) {
      const rules = { batchSize: between(random, 1, 9), paddedSteps: between(random, 1, 200), mixing };
      const queue = new EntryQueue(rules);
      let waiting: Entry[] = [];
      const away: Batch[] = []; // taken last stands last: what never started returns in that order
      const done = new Set<Entry>();
      const step = (chance: number) => {
        const live = waiting.filter(entry => !entry.submission.settled);
        const batch = queue.next();
        assert.equal(batch === undefined, live.length === 0);
        if (!batch) return;
        checkBatch(batch, live, rules);
        queue.take(batch);
        waiting = live.filter(entry => !batch.entries.includes(entry));
        away.push(batch);
        if (random() >= chance) return;
        const { entries } = away.pop() as Batch;
        queue.restore(entries);
        waiting = [...entries, ...waiting].sort((a, b) => a.enqueuedMs - b.enqueuedMs);
      };
      for (let i = 0; i < 300; i++) {
        const dice = random();
        if (dice < 0.45) {
          const length = random() < 0.8 ? between(random, 1, 12) : between(random, 1, 250);
          const entry = random() < 0.8 ? entryOf(length) : entryOf(length, between(random, 1, 12));
          waiting.push(entry);
          queue.add(entry);
        } else if (dice < 0.55 && waiting.length > 0) cancel(pick(random, waiting));
        else if (dice < 0.6) queue.sweep();
        else if (dice < 0.9) step(0.3);
        else for (const { entries } of away.splice(0)) for (const e of entries) checkOnce(done, e);
        assert.ok(queue.size >= waiting.filter(entry => !entry.submission.settled).length);
      }
      while (waiting.some(entry => !entry.submission.settled)) step(0);
      for (const { entries } of away) for (const entry of entries) checkOnce(done, entry);
      assert.equal(queue.next(), undefined);
      assert.equal(queue.size, 0);
    }
  }
});

function checkOnce(done: Set<Entry>, entry: Entry): void {
  assert.ok(!done.has(entry), 'taken twice');
  done.add(entry);
}

test('a batch that returns unstarted is the next one again, in the same order', () => {
  const random = randomNumbers(9);
  for (let round = 0; round < 300; round++) {
    const lengths = Array.from({ length: between(random, 1, 20) }, () => between(random, 1, 20));
    const queue = queueOf(RULES, lengths.map(length => entryOf(length)));
    const batch = queue.next() as Batch;
    queue.take(batch);
    queue.restore(batch.entries);
    assert.deepEqual(queue.next(), batch);
    assert.equal(drain(queue).flat().length, lengths.length);
  }
});
