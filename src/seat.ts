// Where a serving process has its place under the supervisor.
import type { Worker } from 'node:cluster';
import type { Peer } from './core/peer.ts';

/** A place for a process, serving or spare: the process changes, the place stays. */
export interface Seat {
  readonly id: number;
  worker?: Worker;
  peer?: Peer;
  /** Whether it has said hello; before, it hears nothing of what it is told. */
  greeted: boolean;
  /** Whether its models are loaded: from then on it loads and unloads with the others. */
  loaded: boolean;
  /** Whether it is one of those that are to serve; else it is, or will be, a spare. */
  chosen: boolean;
  /** Lets a spare whose models are loaded begin to serve; undefined for all others. */
  begin?: () => void;
  /** Whether it can be reached, perhaps before it can answer for every model. */
  listening: boolean;
  /** Whether its models are loaded, too. */
  serving: boolean;
  /** What it last said of itself; an answer of its own is never waited for. */
  readiness?: { readonly ready: boolean };
  /** Ticks of the watch since it last answered. */
  silent: number;
  /** Ends in a row without having stood for long; the wait before the next start doubles with each. */
  failures: number;
  /** When it began to wait as a spare, or to serve. */
  standsSinceMs: number;
  retry?: NodeJS.Timeout;
}

export function emptySeat(id: number): Seat {
  return { id, ...NO_PROCESS, silent: 0, failures: 0, standsSinceMs: 0 };
}

/** How many processes wait beside those that serve: unless it is said, one where several serve. */
export function sparesOf({ processes, spareProcesses }: Spares): number {
  if (spareProcesses !== 'auto') return spareProcesses;
  return processes > 1 ? 1 : 0;
}

interface Spares {
  readonly processes: number;
  readonly spareProcesses: number | 'auto';
}

/** What is true of a seat whose process is gone. */
export const NO_PROCESS = {
  worker: undefined,
  peer: undefined,
  greeted: false,
  loaded: false,
  chosen: false,
  begin: undefined,
  listening: false,
  serving: false,
  readiness: undefined,
};
