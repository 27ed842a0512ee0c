// How long runs take by the clock, and at most how long by a core of their own: on a crowded machine a short run may wait long for a
// core, and is a short run all the same. The processor's time is asked for only where the clock leaves a doubt: asking
// is a call into the kernel that looks at every thread, and takes as long as a short run where cores are short.

export interface Elapsed {
  readonly runMs: number;
  /** No more than `runMs`, and no more than all threads of the process computed meanwhile; what was foretold where that is not known. */
  readonly busyMs: number;
}

/** A run that takes so many times longer than foretold may only have waited for a core. */
const DOUBTFUL = 1.5;

export class RunClock {
  /** Whether the last run left a doubt: then this one is timed by the processor too. */
  #doubt = false;

  /** Starts now; gives what has gone by when it is asked. `expectedMs`: about how long it will take, if that is known. */
  start(expectedMs?: number): () => Elapsed {
    const before = this.#doubt || !expectedMs || expectedMs === Infinity ? process.cpuUsage() : undefined;
    const startMs = performance.now();
    return () => {
      const runMs = performance.now() - startMs;
      if (!before) {
        this.#doubt = runMs > DOUBTFUL * (expectedMs as number);
        return { runMs, busyMs: this.#doubt ? (expectedMs as number) : runMs };
      }
      const { user, system } = process.cpuUsage(before);
      this.#doubt = false;
      return { runMs, busyMs: Math.min(runMs, (user + system) / 1000) };
    };
  }
}
