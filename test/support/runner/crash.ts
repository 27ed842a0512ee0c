// The test's side of crashing-worker.ts.

/** As a feature, the end of the worker that runs it. */
export const CRASH = 31337;
export const CRASHING_WORKER = new URL('./crashing-worker.js', import.meta.url);
