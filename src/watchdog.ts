// Ends the process when a run does not end: a native run can be neither cancelled nor terminated, and process.exit waits
// for it. A thread of its own watches too, for a run may hold the event loop.
import { writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import type { Logger } from 'pino';

export interface Watched {
  /** How long the oldest run in progress has been going on, in milliseconds; 0 if there is none. */
  longestRunMs(): number;
}

const BEATS = 8;
/** Milliseconds that mean the same in every thread. */
const now = () => performance.timeOrigin + performance.now();

/**
 * Says so in the log when a run takes longer than `limitMs`, and ends the process after twice that, or at its exit if a
 * run is still going on. Gives the way to stop watching.
 */
export function watchRuns(watched: Watched, limitMs: number, log: Logger): () => void {
  const beat = new Float64Array(new SharedArrayBuffer(8));
  beat[0] = now();
  const thread = new Worker(new URL(import.meta.url), {
    workerData: { beat, limitMs },
    execArgv: [],
    resourceLimits: { maxYoungGenerationSizeMb: 1, maxOldGenerationSizeMb: 8 },
  });
  thread.unref();
  let told = false;
  const interval = setInterval(() => {
    beat[0] = now();
    const runMs = watched.longestRunMs();
    if (runMs > limitMs && !told) log.error({ runMs }, 'a run does not end: not ready until it does');
    told = runMs > limitMs;
    if (runMs > 2 * limitMs) endNow(`a run has not ended after ${Math.round(runMs)} ms`);
  }, limitMs / BEATS);
  interval.unref();
  const atExit = () => {
    if (watched.longestRunMs() > 0) endNow('the process ends while a run is still going on');
  };
  process.on('exit', atExit);
  return () => {
    clearInterval(interval);
    process.off('exit', atExit);
    thread.terminate();
  };
}

/** The last line, where it can be written, and the one signal that no thread can put off. */
function endNow(why: string): void {
  try {
    new Socket({ fd: 2, readable: false, writable: true }); // makes a full pipe refuse instead of waiting for a reader
  } catch {} // it is no pipe
  try {
    writeSync(2, `polyhead: ${why}; killed\n`);
  } catch {} // nobody reads it
  process.kill(process.pid, 'SIGKILL');
}

if (!isMainThread && workerData?.beat instanceof Float64Array) {
  const { beat, limitMs } = workerData as { beat: Float64Array; limitMs: number };
  setInterval(() => {
    const silentMs = now() - beat[0];
    if (silentMs > 2 * limitMs) endNow(`the event loop has been held for ${Math.round(silentMs)} ms`);
  }, limitMs / BEATS);
}
