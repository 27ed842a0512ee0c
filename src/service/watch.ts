// Notices that a repository has changed: by looking again and again, and at once where the system tells of changes (network
// file systems and mounted images may not).
import { type FSWatcher, watch } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';

const SETTLE_MS = 200;

export interface WatchOptions {
  readonly mode: 'watch' | 'poll';
  readonly pollMs: number;
  /** Looks at the repository and takes over what has changed. It never throws, and never runs twice at once. */
  readonly look: () => Promise<void>;
}

/** Watches until the function that it returns is called; that waits for a look that has begun. */
export function watchRepository(root: string, { mode, pollMs, look }: WatchOptions): () => Promise<void> {
  let ended = false;
  let settling: NodeJS.Timeout | undefined;
  let looking: Promise<void> = Promise.resolve();
  /** A look that has yet to begin: it sees whatever is noticed until then. */
  let waits = false;
  const watchers = new Map<string, FSWatcher>();

  const lookNow = () => {
    if (waits) return;
    waits = true;
    looking = looking.then(async () => {
      waits = false;
      if (ended) return;
      if (mode === 'watch') await attach();
      await look();
    });
  };
  const noticed = () => {
    clearTimeout(settling);
    if (!ended) settling = setTimeout(lookNow, SETTLE_MS).unref();
  };

  /** Watches the root and every model's folder; what is gone ends its watcher by itself. */
  async function attach(): Promise<void> {
    const entries = await readdir(root, { withFileTypes: true }).catch(() => []);
    const folders = entries.filter(entry => entry.isDirectory()).map(entry => path.join(root, entry.name));
    for (const folder of [root, ...folders]) {
      if (ended || watchers.has(folder)) continue;
      try {
        const watcher = watch(folder, noticed);
        const forget = () => {
          watcher.close();
          watchers.delete(folder);
        };
        watchers.set(folder, watcher.on('error', forget).unref());
      } catch {
        // It is gone again, or the system has no watch left: the next notice of its parent tries again.
      }
    }
    for (const [folder, watcher] of watchers) {
      if (folder === root || folders.includes(folder)) continue;
      watcher.close();
      watchers.delete(folder);
    }
  }

  const polling = setInterval(lookNow, pollMs).unref();
  lookNow();
  return async () => {
    ended = true;
    clearTimeout(settling);
    clearInterval(polling);
    await looking;
    for (const watcher of watchers.values()) watcher.close();
  };
}
