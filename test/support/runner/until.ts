// Waiting without sleeping: poll a condition until it holds, and fail when its time is over: long enough for a slow machine.
import { setTimeout as delay } from 'node:timers/promises';

/** The first value that is neither undefined nor false. @throws {Error} naming `what` after `withinMs`. */
export async function until<T>(
  what: string,
  read: () => T | Promise<T>,
  withinMs = 120_000,
): Promise<Exclude<T, undefined | false>> {
  const end = performance.now() + withinMs;
  for (;;) {
    const value = await read();
    if (value !== undefined && value !== false) return value as Exclude<T, undefined | false>;
    if (performance.now() > end) throw new Error(`waited ${withinMs} ms in vain: ${what}`);
    await delay(5);
  }
}
