// What this process holds on to, read after the garbage was collected.
import { setTimeout as delay } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Collections in a row that must find nothing more: on a busy machine the thread that frees array buffers comes late. */
const QUIET = 4;

/** Bytes of the heap and of buffers that are still in use. */
export async function bytesUsed(): Promise<number> {
  let least = Infinity;
  for (let i = 0, quiet = 0; i < 100 && quiet < QUIET; i++) {
    collect();
    await delay(10); // finalisers run between turns
    const { heapUsed, external } = process.memoryUsage();
    const now = heapUsed + external; // array buffers are part of the latter
    quiet = now > least - 20_000 ? quiet + 1 : 0;
    least = Math.min(least, now);
  }
  return least;
}
