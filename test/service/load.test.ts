// What a single model is made of at load: limits, example, weights in every form, and the shape of its answers.
import assert from 'node:assert/strict';
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { mock, test } from 'node:test';
import { InlineRunner } from '../../src/runtime/inline-runner.ts';
import type { Registry } from '../../src/service/registry.ts';
import { floatBytes, onnxFile } from '../support/models/onnx-writer.ts';
import { load, reasonsOf, repositoryOf } from '../support/models/registries.ts';

test('limits are the lesser of the settings and the manifest', async () => {
  const repository = repositoryOf({ 'm/1': 'test/fixtures/models/ids/1', 'n/1': 'test/fixtures/models/ids/1' });
  repository.edit<Record<string, unknown>>('n/1/manifest.json', manifest => {
    manifest.limits = { batchSize: 3, paddedSteps: 1e6 };
  });
  const registry = await load(repository.root, { batchSize: 8, paddedSteps: 500 });
  assert.deepEqual(registry.get('m').limits, { batchSize: 8, paddedSteps: 500 });
  assert.deepEqual(registry.get('n').limits, { batchSize: 3, paddedSteps: 500 });
  await registry.close();
});

test('a model without golden answers and example still loads, with an example made up that its parser accepts', async () => {
  const repository = repositoryOf({ 'm/1': 'test/fixtures/models/two-inputs/1' });
  for (const file of ['golden.json', 'example.json']) renameSync(repository.at('m/1', file), repository.at(file));
  const registry = await load(repository.root);
  const model = registry.get('m');
  assert.equal(model.golden, undefined);
  for (const sequence of model.example.sequences) model.parse(sequence, []);
  await registry.close();
});

test('a reference that does not fit is told before a session is opened, so that none is left', async () => {
  const opened = mock.method(InlineRunner, 'open');
  const repository = repositoryOf({ 'm/1': 'test/fixtures/models/ids/1' });
  writeFileSync(repository.at('m/1/reference.json'), '{}');
  const registry = await load(repository.root, { inlineMs: 5 });
  assert.match(reasonsOf(registry)['m/1'], /^m\/1: reference\.json: /);
  assert.equal(opened.mock.callCount(), 0);
  opened.mock.restore();
  await registry.close();
});

/** A model y = 2 * (sum of x over time), written by hand. */
function handwritten(weight: object, outputDims: (string | number)[] | undefined, head: object): Promise<Registry> {
  const repository = repositoryOf({});
  mkdirSync(repository.at('m/1'), { recursive: true });
  const graph = onnxFile({
    nodes: [
      { op: 'Mul', inputs: ['x', 'w'], outputs: ['z'] },
      { op: 'ReduceSum', inputs: ['z', 'axes'], outputs: ['s'] },
      { op: 'Squeeze', inputs: ['s', 'axes'], outputs: ['y'] },
    ],
    initializers: [
      { name: 'w', type: 1, dims: [1], ...weight },
      { name: 'axes', type: 7, dims: [1], raw: new Uint8Array(BigInt64Array.of(1n).buffer) },
    ],
    inputs: [{ name: 'x', type: 1, dims: ['n', 't', 3] }],
    outputs: [{ name: 'y', type: 1, dims: outputDims }],
  });
  const features = ['a', 'b', 'c'].map(name => ({ name }));
  const time = { minimum: 1, maximum: 16 };
  const inputs = [{ name: 'x', tensor: 'x', kind: 'numeric', features, time }];
  const heads = [{ name: 'y', tensor: 'y', ...head }];
  const manifest = { formatVersion: 1, graph: { file: 'model.onnx' }, inputs, heads };
  writeFileSync(repository.at('m/1/model.onnx'), graph);
  writeFileSync(repository.at('m/1/manifest.json'), JSON.stringify(manifest));
  return load(repository.root);
}

test('weights written as a list of numbers, not as raw bytes, serve like any other', async () => {
  for (const weight of [{ floats: [2] }, { raw: floatBytes(2) }]) {
    const head = { kind: 'multiclass', labels: ['a', 'b', 'c'], activation: 'logits' };
    const registry = await handwritten(weight, ['n', 3], head);
    assert.deepEqual(registry.refused, []);
    const { batcher, parse, decoders } = registry.get('m');
    const [row] = await batcher.submit([
      parse(
        [
          [1, 2, 3],
          [4, 6, 5],
        ],
        [],
      ),
    ]).rows;
    const tail = Math.exp(10 - 16); // beside two equal ones
    const { label, probabilities } = decoders[0](row) as { label: number; probabilities: Float32Array };
    assert.equal(label, 1);
    for (const [i, share] of [tail, 1, 1].entries()) assert.ok(Math.abs(probabilities[i] - share / (2 + tail)) < 1e-6);
    await registry.close();
  }
});

test('a graph that hides the shape of its output is held to the manifest by the warm-up', async () => {
  const fits = await handwritten({ floats: [2] }, undefined, {
    kind: 'multiclass',
    labels: ['a', 'b', 'c'],
    activation: 'logits',
  });
  assert.deepEqual(fits.refused, []);
  await fits.close();
  for (const labels of [
    ['a', 'b'],
    ['a', 'b', 'c', 'd'],
  ]) {
    const registry = await handwritten({ floats: [2] }, undefined, {
      kind: 'multiclass',
      labels,
      activation: 'logits',
    });
    const reason = reasonsOf(registry)['m/1'];
    await registry.close();
    assert.match(
      reason ?? '',
      /: output "y" gives 3 values a row, expected \d$/,
      `${labels.length} labels for 3 values`,
    );
  }
});
