// Who may share a run beyond lengths: the company of a sequence, the pairs of a lone one, and what one request asks for.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bindSignature } from '../../src/model/bind.ts';
import { randomNumbers } from '../../src/proof/samples.ts';
import { collate } from '../../src/sequence/collate.ts';
import { type Sequence, sequenceParser } from '../../src/sequence/sequence.ts';
import { between, graphOf, HEAD_OUTPUTS, info, manifestOf, pick } from '../support/models/models.ts';
import { echo, numbered, numbersOf, sequenceOf, valuesOf } from '../support/models/numbered.ts';
import { codeOf, sizes, start, turn } from '../support/runner/batcher.ts';
import { drain, entryOf, queueOf, RULES } from '../support/runner/entries.ts';

const inCompany = (length: number, batchKey: string, value = 0): Sequence => ({
  ...sequenceOf(length, value),
  batchKey,
});

test('sequences of different company never share a run, whatever the mixing', async () => {
  const random = randomNumbers(1);
  for (const mixing of ['classes', 'equal', 'alone'] as const) {
    const { runner, batcher } = start({ rules: { batchSize: 8, paddedSteps: 200, mixing }, workers: 2 });
    const companies = ['', '"8000"', '"16000"', '3x4'];
    const byValue = new Map<number, Sequence>();
    const broken: string[] = [];
    let shared = 0;
    runner.onRun = ({ feeds }) => {
      const own = new Set(numbersOf(feeds).map(value => byValue.get(value)?.batchKey));
      if (own.size !== 1) broken.push([...own].join(' with '));
      if (feeds.x.dims[0] > 1) shared++;
    };
    runner.autoplay(run => ({ outputs: echo(run.feeds) }));
    const ends: Promise<unknown>[] = [];
    for (let i = 0; i < 400; i++) {
      const sequence = inCompany(between(random, 1, 9), pick(random, companies), i);
      byValue.set(i, sequence);
      ends.push(batcher.submit([sequence]).rows.then(rows => assert.deepEqual(valuesOf(rows), [i])));
      if (random() < 0.2) await turn();
    }
    await Promise.all(ends);
    assert.deepEqual(broken, []);
    assert.equal(shared > 0, mixing !== 'alone', `${shared} shared runs`);
  }
});

test('another side value, or another size besides time, is another company', () => {
  const raw = { name: 'x', tensor: 'x', kind: 'tensor', timeAxis: 1, time: { maximum: 9 } };
  const side = { name: 'rate', tensor: 'sr', kind: 'side' };
  const tensors = [info('x', 'float32', ['n', 't', 'width']), info('sr', 'int64', [])];
  const signature = bindSignature(manifestOf({ inputs: [raw, side] }), graphOf(tensors, HEAD_OUTPUTS));
  const parse = sequenceParser(signature);
  const of = (rate: number, steps: number, width: number) =>
    parse({ x: Array.from({ length: steps }, () => Array(width).fill(1)), rate }, []);
  const [first, longer, rate, wider] = [of(8000, 2, 3), of(8000, 4, 3), of(16000, 2, 3), of(8000, 2, 4)];
  assert.equal(first.batchKey, longer.batchKey);
  assert.equal(new Set([first, rate, wider].map(sequence => sequence.batchKey)).size, 3);
  const feeds = collate(signature, [first, longer]);
  assert.deepEqual([feeds.x.dims, feeds.sr.dims, feeds.sr.data], [[2, 4, 3], [], BigInt64Array.of(8000n)]);
});

test('the room beside a company goes to shorter ones of the same company only', () => {
  const rules = { ...RULES, batchSize: 8 };
  const entries = [
    [8, 'a'],
    [8, 'b'],
    [3, 'b'],
    [4, 'a'],
    [3, 'a'],
  ] as const;
  const queue = queueOf(
    rules,
    entries.map(([length, batchKey]) => ({ ...entryOf(length), sequence: inCompany(length, batchKey) })),
  );
  assert.deepEqual(drain(queue), [
    [8, 4, 3],
    [8, 3],
  ]);
});

test('in pairs, a lone sequence runs as two copies and is answered once; several run as they are', async () => {
  const reports: number[] = [];
  const { runner, batcher } = start({ pairs: true, onBatch: ({ size }) => reports.push(size) });
  runner.autoplay(run => ({ outputs: echo(run.feeds) }));
  const lone = batcher.submit(numbered(5));
  assert.deepEqual(valuesOf(await lone.rows), [5]);
  assert.deepEqual(
    runner.given.map(run => numbersOf(run.feeds)),
    [[5, 5]],
  );
  assert.equal(lone.timing.batchSize, 1, 'the copy is nobody');
  const several = batcher.submit(numbered(5, 6, 7));
  assert.deepEqual(valuesOf(await several.rows), [5, 6, 7]);
  assert.deepEqual(numbersOf(runner.given[1].feeds), [5, 6, 7]);
  assert.deepEqual(reports, [1, 3]);
  const { runner: plain, batcher: other } = start();
  plain.autoplay(run => ({ outputs: echo(run.feeds) }));
  await other.submit(numbered(5)).rows;
  assert.deepEqual(sizes(plain), [1]);
});

test('in pairs, a sequence that fails alone fails once', async () => {
  const causes: unknown[] = [];
  const { runner, batcher } = start({ pairs: true, onFailure: cause => causes.push(cause) });
  runner.autoplay(() => ({ error: new Error('no') }));
  assert.equal(await codeOf(batcher.submit(numbered(4))), 'INFERENCE_FAILED');
  assert.deepEqual([sizes(runner), causes.length], [[2], 1]);
  await batcher.drain();
});

test('a request may ask for a narrower rule than the model has, and only it is held to that', async () => {
  const { runner, batcher } = start({ rules: { batchSize: 8, paddedSteps: 200, mixing: 'classes' } });
  batcher.submit(numbered(9));
  await turn(); // the worker is busy, the others wait for each other
  const wished = [
    batcher.submit(numbered(3, 4), { mixing: 'alone' }),
    batcher.submit(numbered(3, 4, 3), { mixing: 'equal' }),
    batcher.submit(numbered(3, 4)),
  ];
  runner.autoplay(run => ({ outputs: echo(run.feeds) }));
  runner.finish(0, echo(runner.running[0].feeds));
  const rows = await Promise.all(wished.map(submission => submission.rows));
  assert.deepEqual(rows.map(valuesOf), [
    [3, 4],
    [3, 4, 3],
    [3, 4],
  ]);
  const runs = runner.given.slice(1).map(run => numbersOf(run.feeds).join());
  assert.deepEqual(runs.sort(), ['3', '3,3', '3,4', '4', '4']);
});
