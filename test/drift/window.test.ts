// Rolling sums against a plain list of everything that was added, at random times.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { RollingSums } from '../../src/drift/window.ts';

it('sums the last slots, and no others, whatever the pauses', () => {
  let seed = 5;
  const random = () => {
    seed = (seed * 48271) % 2147483647; // Park and Miller
    return seed / 2147483647;
  };
  let now = 1_000_003;
  const slotMs = 100;
  const sums = new RollingSums(3, 12 * slotMs, 12, () => now);
  const all: { at: number; index: number; amount: number }[] = [];
  for (let i = 0; i < 5000; i++) {
    now += random() < 0.02 ? random() * 3000 : random() * 20;
    const entry = { at: now, index: Math.floor(random() * 3), amount: Math.floor(random() * 5) };
    sums.add(entry.index, entry.amount);
    all.push(entry);
    const first = Math.floor(now / slotMs) - 11;
    const wanted = [0, 0, 0];
    for (const { at, index, amount } of all) if (Math.floor(at / slotMs) >= first) wanted[index] += amount;
    assert.deepEqual([...sums.read()], wanted);
  }
  now += 10_000;
  assert.deepEqual([...sums.read()], [0, 0, 0]);
});
