// The place of an entry among all that wait: its age, with a head start by its priority; idle ones stand behind all others.
const HEAD_START_MS = 1000;
const IDLE_MS = 1e12;

export function orderOf(
  enqueuedMs: number,
  { priority = 0, idle = false }: { readonly priority?: number; readonly idle?: boolean },
): number {
  return enqueuedMs + (idle ? IDLE_MS : 0) - (priority > 0 ? HEAD_START_MS / priority : 0);
}
