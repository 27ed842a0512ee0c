// What this process holds on to, read after the garbage was collected.
import { setTimeout as delay } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Bytes of the heap and of buffers: those still in use, once two collections in a row find nothing more. */
export async function bytesUsed(): Promise<number> {
  let before = Infinity;
  for (let i = 0; i < 10; i++) {
    collect();
    await delay(5); // finalisers run between turns
    const { heapUsed, external } = process.memoryUsage();
    const now = heapUsed + external; // array buffers are part of the latter
    if (now > before - 100_000) return now;
    before = now;
  }
  return before;
}
