// The batching certificate of every fixture and of the real model, and that what it allows is indeed so.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Tensors } from '../../src/core/tensor.ts';
import { bindSignature } from '../../src/model/bind.ts';
import type { Certificate } from '../../src/proof/certificate.ts';
import { certify, narrowed, TOLERANCE } from '../../src/proof/certify.ts';
import { randomNumbers } from '../../src/proof/samples.ts';
import { Metrics } from '../../src/service/metrics.ts';
import type { Model } from '../../src/service/model.ts';
import { Registry } from '../../src/service/registry.ts';
import { between, graphOf, HEAD_OUTPUTS, info, manifestOf, randomSequences } from '../support/models/models.ts';
import { numbersOf, SIGNATURE } from '../support/models/numbered.ts';
import { repositoryOf, WEATHER } from '../support/models/served-copies.ts';
import { configOf, FIXTURES, log } from '../support/server/service.ts';

type Finding = Pick<Certificate, 'mixing' | 'rows' | 'lengths'>;
const EXACT: Finding = { mixing: 'classes', rows: 'exact', lengths: 'lengths' };
const EXPECTED: Record<string, Finding> = {
  'external/1': EXACT,
  'ids/1': EXACT,
  'lstm/1': EXACT,
  'lstm/2': EXACT,
  'masked-int/1': { ...EXACT, lengths: 'mask' },
  'steps/1': EXACT,
  'tokens/1': EXACT,
  'two-inputs/1': EXACT,
  'weather/1': EXACT,
  'masked/1': { mixing: 'classes', rows: 'exactInPairs', lengths: 'mask' },
  'plain/1': { mixing: 'equal', rows: 'exact', lengths: 'equalOnly' },
  'padded-last/1': { mixing: 'equal', rows: 'exact', lengths: 'equalOnly' },
  'batch-mean/1': { mixing: 'alone', rows: 'alone', lengths: 'equalOnly' },
};

const options = { ...configOf(), workers: 1, executionProvider: 'cpu' } as const;
const special = repositoryOf('test/fixtures/special/padded-last', 'test/fixtures/special/batch-mean');
const registries = [FIXTURES, special, WEATHER].map(root => new Registry(root, options, new Metrics('0'), log));
const all = () => registries.flatMap(registry => registry.all());
before(async () => {
  for (const registry of registries) await registry.loadAll();
});
after(() => Promise.all(registries.map(registry => registry.close())));

test('each model is found to be what it is', () => {
  assert.deepEqual(
    registries.flatMap(registry => registry.refused),
    [],
  );
  const found = all().map(({ name, version, certificate: { mixing, rows, lengths } }) => {
    return [`${name}/${version}`, { mixing, rows, lengths }] as const;
  });
  assert.deepEqual(Object.fromEntries(found), EXPECTED);
});

test('the worst difference is that of the runs allowed', () => {
  for (const { name, certificate } of all()) {
    const { worstDifference, sequences, batches, rows } = certificate;
    // Rows of one length agree bit for bit, if never alone; a mean over padded steps is summed in another order.
    if (name === 'masked') assert.ok(worstDifference > 0 && worstDifference < 1e-6, `${worstDifference}`);
    else assert.equal(worstDifference, 0, name);
    assert.ok(batches >= (rows === 'alone' ? 20 : 28), `${name}: ${batches} batches`); // more where reading makes it suspect
    assert.ok(sequences > 50, `${name}: ${sequences} sequences`);
  }
});

test('every golden answer of every model was checked at load', () => {
  for (const { name, golden } of all()) {
    assert.ok(golden && golden.cases > 0, name);
    assert.ok(golden.worstDifference <= golden.tolerance);
  }
});

/** Every head's answer to sequences that are submitted together, in company of each other. */
async function answersOf(model: Model, sequences: Parameters<Model['batcher']['submit']>[0]) {
  const rows = await model.batcher.submit(sequences).rows;
  return rows.map(row => ({ batchSize: row.batchSize, heads: model.decoders.map(decode => decode(row)) }));
}

/** All numbers in an answer, in order. */
function numbersIn(value: unknown): number[] {
  if (typeof value === 'number') return [value];
  if (ArrayBuffer.isView(value)) return Array.from(value as Float32Array);
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(numbersIn) : [];
}

test('in random company each sequence gets the answer that it gets alone, bit for bit where the certificate says so', async () => {
  for (const model of all()) {
    const random = randomNumbers(99);
    const lengths = Array.from({ length: 80 }, () => between(random, 1, 60));
    const sequences = randomSequences(model.signature, lengths, random);
    const together = await answersOf(model, sequences);
    const company = Math.max(...together.map(answer => answer.batchSize));
    if (model.certificate.mixing === 'alone') assert.equal(company, 1);
    else assert.ok(company > 1, `${model.name} ran everything alone`);
    for (const [i, sequence] of sequences.entries()) {
      const [alone] = await answersOf(model, [sequence]);
      assert.equal(alone.batchSize, model.certificate.rows === 'exactInPairs' ? 2 : 1);
      const where = `${model.name}/${model.version}, ${lengths[i]} steps among ${together[i].batchSize}`;
      if (model.certificate.worstDifference === 0) assert.deepEqual(together[i].heads, alone.heads, where);
      else {
        const [ours, theirs] = [together[i], alone].map(({ heads }) => numbersIn(heads));
        assert.equal(ours.length, theirs.length);
        for (const [k, value] of ours.entries()) {
          assert.ok(Math.abs(value - theirs[k]) <= TOLERANCE * Math.max(1, Math.abs(value)), where);
        }
      }
    }
  }
});

/** What certify finds of a made-up graph that answers each row with `answer`. */
async function findingOf(
  answer: (value: number, row: number, values: number[], time: number) => number,
  signature = SIGNATURE,
) {
  const limits = { batchSize: 64, paddedSteps: 16384, graphBytes: 1000 };
  const { mixing, rows, lengths, worstDifference } = await certify(
    signature,
    [],
    limits,
    async (feeds): Promise<Tensors> => {
      const values = numbersOf(feeds);
      const data = Float64Array.from(values, (value, row) => answer(value, row, values, feeds.x.dims[1]));
      return { y: { dtype: 'float64', dims: [data.length], data } };
    },
  );
  return [mixing, rows, lengths, worstDifference] as const;
}

test('the certificate tells apart what made-up graphs do', async () => {
  const [mixing, rows, lengths, worst] = await findingOf(value => value);
  assert.deepEqual([mixing, rows, lengths, worst], ['classes', 'exact', 'lengths', 0]);
  const noise = await findingOf((value, row) => value + row * 1e-8);
  assert.deepEqual(noise.slice(0, 3), ['classes', 'tolerance', 'lengths']);
  assert.ok(noise[3] > 0 && noise[3] <= TOLERANCE);
  assert.deepEqual((await findingOf((value, row) => value + row * 1e-3)).slice(0, 3), ['alone', 'alone', 'equalOnly']);
  const crowded = await findingOf((value, _row, values) => (values.length > 20 ? value + 1 : value));
  assert.deepEqual(crowded.slice(0, 2), ['alone', 'alone']);
  const padded = await findingOf((value, _row, _values, time) => value + time);
  assert.deepEqual(padded, ['equal', 'exact', 'equalOnly', 0]);
  assert.deepEqual((await findingOf((value, row) => (row === 1 ? Number.NaN : value))).slice(0, 2), ['alone', 'alone']);
});

test('a graph that is told nothing of padding mixes lengths only if the experiment finds zeros harmless', async () => {
  const inputs = [{ name: 'x', tensor: 'x', kind: 'numeric', features: [{ name: 'u' }] }];
  const blind = bindSignature(manifestOf({ inputs }), graphOf([info('x', 'float32', ['n', 't', 1])], HEAD_OUTPUTS));
  const finding = await findingOf((value, _row, _values, time) => value + time, blind);
  assert.deepEqual(finding, ['equal', 'exact', 'equalOnly', 0]);
  assert.deepEqual(await findingOf(value => value, blind), ['classes', 'exact', 'zeroPadding', 0]);
});

test('no run of the certificate exceeds the rows, and the samples are the same every time', async () => {
  const seen: string[] = [];
  for (let i = 0; i < 2; i++) {
    const sizes: number[] = [];
    await certify(
      SIGNATURE,
      [],
      { batchSize: 5, paddedSteps: 100, graphBytes: 1000 },
      async (feeds): Promise<Tensors> => {
        sizes.push(feeds.x.dims[0]);
        const data = Float32Array.from(numbersOf(feeds));
        seen[i] = `${seen[i]} ${data.join()}`;
        return { y: { dtype: 'float32', dims: [data.length], data } };
      },
    );
    assert.ok(Math.max(...sizes) <= 5);
  }
  assert.equal(seen[0], seen[1]);
});

test('a slow machine tries as much as a fast one; of a large graph less is tried, and told', async t => {
  const run = async (feeds: Tensors): Promise<Tensors> => {
    const data = Float32Array.from(numbersOf(feeds));
    return { y: { dtype: 'float32', dims: [data.length], data } };
  };
  const found = async (graphBytes: number, thorough = false) => {
    const limits = { batchSize: 64, paddedSteps: 16384, graphBytes, thorough };
    const certificate = await certify(SIGNATURE, [], limits, run);
    return { ...certificate, milliseconds: 0 };
  };
  const small = await found(1e6);
  let clock = 0;
  t.mock.method(performance, 'now', () => {
    clock += 60_000;
    return clock;
  });
  assert.deepEqual(await found(1e6), small);
  assert.equal(small.complete, true);
  const large = await found(1e12);
  assert.deepEqual([large.complete, large.batches], [false, 9]);
  // What was tried in part allows nothing yet; tried in full, the size of the graph makes no difference.
  assert.deepEqual(
    [large.rows, large.mixing, large.counterExample],
    [small.rows, 'alone', 'not everything was tried yet'],
  );
  assert.equal(narrowed(large, small.mixing), 'alone');
  assert.deepEqual(await found(1e12, true), small);
});
