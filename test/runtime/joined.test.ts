// Outputs joined into one as a graph is opened: whatever is asked for, the same bits as without; what does not agree is let be.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import type { Tensors } from '../../src/core/tensor.ts';
import { groupsOf } from '../../src/runtime/joined.ts';
import { openSession } from '../../src/runtime/session.ts';
import { floatBytes, type NodeSpec, onnxFile, type TensorSpec, type ValueSpec } from '../support/models/onnx-writer.ts';
import { temporaryFolder } from '../support/models/served-copies.ts';

const HEADS = 16;
const names = Array.from({ length: HEADS }, (_, i) => `head${i}`);
const x = { name: 'x', type: 1, dims: ['n', 2] };
const output = (name: string, type = 1, dims: ValueSpec['dims'] = ['n', 2]): ValueSpec => ({ name, type, dims });
const times = (name: string, factor: number): [NodeSpec, TensorSpec] => [
  { op: 'Mul', inputs: ['x', `by ${name}`], outputs: [name] },
  { name: `by ${name}`, type: 1, dims: [1], raw: floatBytes(factor) },
];

function fileOf(
  nodes: readonly NodeSpec[],
  initializers: readonly TensorSpec[],
  outputs: readonly ValueSpec[],
): string {
  const file = path.join(temporaryFolder(), 'model.onnx');
  writeFileSync(file, onnxFile({ nodes, initializers, inputs: [x], outputs }));
  return file;
}

const declared = (outputs: readonly ValueSpec[]) =>
  outputs.map(({ name, type, dims = [] }) => ({ name, dtype: type === 1 ? 'float32' : 'int64', dims }));
const feedsOf = (rows: number): Tensors => ({
  x: { dtype: 'float32', dims: [rows, 2], data: Float32Array.from({ length: 2 * rows }, (_, i) => i / 7 - 1) },
});
const sessionOf = (graphFile: string) => ({ graphFile, provider: 'cpu', intraOpThreads: 1 }) as const;

/** Runs both sessions, with growing rows and with parts of the outputs. */
async function assertSame(file: string, outputs: readonly ValueSpec[]): Promise<void> {
  const before = readFileSync(file);
  const plain = await openSession(sessionOf(file));
  const joined = await openSession({ ...sessionOf(file), joined: groupsOf(declared(outputs)) });
  const all = outputs.map(({ name }) => name);
  for (const rows of [1, 1, 3, 2, 1, 5]) {
    for (const fetches of [all, all.slice(1), all.toReversed(), all.slice(0, 1)]) {
      const told = await joined.run(feedsOf(rows), fetches);
      assert.deepEqual(told, await plain.run(feedsOf(rows), fetches));
      assert.deepEqual(Object.keys(told), fetches);
    }
  }
  plain.release();
  joined.release();
  assert.deepEqual(readFileSync(file), before, 'the file is as it was');
}

test('outputs of one type and shape are a group, if they are enough, their rows are open and the rest is known', () => {
  const group = (outputs: readonly ValueSpec[]) => groupsOf(declared(outputs)).map(({ members }) => members);
  assert.deepEqual(group(names.map(name => output(name))), [names]);
  assert.deepEqual(group([...names.map(name => output(name)), output('other', 1, ['n', 3])]), [names]);
  assert.deepEqual(group(names.slice(1).map(name => output(name))), []);
  for (const dims of [[4, 2], [null, 2], ['n', 't'], []]) {
    assert.deepEqual(group(names.map(name => output(name, 1, dims))), [], JSON.stringify(dims));
  }
});

test('two types of outputs, a group of each, say the same bits as alone', async () => {
  const ids = names.map(name => `${name} id`);
  const parts = names.map((name, i) => times(name, i / 3));
  const casts = ids.map(
    (id, i): NodeSpec => ({ op: 'Cast', inputs: [names[i]], outputs: [id], attributes: { to: 7 } }),
  );
  const outputs = [...names.map(name => output(name)), ...ids.map(id => output(id, 7))];
  assert.equal(groupsOf(declared(outputs)).length, 2);
  const file = fileOf(
    [...parts.map(([node]) => node), ...casts],
    parts.map(([, tensor]) => tensor),
    outputs,
  );
  await assertSame(file, outputs);
});

test('outputs that have other rows than they declare are told as they are', async () => {
  const parts = names.map((name, i) => times(name, i));
  const nodes = parts.map(([node]) => node);
  // The first says that it has a row for each of x, and has one.
  nodes[0] = { op: 'ReduceSum', inputs: ['x', 'axes'], outputs: [names[0]], attributes: { keepdims: 1 } };
  const axes = { name: 'axes', type: 7, dims: [1], raw: new Uint8Array(BigInt64Array.of(0n).buffer) };
  const outputs = names.map(name => output(name));
  await assertSame(fileOf(nodes, [...parts.slice(1).map(([, tensor]) => tensor), axes], outputs), outputs);
});

test('a graph that cannot be opened is refused as without', async () => {
  const file = path.join(temporaryFolder(), 'model.onnx');
  writeFileSync(file, 'no graph');
  const reason = await openSession(sessionOf(file)).catch(error => error.message);
  const joined = groupsOf(declared(names.map(name => output(name))));
  await assert.rejects(openSession({ ...sessionOf(file), joined }), { message: reason });
});
