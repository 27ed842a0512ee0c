// A bound on lines of a log, by a clock of the test's own.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Seldom } from '../../src/core/seldom.ts';

test('twenty lines of a kind in a minute, and then how many were left out', () => {
  let now = 0;
  const seldom = new Seldom(() => now);
  const written = (kind: string, times: number) => Array.from({ length: times }, () => seldom.next(kind));
  assert.deepEqual(written('a', 25), [...new Array(20).fill(0), ...new Array(5).fill(undefined)]);
  assert.deepEqual(written('b', 1), [0]);
  now = 59_999;
  assert.deepEqual(written('a', 2), [undefined, undefined]);
  now = 60_000;
  assert.deepEqual(written('a', 3), [7, 0, 0]);
});
