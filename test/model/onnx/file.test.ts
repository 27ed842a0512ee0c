// Large ONNX files with bounded memory: large weights stay in the file, and what is decoded tells where they lie.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { closeSync, ftruncateSync, openSync, readFileSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { after, test } from 'node:test';
import { externalEntry, INSIDE, readSkeleton, scan } from '../../../src/model/onnx/file.ts';
import { type Graph, readGraph } from '../../../src/model/onnx/graph.ts';
import { decodeModel } from '../../../src/model/onnx/proto.ts';
import { floatBytes, type GraphSpec, onnxFile, type TensorSpec } from '../../support/models/onnx-writer.ts';
import { refusalOf } from '../../support/models/refusal.ts';
import { TemporaryRepository } from '../../support/models/repository.ts';
import { FIXTURES, ROOT } from '../../support/server/service.ts';

const folder = new TemporaryRepository();
after(() => folder.remove());
const FILE = folder.at('model.onnx');
const MEBI = 1024 * 1024;

const graphOf = (initializers: TensorSpec[]): GraphSpec => ({
  nodes: [{ op: 'MatMul', inputs: ['x', 'large'], outputs: ['y'] }],
  initializers,
  inputs: [{ name: 'x', type: 1, dims: ['n', 't', 3] }],
  outputs: [{ name: 'y', type: 1, dims: ['n', 't', 3] }],
});

function write(spec: GraphSpec): Buffer {
  const bytes = Buffer.from(onnxFile(spec));
  writeFileSync(FILE, bytes);
  return bytes;
}

async function skeletonOf(file: string): Promise<Uint8Array> {
  const handle = await open(file);
  try {
    return await readSkeleton(handle);
  } finally {
    await handle.close();
  }
}

const COUNT = 50_000;
const many = (values: (i: number) => number) => Array.from({ length: COUNT }, (_, i) => values(i));

test('a small graph is kept byte for byte', async () => {
  for (const model of ['lstm/1', 'tokens/1', 'external/1']) {
    const file = `${FIXTURES}/${model}/model.onnx`;
    assert.deepEqual(Buffer.from(await skeletonOf(file)), readFileSync(file), model);
  }
});

test('weights above 64 KiB stay in the file, whatever field holds them, and the place told is where they lie', async () => {
  const values = many(i => Math.fround(Math.sin(i)));
  const forms: [Partial<TensorSpec>, number][] = [
    [{ type: 1, raw: floatBytes(...values) }, 4],
    [{ type: 1, floats: values }, 4],
    [{ type: 11, doubles: values }, 8],
  ];
  for (const [form, width] of forms) {
    const small = { name: 'small', type: 1, dims: [2], raw: floatBytes(1, 2) };
    const bytes = write(graphOf([{ name: 'large', type: 1, dims: [COUNT], ...form }, small]));
    const skeleton = await skeletonOf(FILE);
    assert.ok(skeleton.length < 1000, `${skeleton.length} bytes`);
    const { graph } = decodeModel(skeleton);
    const [large, other] = graph?.initializer ?? [];
    assert.equal(externalEntry(large, 'location'), INSIDE);
    assert.equal(externalEntry(other, 'location'), undefined);
    assert.deepEqual(Buffer.from(other.rawData), Buffer.from(small.raw));
    const [offset, length] = ['offset', 'length'].map(key => Number(externalEntry(large, key)));
    assert.equal(length, width * COUNT);
    const content = new Uint8Array(bytes.subarray(offset, offset + length)).buffer;
    assert.deepEqual([...(width === 4 ? new Float32Array(content) : new Float64Array(content))], values);
  }
});

/** Everything that a graph tells but its size and digest. */
function told({
  bytes: _bytes,
  sha256: _sha256,
  parameters: _parameters,
  body: _body,
  ...rest
}: Graph): Partial<Graph> {
  return rest;
}

test('a graph tells the same with a large weight as with a small one', async () => {
  write(graphOf([{ name: 'large', type: 1, dims: [2], raw: floatBytes(1, 2) }]));
  const small = await readGraph(FILE);
  const bytes = write(graphOf([{ name: 'large', type: 1, dims: [COUNT], raw: floatBytes(...many(i => i)) }]));
  const large = await readGraph(FILE);
  assert.deepEqual(told(large), told(small));
  assert.deepEqual([small.parameters, large.parameters], [2, COUNT]);
  assert.equal(large.sha256, createHash('sha256').update(bytes).digest('hex'));
});

test('a NaN or infinity anywhere in a large weight is found and the weight named', async () => {
  for (const at of [0, 16_383, 16_384, COUNT - 1]) {
    for (const bad of [Number.NaN, Infinity, -Infinity]) {
      const values = many(i => (i === at ? bad : 1));
      for (const form of [{ raw: floatBytes(...values) }, { floats: values }, { type: 11, doubles: values }]) {
        write(graphOf([{ name: 'large', type: 1, dims: [COUNT], ...form }]));
        assert.equal(
          await refusalOf(readGraph(FILE)),
          `model.onnx: weight "large" holds ${bad}, as B of MatMul "y"; weights must be finite`,
        );
      }
    }
  }
  const halves = new Uint16Array(COUNT).fill(0x3c00);
  halves[COUNT - 1] = 0x7c00;
  write(graphOf([{ name: 'large', type: 10, dims: [COUNT], raw: new Uint8Array(halves.buffer) }]));
  assert.match(await refusalOf(readGraph(FILE)), /^model\.onnx: weight "large" holds Infinity, as B of MatMul/);
});

test('a large graph that is cut anywhere is refused', async () => {
  const bytes = write(graphOf([{ name: 'large', type: 1, dims: [COUNT], raw: floatBytes(...many(i => i)) }]));
  for (const size of [bytes.length - 1, bytes.length - 100, 100_000, 70_000, 60]) {
    truncateSync(FILE, size);
    const text = `model.onnx is not an ONNX graph, or it is truncated (${size} bytes)`;
    assert.equal(await refusalOf(readGraph(FILE)), text);
    writeFileSync(FILE, bytes);
  }
});

test('scan gives the bytes in order, in chunks of whole words', async () => {
  const content = Buffer.from(Uint8Array.from({ length: 2 * MEBI + 13 }, (_, i) => i % 251));
  writeFileSync(folder.at('bytes'), content);
  const handle = await open(folder.at('bytes'));
  const chunks: Uint8Array[] = [];
  await scan(handle, 5, content.length - 5, chunk => chunks.push(chunk.slice()));
  assert.ok(Buffer.concat(chunks).equals(content.subarray(5)));
  for (const chunk of chunks.slice(0, -1)) assert.equal(chunk.length % 8, 0);
  await assert.rejects(
    scan(handle, 0, content.length + 1, () => {}),
    /ends within a weight/,
  );
  await handle.close();
});

/** By how many bytes memory grew at most while the work ran. */
async function growthDuring(work: () => Promise<unknown>): Promise<number> {
  const used = () => {
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  const before = used();
  let most = before;
  const sampler = setInterval(() => {
    most = Math.max(most, used());
  }, 2);
  try {
    await work();
  } finally {
    clearInterval(sampler);
  }
  return Math.max(most, used()) - before;
}

test('a graph followed by a gigabyte of nothing is refused at once, without memory', async () => {
  writeFileSync(FILE, readFileSync(`${ROOT}test/fixtures/models/lstm/1/model.onnx`));
  truncateSync(FILE, 1024 * MEBI);
  const growth = await growthDuring(async () => {
    const text = `model.onnx is not an ONNX graph, or it is truncated (${1024 * MEBI} bytes)`;
    assert.equal(await refusalOf(readGraph(FILE)), text);
  });
  assert.ok(growth < 20 * MEBI, `${growth / MEBI} MiB`);
});

test('a weight of many megabytes is read and checked with little memory', async () => {
  const size = 192 * MEBI;
  // The same graph with a weight of 8 bytes, whose lengths are then rewritten for the large one.
  const marker = floatBytes(1.25, 2.5);
  const small = onnxFile({
    nodes: [{ op: 'Relu', inputs: ['x'], outputs: ['y'] }],
    inputs: [{ name: 'x', type: 1, dims: ['n'] }],
  });
  const tensor = [0x08, 2, 0x10, 1, 0x42, 5, ...Buffer.from('large'), 0x4a];
  const head = (fields: number[], length: number) => [...fields, ...varint(length)];
  const inner = [...tensor, ...varint(size)];
  const initializer = head([0x2a], inner.length + size);
  const prefix = Buffer.from([...head([0x3a], initializer.length + inner.length + size), ...initializer, ...inner]);
  const file = openSync(FILE, 'w');
  writeSync(file, small); // a field given twice is merged: the second graph adds its weight to the first
  writeSync(file, prefix);
  writeSync(file, marker);
  ftruncateSync(file, small.length + prefix.length + size);
  closeSync(file);
  let graph: Graph | undefined;
  const growth = await growthDuring(async () => {
    graph = await readGraph(FILE);
  });
  assert.equal(graph?.bytes, small.length + prefix.length + size);
  assert.equal(graph?.operators.Relu, 1);
  assert.ok(growth < 20 * MEBI, `${growth / MEBI} MiB`);
  const spoilt = openSync(FILE, 'r+');
  writeSync(spoilt, floatBytes(Number.NaN), 0, 4, small.length + prefix.length + size - 4);
  closeSync(spoilt);
  assert.equal(await refusalOf(readGraph(FILE)), 'model.onnx: weight "large" holds NaN; weights must be finite');
});

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) + 128, ...varint(Math.floor(value / 128))];
}
