// An ONNX file read without running it: what is told of it, and every file that is refused before a session sees it.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, symlinkSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, test } from 'node:test';
import { readGraph } from '../../../src/model/onnx/graph.ts';
import { floatBytes, type GraphSpec, onnxFile, type TensorSpec } from '../../support/models/onnx-writer.ts';
import { refusalOf } from '../../support/models/refusal.ts';
import { TemporaryRepository } from '../../support/models/repository.ts';
import { FIXTURES, ROOT } from '../../support/server/service.ts';

const folder = new TemporaryRepository();
after(() => folder.remove());

const FILE = folder.at('model.onnx');
const VALUE = { name: 'x', type: 1, dims: ['n'] };
const LEAST: GraphSpec = { nodes: [{ op: 'Relu', inputs: ['x'], outputs: ['y'] }], inputs: [VALUE] };

function write(graph: GraphSpec | Uint8Array | string): string {
  writeFileSync(FILE, typeof graph === 'string' || graph instanceof Uint8Array ? graph : onnxFile(graph));
  return FILE;
}

const withWeight = (weight: TensorSpec): GraphSpec => ({ ...LEAST, initializers: [{ name: 'w', ...weight }] });

/** A copy of the fixture whose weights lie in weights.bin, as `<name>/model.onnx`. */
function external(name: string): { graph: string; weights: string } {
  const version = folder.copy('test/fixtures/models/external/1', name);
  return { graph: path.join(version, 'model.onnx'), weights: path.join(version, 'weights.bin') };
}

test('a graph of PyTorch tells its operators, its sizes and its signature', async () => {
  const file = `${FIXTURES}/lstm/1/model.onnx`;
  const graph = await readGraph(file);
  assert.match(graph.producer, /^pytorch 2\./);
  assert.equal(graph.opsets['ai.onnx'], 17);
  assert.equal(graph.operators.LSTM, 2);
  assert.equal(graph.bytes, readFileSync(file).length);
  assert.equal(graph.sha256, createHash('sha256').update(readFileSync(file)).digest('hex'));
  assert.deepEqual(graph.externalData, []);
  assert.deepEqual(
    graph.inputs.map(({ name, dtype, dims }) => [name, dtype, dims.length]),
    [
      ['x', 'float32', 3],
      ['lengths', 'int64', 1],
      ['h0', 'float32', 3],
      ['c0', 'float32', 3],
    ],
  );
  assert.deepEqual(
    graph.outputs.map(output => output.name),
    ['alarm_logit', 'kind_logits', 'tags', 'level', 'level_lower', 'level_upper', 'hn', 'cn'],
  );
  assert.equal(typeof graph.inputs[0].dims[0], 'string');
  assert.equal(graph.inputs[0].dims[2], 3);
});

test('weights beside the graph are found, counted and named', async () => {
  const graph = await readGraph(`${FIXTURES}/external/1/model.onnx`);
  const weights = readFileSync(`${FIXTURES}/external/1/weights.bin`);
  const sha256 = createHash('sha256').update(weights).digest('hex');
  assert.deepEqual(graph.externalData, [{ file: 'weights.bin', bytes: weights.length, sha256 }]);
  assert.ok(graph.parameters * 4 >= weights.length);
});

test('operators of loop bodies and other domains, floating-point values, symbols and unknown shapes', async () => {
  const file = write({
    nodes: [
      { op: 'Relu', outputs: ['y'] },
      { op: 'Gelu', domain: 'com.microsoft' },
      { op: 'Constant', tensor: { type: 1, dims: [4], raw: floatBytes(1, 2, 3, 4) } },
      { op: 'Loop', body: { nodes: [{ op: 'Relu' }], initializers: [{ type: 11, dims: [2], doubles: [1, 2] }] } },
    ],
    initializers: [
      { name: 'w', type: 1, dims: [2, 3], raw: floatBytes(1, 2, 3, 4, 5, 6) },
      { name: 'shape', type: 7, dims: [5], raw: new Uint8Array(40) },
    ],
    inputs: [
      { name: 'x', type: 1, dims: ['batch', null, 3, 0] },
      { name: 'words', type: 8 },
      { name: 'w', type: 1, dims: [2, 3] },
    ],
    outputs: [{ name: 'y', type: 9, dims: [] }],
  });
  const { body, ...graph } = await readGraph(file);
  assert.equal(body.nodes.length + Object.keys(body.constants).length > 0, true);
  assert.deepEqual(graph, {
    file: path.basename(file),
    producer: 'by hand',
    opsets: { 'ai.onnx': 17, 'com.microsoft': 1 },
    operators: { Relu: 2, 'com.microsoft.Gelu': 1, Constant: 1, Loop: 1 },
    parameters: 4 + 2 + 6,
    bytes: readFileSync(file).length,
    sha256: createHash('sha256').update(readFileSync(file)).digest('hex'),
    externalData: [],
    metadata: {},
    inputs: [
      { name: 'x', dtype: 'float32', dims: ['batch', null, 3, null] },
      { name: 'words', dtype: 'string', dims: [] },
    ],
    outputs: [{ name: 'y', dtype: 'bool', dims: [] }],
    unserved: [],
    writers: { y: 'Relu' },
    tables: {},
    columns: {},
    words: [],
  });
});

test('the broken graphs among the fixtures', async () => {
  const refused = {
    empty: 'model.onnx is empty',
    truncated: 'model.onnx is not an ONNX graph, or it is truncated (1867 bytes)',
    'not-onnx': 'model.onnx is not an ONNX graph, or it is truncated (43 bytes)',
    'lfs-pointer': 'model.onnx is a git-lfs pointer, not a graph: fetch the file with "git lfs pull"',
    'nan-weight':
      'model.onnx: weight "onnx::LSTM_114" holds NaN, as W of LSTM "/trunk/lstm/LSTM"; weights must be finite',
    'external-escape':
      'model.onnx: external data "../../secret.bin" of weight "color.weight" must be a file beside the graph',
  };
  for (const [name, text] of Object.entries(refused)) {
    assert.equal(await refusalOf(readGraph(`${ROOT}test/fixtures/broken/${name}/1/model.onnx`)), text);
  }
});

test('a graph cut at any byte is refused or still whole, never half read', async () => {
  const whole = readFileSync(`${ROOT}test/fixtures/broken/wrong-golden/1/model.onnx`);
  for (let bytes = 0; bytes < whole.length; bytes += 37) {
    const text = await refusalOf(readGraph(write(whole.subarray(0, bytes))));
    assert.match(text, /^model\.onnx is (empty$|not an ONNX graph)/);
  }
});

test('a file that is not there, no file, or no graph', async () => {
  assert.equal(await refusalOf(readGraph(folder.at('gone.onnx'))), 'gone.onnx is missing');
  mkdirSync(folder.at('folder.onnx'));
  assert.equal(await refusalOf(readGraph(folder.at('folder.onnx'))), 'folder.onnx is not a file');
  const text = await refusalOf(readGraph(write({ nodes: [] })));
  assert.match(text, /^model\.onnx is not an ONNX graph \(no nodes or no operator set in \d+ bytes\)$/);
});

test('finite weights pass in every field, the largest too, and integers are not read as floats', async () => {
  const weights: TensorSpec[] = [
    { type: 1, dims: [2], raw: floatBytes(3.4028234663852886e38, -1e-45) },
    { type: 1, dims: [2], floats: [0, -0] },
    { type: 11, dims: [1], doubles: [Number.MAX_VALUE] },
    { type: 10, dims: [2], raw: new Uint8Array(Uint16Array.of(0x7bff, 0x8001).buffer) },
    { type: 10, dims: [1], ints: [0x7bff] },
    { type: 16, dims: [1], raw: new Uint8Array(Uint16Array.of(0x7f7f).buffer) },
    { type: 7, dims: [1], raw: new Uint8Array(8).fill(0xff) },
    { type: 6, dims: [1], ints: [0x7fc00000] },
  ];
  for (const weight of weights) await readGraph(write(withWeight(weight)));
});

test('a tensor of an unknown type, and one of a name that JavaScript would lose', async () => {
  const typed = await refusalOf(readGraph(write({ ...LEAST, inputs: [{ name: 'x', type: 14, dims: [1] }] })));
  assert.equal(typed, 'model.onnx: "x" is not a tensor of a type the server knows');
  for (const side of ['inputs', 'outputs'] as const) {
    const text = await refusalOf(readGraph(write({ ...LEAST, [side]: [{ ...VALUE, name: '__proto__' }] })));
    assert.equal(text, 'model.onnx: a tensor named __proto__ cannot be served');
  }
});

test('external data must be a plain file beside the graph', async () => {
  for (const location of ['../w.bin', '/etc/hostname', 'sub/w.bin', '', '.', '..', './../model/../w.bin']) {
    const text = await refusalOf(readGraph(write(withWeight({ type: 1, dims: [1], external: { location } }))));
    assert.equal(text, `model.onnx: external data "${location}" of weight "w" must be a file beside the graph`);
  }
  const gone = await refusalOf(readGraph(write(withWeight({ type: 1, dims: [1], external: { location: 'w.bin' } }))));
  assert.equal(gone, 'model.onnx: external data "w.bin" of weight "w" is missing');
  const integers = withWeight({ type: 7, dims: [1], external: { location: '../w.bin' } });
  assert.match(await refusalOf(readGraph(write(integers))), /must be a file beside the graph$/);
});

test('external data that is a link, soft or hard, is refused', async () => {
  const [soft, hard] = ['soft', 'hard'].map(external);
  const elsewhere = folder.at('elsewhere.bin');
  writeFileSync(elsewhere, readFileSync(soft.weights));
  unlinkSync(soft.weights);
  symlinkSync(elsewhere, soft.weights);
  unlinkSync(hard.weights);
  linkSync(elsewhere, hard.weights);
  for (const { graph } of [soft, hard]) {
    const text = await refusalOf(readGraph(graph));
    assert.match(
      text,
      /^model\.onnx: external data "weights\.bin" of weight "[^"]+" must be a plain file, not a link$/,
    );
  }
});

test('external data that ends beyond its file, or is not finite', async () => {
  const short = external('short');
  truncateSync(short.weights, readFileSync(short.weights).length - 1);
  assert.match(
    await refusalOf(readGraph(short.graph)),
    /^model\.onnx: external data of weight "[^"]+" ends beyond its file$/,
  );
  const spoilt = external('spoilt');
  const bytes = readFileSync(spoilt.weights);
  bytes.writeFloatLE(Number.NaN, 0);
  writeFileSync(spoilt.weights, bytes);
  assert.match(
    await refusalOf(readGraph(spoilt.graph)),
    /^model\.onnx: weight "[^"]+" holds NaN, as B of Gemm "[^"]+"; weights must be finite$/,
  );
  writeFileSync(folder.at('w.bin'), floatBytes(1, 2));
  const ranges: Record<string, string>[] = [
    { offset: '4', length: '8' },
    { offset: '9' },
    { offset: '-1' },
    { length: '9' },
    { offset: 'x' },
  ];
  for (const range of ranges) {
    const weight = { type: 1, dims: [2], external: { location: 'w.bin', ...range } };
    const text = await refusalOf(readGraph(write(withWeight(weight))));
    assert.equal(text, 'model.onnx: external data of weight "w" ends beyond its file');
  }
});
