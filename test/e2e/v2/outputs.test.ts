// Outputs beside those that a manifest names, and outputs that are no tensors, over v2.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { answerOf, errorOf, inject, jsonBody, jsonOf } from '../../support/client/v2.ts';
import { type GraphSpec, onnxFile } from '../../support/models/onnx-writer.ts';
import { temporaryFolder } from '../../support/models/served-copies.ts';
import { startApp, type TestApp } from '../../support/server/service.ts';

/** What sklearn-onnx writes of a classifier: labels, and probabilities as a list of maps. */
const CLASSIFIER: GraphSpec = {
  nodes: [
    { op: 'Softmax', inputs: ['x'], outputs: ['p'], attributes: { axis: 1 } },
    { op: 'ArgMax', inputs: ['p'], outputs: ['label'], attributes: { axis: 1, keepdims: 0 } },
    {
      op: 'ZipMap',
      domain: 'ai.onnx.ml',
      inputs: ['p'],
      outputs: ['maps'],
      attributes: { classlabels_int64s: [0, 1, 2] },
    },
  ],
  inputs: [{ name: 'x', type: 1, dims: ['n', 3] }],
  outputs: [
    { name: 'label', type: 7, dims: ['n'] },
    { name: 'maps', type: 1, maps: true },
  ],
};
/** Doubles, squares, and the sum over time; the last two are in no manifest. */
const SEVERAL: GraphSpec = {
  nodes: [
    { op: 'Add', inputs: ['x', 'x'], outputs: ['twice'] },
    { op: 'Mul', inputs: ['x', 'x'], outputs: ['square'] },
    { op: 'ReduceSum', inputs: ['x', 'axes'], outputs: ['total'], attributes: { keepdims: 0 } },
  ],
  initializers: [{ name: 'axes', type: 7, dims: [1], raw: new Uint8Array(BigInt64Array.of(1n).buffer) }],
  inputs: [{ name: 'x', type: 1, dims: ['n', 't', 1] }],
  outputs: ['twice', 'square', 'total'].map(name => ({
    name,
    type: 1,
    dims: name === 'total' ? ['n', 1] : ['n', 't', 1],
  })),
};
/** Two inputs with steps of their own; a head of the second one, between bounds. */
const BOUNDED: GraphSpec = {
  nodes: ['value', 'low', 'high'].map(name => ({ op: 'Identity', inputs: ['b'], outputs: [name] })),
  inputs: ['a', 'b'].map(name => ({ name, type: 1, dims: ['n', `${name}_steps`] })),
  outputs: ['value', 'low', 'high'].map(name => ({ name, type: 1, dims: ['n', 'b_steps'] })),
};
const BOUNDED_MANIFEST = {
  formatVersion: 1,
  graph: { file: 'model.onnx' },
  inputs: ['a', 'b'].map(name => ({ name, tensor: name, kind: 'tensor' })),
  heads: [
    {
      name: 'y',
      tensor: 'value',
      kind: 'regression',
      per: 'step',
      input: 'b',
      interval: { lower: 'low', upper: 'high' },
    },
  ],
};
const MANIFEST = {
  formatVersion: 1,
  graph: { file: 'model.onnx' },
  inputs: [{ name: 'x', tensor: 'x', kind: 'numeric', features: [{ name: 'a' }] }],
  heads: [{ name: 'double', tensor: 'twice', kind: 'regression', per: 'step' }],
};

describe('outputs', () => {
  let app: TestApp;
  const infer = async (model: string, x: object, envelope: object = {}) =>
    inject(app, `/v2/models/${model}/infer`, jsonBody([{ name: 'x', datatype: 'FP32', ...x } as never], envelope));

  before(async () => {
    const root = temporaryFolder();
    for (const [name, graph, manifest] of [
      ['classifier', CLASSIFIER, undefined],
      ['several', SEVERAL, MANIFEST],
      ['bounded', BOUNDED, BOUNDED_MANIFEST],
    ] as const) {
      const folder = path.join(root, name, '1');
      mkdirSync(folder, { recursive: true });
      writeFileSync(path.join(folder, 'model.onnx'), onnxFile(graph));
      if (manifest) writeFileSync(path.join(folder, 'manifest.json'), JSON.stringify(manifest));
    }
    app = await startApp({ POLYHEAD_MODEL_REPOSITORY: root });
  });
  after(() => app.close());

  it('that are maps are left out, with a hint; the tensors beside them are served', async () => {
    const { outputs } = answerOf(await infer('classifier', { shape: [2, 3], data: [0, 5, 1, 7, 2, 3] }));
    assert.deepEqual(
      outputs.map(({ name, data }) => [name, data]),
      [['label', [1, 0]]],
    );
    const { certificate } = JSON.parse((await app.app.inject('/v1/models/classifier')).body);
    const hint = certificate.warnings.find((text: string) => text.startsWith('output "maps" is a sequence'));
    assert.match(hint, /"zipmap": False/);
  });

  it('that no manifest names are answered where they are asked for, row by row', async () => {
    const x = { shape: [3, 2, 1], data: [1, 2, 3, 4, 5, 6] };
    const usual = answerOf(await infer('several', x)).outputs;
    assert.deepEqual(
      usual.map(({ name }) => name),
      ['twice'],
    );
    const asked = { outputs: [{ name: 'total' }, { name: 'square' }, { name: 'twice' }] };
    const { outputs } = answerOf(await infer('several', x, asked));
    assert.deepEqual(
      outputs.map(({ name, shape, data }) => [name, shape, data]),
      [
        ['total', [3, 1], [3, 7, 11]],
        ['square', [3, 2, 1], [1, 4, 9, 16, 25, 36]],
        ['twice', [3, 2, 1], [2, 4, 6, 8, 10, 12]],
      ],
    );
    const { outputs: told } = jsonOf(await inject(app, '/v2/models/several'));
    assert.deepEqual(
      told.map(({ name }: { name: string }) => name),
      ['twice', 'square', 'total'],
    );
    errorOf(await infer('several', x, { outputs: [{ name: 'none' }] }), 400, /unexpected inference output "none"/);
  });

  it('that bound a head have the steps of the input that the head follows', async () => {
    const tensor = (name: string, steps: number) => ({
      name,
      datatype: 'FP32',
      shape: [1, steps],
      data: Array.from({ length: steps }, (_, t) => t),
    });
    const body = jsonBody([tensor('a', 2), tensor('b', 3)] as never, {});
    const { outputs } = answerOf(await inject(app, '/v2/models/bounded/infer', body));
    for (const { name, shape } of outputs) assert.deepEqual(shape, [1, 3], name);
    assert.equal(outputs.length, 3);
  });
});
