// That what a start leaves behind goes back, seen in the heap's own figures.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { getHeapSpaceStatistics } from 'node:v8';
import { giveBack } from '../../src/core/give-back.ts';

const MIB = 1024 * 1024;
const youngBytes = () => getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')?.space_size ?? 0;

test('the young generation, which a start has grown, shrinks, and nothing that is used is lost', async () => {
  const kept: object[] = [];
  for (let i = 0; i < 200_000; i++) kept.push({ i, text: `number ${i}` });
  const { heapTotal } = process.memoryUsage();
  const grown = youngBytes();
  kept.length = 1000;
  await giveBack();
  assert.ok(grown > 8 * MIB && youngBytes() <= grown / 4, `${grown} -> ${youngBytes()}`);
  assert.ok(process.memoryUsage().heapTotal < heapTotal - 8 * MIB);
  assert.deepEqual(kept[999], { i: 999, text: 'number 999' });
});
