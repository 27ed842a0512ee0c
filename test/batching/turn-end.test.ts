// When batches are cut: at the end of a turn, and not before connections have stopped coming, but for a bounded time.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { TurnEnd } from '../../src/batching/turn-end.ts';
import { numbered } from '../support/models/numbered.ts';
import { finish, sizes, start, turn } from '../support/runner/batcher.ts';

test('acts once at the end of the turn, however often it was asked', async () => {
  let acts = 0;
  const turnEnd = new TurnEnd(() => acts++);
  turnEnd.schedule();
  turnEnd.schedule();
  assert.equal(acts, 0);
  await nextTurn();
  assert.equal(acts, 1);
  turnEnd.schedule();
  await nextTurn();
  assert.equal(acts, 2);
});

test('waits while a connection comes in every turn, and acts in the first turn without one', async () => {
  let acts = 0;
  const arrivals = { count: 0 };
  const turnEnd = new TurnEnd(() => acts++, arrivals);
  arrivals.count++;
  turnEnd.schedule();
  for (let i = 0; i < 50; i++) {
    await nextTurn();
    assert.equal(acts, 0, `after ${i} connections`);
    arrivals.count++;
  }
  await nextTurn();
  await nextTurn();
  assert.equal(acts, 1);
});

test('acts after a hundred turns, though connections come on and on', async () => {
  let acts = 0;
  const arrivals = { count: 0 };
  const turnEnd = new TurnEnd(() => acts++, arrivals);
  turnEnd.schedule();
  let turns = 0;
  for (; acts === 0; turns++) {
    arrivals.count++;
    await nextTurn();
  }
  assert.equal(turns, 101);
});

test('while connections come, neither half a batch nor a worker that has ended a run begins one before the end of the turn', async () => {
  const arrivals = { count: 0 };
  const { runner, batcher } = start({ arrivals });
  arrivals.count++;
  batcher.submit(numbered(5, 6));
  assert.deepEqual(sizes(runner), []);
  await turn();
  assert.deepEqual(sizes(runner), [2]);
  batcher.submit(numbered(5, 6));
  await turn();
  arrivals.count++;
  finish(runner);
  await Promise.resolve();
  await Promise.resolve();
  assert.deepEqual(sizes(runner), [2]);
  await turn();
  await turn();
  assert.deepEqual(sizes(runner), [2, 2]);
});
