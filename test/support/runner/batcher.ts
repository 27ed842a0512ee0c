// A batcher over a fake runner, and how the tests of both talk to it.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Batcher, type BatcherOptions } from '../../../src/batching/batcher.ts';
import type { Submission } from '../../../src/batching/submission.ts';
import { ServiceError } from '../../../src/core/errors.ts';
import { echo, SIGNATURE } from '../models/numbered.ts';
import { FakeRunner } from './fake-runner.ts';

export const gone = new ServiceError('CALLER_GONE', 'the caller closed the connection');

export function start(options: Partial<BatcherOptions> & { workers?: number } = {}) {
  const runner = new FakeRunner(options.workers ?? 1);
  const batcher = new Batcher({
    signature: SIGNATURE,
    runner,
    rules: { batchSize: 4, paddedSteps: 64, mixing: 'classes' },
    capacity: { sequences: 1000, bytes: 1e9 },
    ...options,
  });
  return { runner, batcher };
}

/** Lets whatever is scheduled for this turn and the next happen. */
export async function turn(): Promise<void> {
  await nextTurn();
  await nextTurn();
}

export const codeOf = (submission: Submission) =>
  submission.rows.then(
    () => 'rows',
    (error: ServiceError) => error.code,
  );
export const sizes = (runner: FakeRunner) => runner.given.map(run => run.size);
export const finish = (runner: FakeRunner, worker = 0) => runner.finish(worker, echo(runner.running[worker].feeds));
