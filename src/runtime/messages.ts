// What crosses the boundary to a worker thread. A packed buffer is handed over, not copied again.
import type { Provider, ProviderChoice } from '../core/providers.ts';
import type { Group } from './joined.ts';
import type { Packed } from './packed.ts';

export interface SessionOptions {
  readonly graphFile: string;
  readonly provider: ProviderChoice;
  readonly intraOpThreads: number;
  /** The CUDA device; the first if left out. */
  readonly deviceId?: number;
  /** Outputs that a session on the CPU takes as one. */
  readonly joined?: readonly Group[];
}

/** What a session turned out to be: the provider it got and, where `auto` fell back to CPU, the reason. */
export interface SessionFacts {
  readonly provider: Provider;
  readonly fallback?: string;
}

/** `session` is the number that a session was opened under. */
export type ToWorker =
  | { readonly type: 'open'; readonly session: number; readonly options: SessionOptions }
  | {
      readonly type: 'run';
      readonly session: number;
      readonly id: number;
      readonly feeds: Packed;
      readonly fetches: readonly string[];
      /** About how long it will take, if that is known. */
      readonly expectedMs?: number;
    }
  | { readonly type: 'close'; readonly session: number }
  | { readonly type: 'end' };

export type FromWorker =
  | { readonly type: 'open'; readonly session: number; readonly facts: SessionFacts }
  | { readonly type: 'refused'; readonly session: number; readonly message: string }
  | { readonly type: 'closed'; readonly session: number }
  | {
      readonly type: 'done';
      readonly id: number;
      readonly outputs: Packed;
      readonly runMs: number;
      readonly busyMs: number;
      readonly startedMs: number;
    }
  | { readonly type: 'failed'; readonly id: number; readonly message: string };
