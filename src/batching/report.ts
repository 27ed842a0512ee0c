// What the batcher tells of its runs, for metrics, statistics and traces.
import type { TracedWait } from '../core/trace.ts';
import type { Entry } from './queue.ts';

/** What one finished run was like. */
export interface BatchReport {
  /** Its rows. */
  readonly size: number;
  /** The callers' sequences that begin in it: a long one that runs in slices counts with its first alone. */
  readonly sequences: number;
  /** Time steps that callers sent, and those that ran (batch size x longest length). */
  readonly steps: number;
  readonly paddedSteps: number;
  /** How long its oldest entry waited. */
  readonly queueMs: number;
  readonly runMs: number;
  /** How long putting the batch together and taking it apart took. */
  readonly collateMs: number;
  readonly splitMs: number;
  /** By performance.now(): when it was taken out of the queue, when its worker began with it, and when it was done with. */
  readonly takenMs: number;
  readonly startMs: number;
  readonly endMs: number;
  readonly entries: readonly Entry[];
}

const NONE: readonly TracedWait[] = [];

/** The traced requests of a batch; most often there is none. */
export function tracedOf(entries: readonly Entry[]): readonly TracedWait[] {
  let traced: Map<unknown, TracedWait> | undefined;
  for (const { submission, enqueuedMs } of entries) {
    const { trace } = submission;
    if (!trace || traced?.has(trace)) continue;
    traced ??= new Map();
    traced.set(trace, { trace, sinceMs: enqueuedMs });
  }
  return traced ? [...traced.values()] : NONE;
}
