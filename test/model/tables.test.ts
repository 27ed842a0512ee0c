// Ids outside a graph's table are refused before the run, on every protocol, also where the manifest says nothing of them.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { checkTensors } from '../../src/sequence/check-tensors.ts';
import { floatBytes, onnxFile } from '../support/models/onnx-writer.ts';
import { load, reasonsOf, repositoryOf } from '../support/models/registries.ts';

const ROWS = 5;
const TIME = { minimum: 1, maximum: 8 };

/** y = the sum over time of table[ids] + bias[who]; ids [n, t] and who [] are whole numbers. */
const GRAPH = onnxFile({
  nodes: [
    { op: 'Cast', inputs: ['ids'], outputs: ['whole'], attributes: { to: 7 } },
    { op: 'Gather', inputs: ['table', 'whole'], outputs: ['found'] },
    { op: 'ReduceSum', inputs: ['found', 'axis'], outputs: ['sum'], attributes: { keepdims: 0 } },
    { op: 'Gather', inputs: ['table', 'who'], outputs: ['bias'] },
    { op: 'Add', inputs: ['sum', 'bias'], outputs: ['y'] },
  ],
  initializers: [
    { name: 'table', type: 1, dims: [ROWS], raw: floatBytes(1, 2, 4, 8, 16) },
    { name: 'axis', type: 7, dims: [1], raw: new Uint8Array(BigInt64Array.of(1n).buffer) },
  ],
  inputs: [
    { name: 'ids', type: 6, dims: ['n', 't'] },
    { name: 'who', type: 7, dims: [] },
  ],
  outputs: [{ name: 'y', type: 1, dims: ['n'] }],
});

async function served(ids: object, who: object = {}) {
  const repository = repositoryOf({});
  mkdirSync(repository.at('m/1'), { recursive: true });
  const inputs = [
    { name: 'ids', tensor: 'ids', time: TIME, ...ids },
    { name: 'who', tensor: 'who', kind: 'side', default: 0, ...who },
  ];
  const manifest = {
    formatVersion: 1,
    graph: { file: 'model.onnx' },
    inputs,
    heads: [{ name: 'y', tensor: 'y', kind: 'regression' }],
  };
  writeFileSync(repository.at('m/1/model.onnx'), GRAPH);
  writeFileSync(repository.at('m/1/manifest.json'), JSON.stringify(manifest));
  return load(repository.root);
}

const whoIs = (value: number) => ({
  who: { dtype: 'int64', dims: [], data: BigInt64Array.of(BigInt(value)) } as const,
});
const idsAre = (...values: number[]) => ({
  ids: { dtype: 'int32', dims: [1, values.length], data: Int32Array.from(values) } as const,
});

test('a tensor and a side input without a range take the ids of the table, counted from either end, and no others', async () => {
  const registry = await served({ kind: 'tensor' });
  assert.deepEqual(registry.refused, []);
  const model = registry.get('m');
  const answer = async (value: unknown) => {
    const [row] = await model.batcher.submit([model.parse(value, [])]).rows;
    return row.outputs.y.data[row.index];
  };
  assert.equal(await answer({ ids: [0, 4], who: 1 }), 1 + 16 + 2);
  assert.equal(await answer({ ids: [-1, -5], who: -2 }), 16 + 1 + 8);
  for (const [value, words] of [
    [{ ids: [0, 5] }, /5.*expected a number from -5 up to 4/],
    [{ ids: [-6] }, /-6.*expected a number from -5 up to 4/],
    [{ ids: [0], who: 5 }, /5.*expected a number from -5 up to 4/],
    [{ ids: [0], who: -6 }, /-6.*expected a number from -5 up to 4/],
  ] as const) {
    assert.throws(() => model.parse(value, []), { code: 'INVALID_SEQUENCE', message: words });
  }
  assert.equal(checkTensors(model, { ...idsAre(0, -5, 4), ...whoIs(4) }), 1);
  for (const tensors of [
    { ...idsAre(0, 5), ...whoIs(0) },
    { ...idsAre(-6), ...whoIs(0) },
    { ...idsAre(0), ...whoIs(5) },
    { ...idsAre(0), ...whoIs(-6) },
  ]) {
    assert.throws(() => checkTensors(model, tensors), {
      code: 'INVALID_REQUEST',
      message: /expected a number from -5 up to 4/,
    });
  }
  await registry.close();
});

test('a manifest may allow less than the table holds, and not more', async () => {
  const narrow = await served({ kind: 'tensor', minimum: 0, maximum: 2 }, { minimum: 0, maximum: 1 });
  assert.throws(() => narrow.get('m').parse({ ids: [3] }, []), { code: 'INVALID_SEQUENCE' });
  assert.throws(() => narrow.get('m').parse({ ids: [0], who: -1 }, []), { code: 'INVALID_SEQUENCE' });
  await narrow.close();
  for (const [ids, who, words] of [
    [{ kind: 'index', size: 6 }, {}, 'input "ids" allows ids up to 5, and'],
    [{ kind: 'tensor', maximum: 5 }, {}, 'input "ids" allows numbers up to 5, and'],
    [{ kind: 'tensor', minimum: -9 }, {}, 'input "ids" allows numbers from -9, and'],
    [{ kind: 'index', size: 5 }, { maximum: 7 }, 'input "who" allows numbers up to 7, and'],
  ] as const) {
    const registry = await served(ids, who);
    assert.equal(reasonsOf(registry)['m/1'], `m/1: manifest.json: ${words} the graph's table has 5 rows`);
    await registry.close();
  }
});

/**
 * y = the sum over time of table[x0] + wide[x1, x2] + x3, each column taken from x [n, t, 4] in a way of its own: by Gather,
 * by Slice into GatherND, by Split.
 */
const COLUMNS = onnxFile({
  nodes: [
    { op: 'Gather', inputs: ['x', 'zero'], outputs: ['x0'], attributes: { axis: 2 } },
    { op: 'Cast', inputs: ['x0'], outputs: ['id'], attributes: { to: 7 } },
    { op: 'Gather', inputs: ['table', 'id'], outputs: ['a'] },
    { op: 'Slice', inputs: ['x', 'one', 'three', 'last'], outputs: ['x12'] },
    { op: 'Cast', inputs: ['x12'], outputs: ['pair'], attributes: { to: 7 } },
    { op: 'GatherND', inputs: ['wide', 'pair'], outputs: ['b'] },
    { op: 'Split', inputs: ['x', 'parts'], outputs: ['rest', 'x3'], attributes: { axis: 2 } },
    { op: 'Squeeze', inputs: ['x3', 'last'], outputs: ['c'] },
    { op: 'Add', inputs: ['a', 'b'], outputs: ['ab'] },
    { op: 'Add', inputs: ['ab', 'c'], outputs: ['abc'] },
    { op: 'ReduceSum', inputs: ['abc', 'one'], outputs: ['y'], attributes: { keepdims: 0 } },
  ],
  initializers: [
    { name: 'table', type: 1, dims: [ROWS], raw: floatBytes(1, 2, 4, 8, 16) },
    { name: 'wide', type: 1, dims: [2, 3], raw: floatBytes(100, 200, 300, 400, 500, 600) },
    ...Object.entries({ zero: [], one: [1], three: [1], last: [1], parts: [2] }).map(([name, dims]) => ({
      ...{ name, type: 7, dims },
      raw: new Uint8Array(
        BigInt64Array.from({ zero: [0n], one: [1n], three: [3n], last: [2n], parts: [3n, 1n] }[name] ?? []).buffer,
      ),
    })),
  ],
  inputs: [{ name: 'x', type: 1, dims: ['n', 't', 4] }],
  outputs: [{ name: 'y', type: 1, dims: ['n'] }],
});

async function servedColumns(features: readonly object[]) {
  const repository = repositoryOf({});
  mkdirSync(repository.at('m/1'), { recursive: true });
  const manifest = {
    formatVersion: 1,
    graph: { file: 'model.onnx' },
    inputs: [{ name: 'x', tensor: 'x', kind: 'numeric', time: TIME, features }],
    heads: [{ name: 'y', tensor: 'y', kind: 'regression' }],
  };
  writeFileSync(repository.at('m/1/model.onnx'), COLUMNS);
  writeFileSync(repository.at('m/1/manifest.json'), JSON.stringify(manifest));
  return load(repository.root);
}

test('columns of numbers that are looked up take the ids of their own table, and the others any number', async () => {
  const names = ['id', 'row', 'column', 'free'].map(name => ({ name }));
  const registry = await servedColumns(names);
  assert.deepEqual(registry.refused, []);
  const model = registry.get('m');
  const [row] = await model.batcher.submit([
    model.parse(
      [
        [4, 1, 2, 0.5],
        [-1, 0, -3, 1000],
      ],
      [],
    ),
  ]).rows;
  assert.equal(row.outputs.y.data[row.index], 16 + 600 + 0.5 + (16 + 100 + 1000));
  for (const [step, words] of [
    [[5, 0, 0, 0], /5.*4/],
    [[0, 2, 0, 0], /2.*1/],
    [[0, 0, 3, 0], /3.*2/],
    [[0, 0, -4, 0], /-4.*-3/],
  ] as const) {
    assert.throws(() => model.parse([step], []), { code: 'INVALID_SEQUENCE', message: words });
  }
  await registry.close();
  for (const [feature, words] of [
    [{ name: 'row', maximum: 2 }, 'feature "row" allows numbers up to 2, and the graph\'s table has 2 rows'],
    [
      { name: 'row', categories: ['a', 'b', 'c'] },
      'feature "row" allows 3 categories, and the graph\'s table has 2 rows',
    ],
  ] as const) {
    const refused = await servedColumns(names.with(1, feature as never));
    assert.equal(reasonsOf(refused)['m/1'], `m/1: manifest.json: ${words}`);
    await refused.close();
  }
});
