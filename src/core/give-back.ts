// Memory that the start needed and serving does not: the engine would keep it until it has done much else.

/**
 * Collects what is garbage and gives empty pages back to the system, as the engine does when memory is short; it holds the
 * thread for some tens of milliseconds. Where the engine cannot be told to, nothing happens.
 */
export async function giveBack(): Promise<void> {
  try {
    const { Session } = await import('node:inspector/promises');
    const session = new Session();
    session.connect();
    try {
      await session.post('HeapProfiler.collectGarbage');
    } finally {
      session.disconnect();
    }
  } catch {}
}
