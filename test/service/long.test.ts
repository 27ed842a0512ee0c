// Long sequences run in slices: the same bits as in one run, others ride between, and all of it is one request to its caller.
import assert from 'node:assert/strict';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, test } from 'node:test';
import { randomNumbers, randomSequence } from '../../src/proof/samples.ts';
import type { Row } from '../../src/sequence/collate.ts';
import type { Sequence } from '../../src/sequence/sequence.ts';
import { call } from '../../src/service/call.ts';
import type { Caller } from '../../src/service/caller.ts';
import { parseMetrics } from '../support/client/prometheus.ts';
import { temporaryFolder } from '../support/models/served-copies.ts';
import { ROOT, startApp } from '../support/server/service.ts';

const CAPACITY = 8;
const repository = temporaryFolder();
cpSync(path.join(ROOT, 'models/weather/1'), path.join(repository, 'weather/1'), { recursive: true });
const file = path.join(repository, 'weather/1/manifest.json');
const manifest = JSON.parse(readFileSync(file, 'utf8'));
manifest.inputs[0].time.maximum = 4096;
writeFileSync(file, JSON.stringify(manifest));
const served = await startApp({
  POLYHEAD_MODEL_REPOSITORY: repository,
  POLYHEAD_EXECUTION_PROVIDER: 'cpu',
  POLYHEAD_WORKERS: '1',
  POLYHEAD_INLINE_MS: '0',
  POLYHEAD_QUEUE_CAPACITY: `${CAPACITY}`,
  POLYHEAD_MAX_SEQUENCES: `${CAPACITY}`,
});
after(() => served.close());
const model = served.service.models.get('weather');
const { batcher, statistics, signature } = model;
const random = randomNumbers(4);
const sequence = (length: number) => randomSequence(signature, length, random);
const patient: Caller = { timeoutMs: 3_600_000, gone: () => false, onGone: () => {} };
const wholeOf = async (one: Sequence) => (await batcher.submit([one]).rows)[0];
const answersOf = (row: Row) => model.decoders.map(decode => decode(row));

test('say bit for bit what one run says, beside short ones and in the order of the request', async () => {
  const sequences = [1025, 10, 2048, 1024, 3000].map(sequence);
  const whole = await Promise.all(sequences.map(wholeOf));
  const before = statistics.success.count;
  const { rows } = await call(model, sequences, patient);
  rows.forEach((row, i) => {
    assert.equal(row.sequence, sequences[i]);
    assert.deepEqual(answersOf(row), answersOf(whole[i]));
  });
  assert.equal(statistics.success.count, before + 1, 'one request');
  assert.equal(batcher.pending, 0);
});

test('count as one sequence in metrics and statistics, though they have a row in each of their runs', async () => {
  const read = async () => {
    const { samples } = parseMetrics((await served.app.inject('/metrics')).payload);
    const of = (name: string) => samples.get(`polyhead_${name}{model="weather",version="1"}`) ?? 0;
    const stats = await served.app.inject('/v2/models/weather/stats');
    return {
      count: of('sequence_steps_count'),
      steps: of('sequence_steps_sum'),
      rows: of('batch_size_sum'),
      inferences: stats.json().model_stats[0].inference_count as number,
    };
  };
  const grown = async (act: () => Promise<unknown>) => {
    const before = await read();
    await act();
    const after = await read();
    return [after.count - before.count, after.steps - before.steps, after.rows - before.rows, after.inferences - before.inferences]; // biome-ignore format: one row
  };
  const plain = () => call(model, [2000, 10].map(sequence), patient);
  assert.deepEqual(await grown(plain), [2, 2010, 5, 2]);
  // Answers in slices of 1500 steps run in slices of 512 as well.
  const days = Array.from({ length: 3000 }, (_, i) => [0.5, 12, 5, 4.7, 4, 1 + (i % 366), 1]);
  const payload = { sequences: [days], sliceSteps: 1500 };
  const headers = { accept: 'application/x-ndjson' };
  const asked = async () => {
    const reply = await served.app.inject({ method: 'POST', url: '/v1/models/weather/predict', payload, headers });
    assert.equal(reply.payload.trim().split('\n').length, 2, reply.payload.slice(0, 500));
  };
  assert.deepEqual(await grown(asked), [1, 3000, 6, 1]);
});

test('let who came after them go first, as soon as a slice has run', async () => {
  const ends: string[] = [];
  const runs = statistics.run.count;
  const long = call(model, [sequence(2000)], patient).then(() => ends.push('long'));
  const short = call(model, [sequence(10)], patient).then(() => ends.push('short'));
  await Promise.all([long, short]);
  assert.deepEqual(ends, ['short', 'long']);
  assert.ok(statistics.run.count - runs >= 4, 'four slices, and the short one beside the first or between two');
});

test('take their room at once, and give it back when their caller leaves; then nothing more runs', async () => {
  let leave = () => {};
  let gone = false;
  const caller: Caller = {
    timeoutMs: 3_600_000,
    gone: () => gone,
    onGone: act => {
      leave = () => {
        gone = true;
        act();
      };
    },
  };
  const runs = statistics.run.count;
  const left = call(model, [2000, 2000].map(sequence), caller);
  assert.equal(batcher.pending, 2);
  const tooMany = Array.from({ length: CAPACITY - 1 }, () => sequence(2000));
  await assert.rejects(call(model, tooMany, patient), { code: 'OVERLOADED' });
  leave();
  await assert.rejects(left, { code: 'CALLER_GONE' });
  await batcher.drain();
  assert.equal(batcher.pending, 0);
  assert.ok(statistics.run.count - runs <= 1, 'no slice after the first');
});

test('are given up when the time is up', async () => {
  await assert.rejects(call(model, [sequence(4096)], { ...patient, timeoutMs: 1 }), { code: 'DEADLINE_EXCEEDED' });
  await batcher.drain();
  assert.equal(batcher.pending, 0);
});
