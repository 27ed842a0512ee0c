// What crosses the boundary between the pool and a worker thread. A packed buffer is handed over, not copied again.
import type { Packed } from './packed.ts';

export type ProviderChoice = 'auto' | 'cpu' | 'cuda';
export type Provider = 'cpu' | 'cuda';

export interface SessionOptions {
  readonly graphFile: string;
  readonly provider: ProviderChoice;
  readonly intraOpThreads: number;
}

/** What a session turned out to be: the provider it got and, where `auto` fell back to CPU, the reason. */
export interface SessionFacts {
  readonly provider: Provider;
  readonly fallback?: string;
}

export type ToWorker =
  | { readonly type: 'run'; readonly id: number; readonly feeds: Packed; readonly fetches: readonly string[] }
  | { readonly type: 'close' };

export type FromWorker =
  | { readonly type: 'open'; readonly facts: SessionFacts }
  | { readonly type: 'refused'; readonly message: string }
  | { readonly type: 'done'; readonly id: number; readonly outputs: Packed; readonly runMs: number }
  | { readonly type: 'failed'; readonly id: number; readonly message: string };
