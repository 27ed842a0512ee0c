// The headers of an answer that a run gave: how long it waited and ran, and in what company.
import type { Timing } from '../../batching/submission.ts';

export function timingHeaders({ queueMs, runMs, batchSize }: Timing): Record<string, string | number> {
  return {
    'content-type': 'application/json',
    'server-timing': `queue;dur=${queueMs.toFixed(2)}, run;dur=${runMs.toFixed(2)}`,
    'x-batch-size': batchSize,
  };
}
