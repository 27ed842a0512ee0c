// Where a serving process has its place under the supervisor.
import type { Worker } from 'node:cluster';
import type { Peer } from './core/peer.ts';

/** A place for a serving process: the process changes, the place stays. */
export interface Seat {
  readonly id: number;
  worker?: Worker;
  peer?: Peer;
  /** Whether it has said hello; before, it hears nothing of what it is told. */
  greeted: boolean;
  /** Whether it can be reached, perhaps before it can answer for every model. */
  listening: boolean;
  /** Whether its models are loaded, too. */
  serving: boolean;
  /** What it last said of itself; an answer of its own is never waited for. */
  readiness?: { readonly ready: boolean };
  /** Ticks of the watch since it last answered. */
  silent: number;
  /** Ends in a row without having served for long; the wait before the next start doubles with each. */
  failures: number;
  servingSinceMs: number;
  retry?: NodeJS.Timeout;
}

export function emptySeat(id: number): Seat {
  return { id, greeted: false, listening: false, serving: false, silent: 0, failures: 0, servingSinceMs: 0 };
}
