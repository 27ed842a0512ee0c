// The queue under random arrivals, cancellations, batches and returns: what must hold of every batch.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Batch, type BatchRules, type Entry, EntryQueue } from '../../src/batching/queue.ts';
import { randomNumbers } from '../../src/proof/samples.ts';
import { between, pick } from '../support/models/models.ts';
import { cancel, drain, entryOf, queueOf, RULES } from '../support/runner/entries.ts';

/** The live entries of a class, by what `mixing` calls a class, in the order of arrival. */
function classKey({ sequence }: Entry, mixing: BatchRules['mixing']): string {
  if (mixing === 'classes') return String(Math.ceil(Math.log2(sequence.longest)));
  return sequence.parts.map(part => part?.length).join();
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
        for (const entry of entries) queue.add(entry);
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
    const queue = queueOf(
      RULES,
      lengths.map(length => entryOf(length)),
    );
    const batch = queue.next() as Batch;
    queue.take(batch);
    for (const entry of batch.entries) queue.add(entry);
    assert.deepEqual(queue.next(), batch);
    assert.equal(drain(queue).flat().length, lengths.length);
  }
});
