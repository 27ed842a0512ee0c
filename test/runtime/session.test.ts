// A session of the real runtime: the provider asked for and the one got, runs, refusals, and where the nodes ran.
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { messageOf } from '../../src/core/errors.ts';
import { readGolden } from '../../src/proof/golden.ts';
import { randomNumbers, randomSequence } from '../../src/proof/samples.ts';
import { openSession, placement } from '../../src/runtime/session.ts';
import { collate } from '../../src/sequence/collate.ts';
import { openFixture } from '../support/models/models.ts';
import { ROOT } from '../support/server/service.ts';

const { folder, signature, graphFile, graph } = await openFixture('test/fixtures/models/lstm/1');
const options = { graphFile, intraOpThreads: 1 };
const feeds = () => collate(signature, [randomSequence(signature, 5, randomNumbers(1))]);
const binding = path.join(ROOT, `node_modules/onnxruntime-node/bin/napi-v6/${process.platform}/${process.arch}`);
const hasCuda = existsSync(path.join(binding, 'libonnxruntime_providers_cuda.so'));

test('cpu is what cpu asks for, and says nothing of a fallback', async () => {
  const session = await openSession({ ...options, provider: 'cpu' });
  assert.deepEqual(session.facts, { provider: 'cpu' });
  session.release();
});

test('cuda without CUDA is refused', async () => {
  // Without the libraries no session opens; with them, this one would have to say that it got CUDA.
  const opened = await openSession({ ...options, provider: 'cuda' }).catch(messageOf);
  if (typeof opened === 'string') assert.ok(opened.length > 0);
  else assert.deepEqual([hasCuda, opened.facts], [true, { provider: 'cuda' }]);
});

test('auto takes CUDA if it is there, or else the CPU with the reason', async () => {
  const session = await openSession({ ...options, provider: 'auto' });
  const { provider, fallback } = session.facts;
  if (hasCuda) assert.ok((provider === 'cuda') === (fallback === undefined));
  else assert.deepEqual(session.facts, { provider: 'cpu', fallback: 'the CUDA provider library is not installed' });
  session.release();
});

test('a run gives the outputs fetched, typed and shaped, and what PyTorch computed', async () => {
  const session = await openSession({ ...options, provider: 'cpu' });
  const golden = await readGolden(folder, signature, graph);
  assert.ok(golden && golden.cases.length > 3);
  for (const { feeds: given, outputs } of golden.cases) {
    const answers = await session.run(given, Object.keys(outputs));
    assert.deepEqual(Object.keys(answers), Object.keys(outputs));
    for (const [name, expected] of Object.entries(outputs)) {
      const { dtype, dims, data } = answers[name];
      assert.equal(dtype, 'float32');
      assert.equal(
        dims.reduce((a, b) => a * b, 1),
        expected.length,
      );
      expected.map(Number).forEach((value, i) => {
        assert.ok(Math.abs(Number(data[i]) - value) <= golden.tolerance * Math.max(1, Math.abs(value)), name);
      });
    }
  }
  session.release();
});

test('feeds of the wrong shape fail the run and not the session', async () => {
  const session = await openSession({ ...options, provider: 'cpu' });
  const x = { dtype: 'float32', dims: [1, 5, 2], data: new Float32Array(10) } as const;
  await assert.rejects(session.run({ ...feeds(), x }, signature.fetches));
  await assert.rejects(session.run({ x: feeds().x }, signature.fetches));
  assert.equal((await session.run(feeds(), ['level'])).level.dims[0], 1);
  session.release();
});

test('a graph that cannot be opened rejects', async () => {
  const broken = `${ROOT}test/fixtures/broken/unknown-op/1/model.onnx`;
  await assert.rejects(openSession({ ...options, graphFile: broken, provider: 'cpu' }), /Polish/);
  await assert.rejects(openSession({ ...options, graphFile: broken, provider: 'auto' }), /Polish/);
});

test('placement counts the nodes that ran, all of them on the CPU, and leaves no file', async () => {
  const ours = () => readdirSync(tmpdir()).filter(name => /^polyhead-[A-Za-z0-9]{6}$/.test(name));
  const before = ours();
  const counts = await placement({ ...options, provider: 'cpu' }, 'cpu', feeds(), signature.fetches);
  assert.deepEqual(Object.keys(counts), ['CPUExecutionProvider']);
  const nodes = Object.values(graph.operators).reduce((a, b) => a + b, 0);
  assert.ok(counts.CPUExecutionProvider >= graph.operators.LSTM);
  assert.ok(counts.CPUExecutionProvider <= nodes, `${counts.CPUExecutionProvider} of ${nodes}`);
  assert.deepEqual(ours(), before);
});
