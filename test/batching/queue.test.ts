// Which entries make a batch: the oldest first, within every limit, and none forgotten or taken twice.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Batch, type BatchRules, type Entry, EntryQueue } from '../../src/batching/queue.ts';
import { cancel, drain, entryOf, queueOf, RULES } from '../support/runner/entries.ts';

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
  assert.deepEqual(
    drain(
      queueOf(
        rules,
        [30, 31, 32, 20].map(length => entryOf(length)),
      ),
    ),
    [
      [30, 31],
      [32, 20],
    ],
  );
  assert.deepEqual(
    drain(
      queueOf(
        rules,
        [65, 300, 64].map(length => entryOf(length)),
      ),
    ),
    [[65], [300], [64]],
  );
  assert.equal(queueOf(rules, [entryOf(65)]).next()?.full, true);
});

test('room beside the oldest class goes to shorter ones, while at most half of the run is padding', () => {
  const rules = { ...RULES, batchSize: 8 };
  assert.deepEqual(
    drain(
      queueOf(
        rules,
        [8, 3, 7, 1].map(length => entryOf(length)),
      ),
    ),
    [[8, 7, 3, 1]],
  );
  assert.deepEqual(
    drain(
      queueOf(
        rules,
        [8, 3, 1, 1].map(length => entryOf(length)),
      ),
    ),
    [[8, 3, 1], [1]],
  );
  assert.deepEqual(
    drain(
      queueOf(
        rules,
        [2, 16, 2].map(length => entryOf(length)),
      ),
    ),
    [[2, 2], [16]],
  );
  assert.deepEqual(
    drain(
      queueOf(
        rules,
        [16, 1, 1].map(length => entryOf(length)),
      ),
    ),
    [[16, 1], [1]],
  );
});

test('equal: only equal lengths share a run, those of every input', () => {
  const rules: BatchRules = { ...RULES, mixing: 'equal' };
  assert.deepEqual(
    drain(
      queueOf(
        rules,
        [5, 6, 5, 7, 6, 5].map(length => entryOf(length)),
      ),
    ),
    [[5, 5, 5], [6, 6], [7]],
  );
  const pairs = [entryOf(5, 2), entryOf(2, 5), entryOf(5, 3), entryOf(5, 2)];
  const batch = queueOf(rules, pairs).next();
  assert.deepEqual(batch?.entries, [pairs[0], pairs[3]]);
});

test('alone: one row a run, and every one is full', () => {
  const queue = queueOf(
    { ...RULES, mixing: 'alone' },
    [5, 5, 1].map(length => entryOf(length)),
  );
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
  const queue = queueOf(
    RULES,
    Array.from({ length: 8 }, () => entryOf(2)),
  );
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

test('idle entries wait for all others and never share a run with them', () => {
  const idle = (length: number): Entry => {
    const entry = entryOf(length);
    return { ...entry, idle: true, orderMs: entry.orderMs + 1e12 };
  };
  const entries = [idle(8), entryOf(8), idle(3), idle(7), entryOf(2), entryOf(7)];
  for (const mixing of ['classes', 'equal', 'alone'] as const) {
    const queue = queueOf({ ...RULES, mixing }, entries);
    const kinds: boolean[] = [];
    for (let batch = queue.next(); batch; batch = queue.next()) {
      assert.equal(new Set(batch.entries.map(entry => entry.idle === true)).size, 1, 'a batch is of one kind');
      kinds.push(batch.entries[0].idle === true);
      queue.take(batch);
    }
    assert.deepEqual(kinds, [...kinds].sort(), `${mixing}: callers first`);
    assert.equal(queue.size, 0);
  }
});

test('another rule holds at once for what waits, in the same order', () => {
  const lengths = [8, 3, 8, 7];
  const queue = queueOf(
    { ...RULES, mixing: 'alone' },
    lengths.map(length => entryOf(length)),
  );
  assert.equal(queue.next()?.entries.length, 1);
  queue.rule('equal');
  assert.equal(queue.size, 4);
  assert.deepEqual(
    queue.next()?.entries.map(({ sequence }) => sequence.longest),
    [8, 8],
  );
  queue.rule('classes');
  assert.deepEqual(drain(queue), [[8, 8, 7, 3]]);
  queue.rule('alone');
  assert.deepEqual([queue.size, queue.next()], [0, undefined]);
});
