// The scheduler under random arrivals, cancellations, failures and crashes: everything settles once, no limit is passed.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Batcher } from '../../src/batching/batcher.ts';
import type { BatchRules } from '../../src/batching/queue.ts';
import type { Submission } from '../../src/batching/submission.ts';
import { ServiceError } from '../../src/core/errors.ts';
import { randomNumbers } from '../../src/proof/samples.ts';
import { between, pick } from '../support/models/models.ts';
import { echo, numbersOf, SIGNATURE, sequenceOf, valuesOf } from '../support/models/numbered.ts';
import { type FakeRun, FakeRunner } from '../support/runner/fake-runner.ts';

/** One request: the numbers that mark its sequences, and how it ended. */
interface Caller {
  readonly ids: readonly number[];
  readonly submission: Submission;
  end?: 'answered' | ServiceError;
}

class Chaos {
  readonly random: () => number;
  readonly rules: BatchRules;
  readonly capacity: { sequences: number; bytes: number };
  readonly runner: FakeRunner;
  readonly batcher: Batcher;
  readonly callers: Caller[] = [];
  readonly lengths: number[] = [];
  readonly cancelled = new Set<number>();
  /** Sequences that a worker has begun to run: they may not be given out again. */
  readonly begun = new Set<number>();
  /** Sequences of failed runs of several: they are run again, each alone. */
  readonly apart = new Set<number>();
  /** What a run that broke a rule was like: an error thrown there would only look like a failed run. */
  readonly broken: unknown[] = [];

  constructor(seed: number) {
    const random = randomNumbers(seed);
    this.random = random;
    const mixing = pick(random, ['classes', 'equal', 'alone'] as const);
    this.rules = { batchSize: between(random, 1, 6), paddedSteps: between(random, 4, 80), mixing };
    this.capacity = { sequences: between(random, 6, 40), bytes: 4 * between(random, 60, 600) };
    this.runner = new FakeRunner(between(random, 1, 3));
    const { rules, capacity, runner } = this;
    runner.onRun = run => {
      try {
        this.#checkRun(run);
      } catch (error) {
        this.broken.push(error);
      }
    };
    this.batcher = new Batcher({ signature: SIGNATURE, runner, rules, capacity });
  }

  submit(): void {
    const lengths = Array.from({ length: between(this.random, 1, 6) }, () => between(this.random, 1, 30));
    const ids = lengths.map(length => this.lengths.push(length) - 1);
    const live = this.callers.filter(caller => !caller.submission.settled).flatMap(caller => caller.ids);
    const steps = [...live, ...ids].reduce((sum, id) => sum + this.lengths[id], 0);
    const fits = live.length + ids.length <= this.capacity.sequences && 4 * steps <= this.capacity.bytes;
    const work = () => this.batcher.submit(ids.map(id => sequenceOf(this.lengths[id], id)));
    if (!fits) {
      assert.throws(work, { code: 'OVERLOADED' });
      return;
    }
    const caller: Caller = { ids, submission: work() };
    this.callers.push(caller);
    caller.submission.rows.then(
      rows => {
        assert.equal(caller.end, undefined);
        assert.deepEqual(valuesOf(rows), ids);
        caller.end = 'answered';
      },
      error => {
        caller.end = error;
      },
    );
  }

  cancel(): void {
    const open = this.callers.filter(caller => !caller.submission.settled);
    if (open.length === 0) return;
    const { ids, submission } = pick(this.random, open);
    submission.cancel(new ServiceError('CALLER_GONE', 'gone'));
    for (const id of ids) this.cancelled.add(id);
  }

  /** A running batch ends well, with an error, with the wrong rows, or with its worker. */
  end(run: FakeRun): void {
    const ids = numbersOf(run.feeds);
    const dice = this.random();
    const again = dice >= 0.75 && dice < 0.88 && ids.length > 1;
    for (const id of ids) {
      if (again) this.apart.add(id);
      else this.begun.add(id);
    }
    if (dice < 0.75) this.runner.finish(run.worker, echo(run.feeds));
    else if (dice < 0.82) this.runner.finish(run.worker, new Error('no'));
    else if (dice < 0.88)
      this.runner.finish(run.worker, {
        y: { dtype: 'float32', dims: [run.size + 1], data: new Float32Array(run.size + 1) },
      });
    else this.runner.crash(run.worker);
  }

  /** Lets the batcher work, then looks at what it left. */
  async settle(): Promise<void> {
    for (let i = 0; i < 3; i++) await nextTurn();
    const { batcher, runner, callers } = this;
    const open = callers.filter(caller => !caller.end);
    const pending = open.reduce((sum, caller) => sum + caller.ids.length, 0);
    assert.equal(batcher.pending, pending);
    assert.ok(pending <= this.capacity.sequences);
    const held = new Set([...runner.running, ...runner.waiting].flatMap(run => numbersOf(run.feeds)));
    const waiting = open.flatMap(caller => caller.ids).filter(id => !held.has(id) && !this.begun.has(id));
    if (runner.idle > 0) assert.deepEqual(waiting, [], 'a worker is idle while entries wait');
  }

  #checkRun({ feeds, size, ahead }: FakeRun): void {
    const { batchSize, paddedSteps, mixing } = this.rules;
    const ids = numbersOf(feeds);
    const lengths = ids.map(id => this.lengths[id]);
    const [, longest] = feeds.x.dims;
    assert.equal(longest, Math.max(...lengths));
    assert.deepEqual(Array.from(feeds.lengths.data as BigInt64Array, Number), lengths);
    assert.ok(size <= (mixing === 'alone' ? 1 : batchSize));
    assert.ok(size === 1 || size * longest <= paddedSteps);
    if (mixing !== 'classes') assert.equal(new Set(lengths).size, 1);
    if (ids.some(id => this.apart.has(id))) assert.equal(size, 1, 'what failed together is run apart');
    for (const id of ids) {
      assert.ok(!this.begun.has(id), `sequence ${id} is run twice`);
      assert.ok(!this.cancelled.has(id), `sequence ${id} is run though its caller is gone`);
    }
    const rows = mixing === 'alone' || this.apart.has(ids[0]) ? 1 : batchSize;
    const full = size === rows || longest * (size + 1) > paddedSteps;
    if (ahead) assert.ok(full, 'a batch that is not full was handed ahead');
  }
}

test('random arrivals, cancellations, failures and crashes', async () => {
  const totals = { answered: 0, INFERENCE_FAILED: 0, CALLER_GONE: 0, ahead: 0, apart: 0 };
  for (let seed = 1; seed <= 60; seed++) {
    const chaos = new Chaos(seed);
    const { random, runner, batcher } = chaos;
    for (let i = 0; i < 150; i++) {
      const dice = random();
      if (dice < 0.4) chaos.submit();
      else if (dice < 0.5) chaos.cancel();
      else if (dice < 0.9 && runner.running.length > 0) chaos.end(pick(random, runner.running));
      else if (runner.down.length > 0) runner.revive(pick(random, runner.down));
      if (random() < 0.7) await chaos.settle();
    }
    const drained = batcher.drain();
    while (chaos.callers.some(caller => !caller.end) || runner.running.length > 0) {
      for (const worker of runner.down) runner.revive(worker);
      for (const run of runner.running) chaos.end(run);
      await chaos.settle();
    }
    await drained;
    assert.deepEqual(chaos.broken, []);
    assert.equal(batcher.pending, 0);
    for (const { end } of chaos.callers) {
      const kind = end instanceof ServiceError ? end.code : 'answered';
      assert.ok(kind in totals, kind);
      totals[kind as keyof typeof totals]++;
    }
    totals.apart += chaos.apart.size;
    totals.ahead += runner.given.filter(run => run.ahead).length;
  }
  for (const [what, count] of Object.entries(totals)) assert.ok(count > 100, `${what}: ${count}`);
});
