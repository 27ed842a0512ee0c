// The environment of processes that are started with more than this one's. config.ts alone reads it, and says how.
let current: () => NodeJS.ProcessEnv | undefined = () => undefined;

export function readEnvironmentBy(read: () => NodeJS.ProcessEnv): void {
  current = read;
}

/** This process's with more; undefined, which is this process's own, where nobody says how to read it. */
export function environmentWith(more: Readonly<Record<string, string>>): NodeJS.ProcessEnv | undefined {
  const own = current();
  return own && { ...own, ...more };
}
