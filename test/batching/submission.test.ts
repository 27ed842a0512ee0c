// What a caller waits for settles exactly once, in the caller's order.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Submission } from '../../src/batching/submission.ts';
import { ServiceError } from '../../src/core/errors.ts';
import { randomNumbers } from '../../src/proof/samples.ts';
import type { Row } from '../../src/sequence/collate.ts';
import { between } from '../support/models/models.ts';
import { sequenceOf } from '../support/models/numbered.ts';

const row = (index: number): Row => ({ outputs: {}, index, batchSize: 1, sequence: sequenceOf(1, 0) });
const timing = (queueMs: number, runMs: number, batchSize: number) => ({ queueMs, runMs, batchSize });
const gone = new ServiceError('CALLER_GONE', 'the caller closed the connection');
const late = new ServiceError('DEADLINE_EXCEEDED', 'no answer within 1 ms');

test('rows come in the order of the sequences, whatever the order of their runs', async () => {
  let settled = 0;
  const submission = new Submission(3, () => settled++);
  const rows = [0, 1, 2].map(row);
  submission.deliver(2, rows[2], timing(1, 9, 4));
  submission.deliver(0, rows[0], timing(7, 2, 1));
  assert.deepEqual([submission.settled, settled], [false, 0]);
  submission.deliver(1, rows[1], timing(3, 3, 8));
  assert.deepEqual([submission.settled, settled], [true, 1]);
  const answered = await submission.rows;
  for (const i of [0, 1, 2]) assert.equal(answered[i], rows[i]);
  assert.deepEqual(submission.timing, timing(7, 9, 8));
});

test('the first end is the only one, under any order of deliveries and cancellations', async () => {
  const random = randomNumbers(1);
  for (let round = 0; round < 500; round++) {
    const size = between(random, 1, 5);
    let ends = 0;
    const submission = new Submission(size, () => ends++);
    const outcome = submission.rows.then(
      rows => rows.length,
      error => error,
    );
    const errors: ServiceError[] = [];
    const waiting = [...Array(size).keys()].sort(() => random() - 0.5);
    while (waiting.length > 0) {
      if (random() < 0.15) {
        const error = random() < 0.5 ? gone : late;
        errors.push(error);
        submission.cancel(error);
      }
      const index = waiting.pop() as number;
      submission.deliver(index, row(index), timing(0, 0, 1));
    }
    submission.cancel(late);
    assert.equal(ends, 1);
    assert.equal(await outcome, errors[0] ?? size);
  }
});
