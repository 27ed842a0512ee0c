// Bounds on what goes on at once.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sideBySide } from '../../src/core/side-by-side.ts';
import { Slots } from '../../src/core/slots.ts';

const turn = () => new Promise<void>(resolve => setImmediate(resolve));

test('slots are given in the order of arrival, and freed once however often that is said', async () => {
  const slots = new Slots(2);
  const given: string[] = [];
  const frees = new Map<string, () => void>();
  for (const name of ['a', 'b', 'c', 'd', 'e']) {
    void slots.take().then(free => {
      given.push(name);
      frees.set(name, free);
    });
  }
  await turn();
  assert.deepEqual(given, ['a', 'b']);
  frees.get('a')?.();
  frees.get('a')?.();
  await turn();
  assert.deepEqual(given, ['a', 'b', 'c']);
  frees.get('c')?.();
  frees.get('b')?.();
  await turn();
  assert.deepEqual(given, ['a', 'b', 'c', 'd', 'e']);
});

test('side by side: in order, never more than that at once, each once', async () => {
  const begun: number[] = [];
  let now = 0;
  let most = 0;
  await sideBySide([0, 1, 2, 3, 4, 5, 6], 3, async item => {
    begun.push(item);
    most = Math.max(most, ++now);
    for (let i = 0; i <= item % 3; i++) await turn();
    now--;
  });
  assert.deepEqual([begun, most], [[0, 1, 2, 3, 4, 5, 6], 3]);
  await sideBySide([], 3, async () => assert.fail());
});

test('side by side: an error is thrown when what goes on has ended', async () => {
  const ended: number[] = [];
  const act = async (item: number) => {
    if (item === 0) throw new Error('no');
    await turn();
    ended.push(item);
  };
  await assert.rejects(sideBySide([0, 1, 2], 2, act), /^Error: no$/);
  assert.deepEqual(ended, [1, 2]);
});
