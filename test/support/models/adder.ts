// A graph with state whose only weight lies in a file beside it, where it can be swapped without a change to the graph.
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { floatBytes, onnxFile } from './onnx-writer.ts';

/** y = next = w x + h, added up over time; w lies in a file beside the graph. */
const GRAPH = onnxFile({
  nodes: [
    { op: 'Mul', inputs: ['x', 'w'], outputs: ['z'] },
    { op: 'ReduceSum', inputs: ['z', 'axis'], outputs: ['s'], attributes: { keepdims: 0 } },
    { op: 'Add', inputs: ['s', 'h'], outputs: ['next'] },
    { op: 'Identity', inputs: ['next'], outputs: ['y'] },
  ],
  initializers: [
    { name: 'axis', type: 7, dims: [1], raw: new Uint8Array(BigInt64Array.of(1n).buffer) },
    { name: 'w', type: 1, dims: [1], external: { location: 'w.bin', offset: '0', length: '4' } },
  ],
  inputs: [
    { name: 'x', type: 1, dims: ['n', 't', 1] },
    { name: 'h', type: 1, dims: ['n', 1] },
  ],
  outputs: [
    { name: 'y', type: 1, dims: ['n', 1] },
    { name: 'next', type: 1, dims: ['n', 1] },
  ],
});
const MANIFEST = {
  formatVersion: 1,
  graph: { file: 'model.onnx' },
  inputs: [{ name: 'x', tensor: 'x', kind: 'numeric', features: [{ name: 'x' }] }],
  heads: [{ name: 'y', tensor: 'y', kind: 'regression' }],
  state: [{ input: 'h', output: 'next', batchAxis: 0 }],
};

export function writeAdder(folder: string, weight: number): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, 'model.onnx'), GRAPH);
  writeFileSync(path.join(folder, 'manifest.json'), JSON.stringify(MANIFEST));
  swapWeight(folder, weight);
}

/** By a rename, as weights are published. */
export function swapWeight(folder: string, weight: number): void {
  writeFileSync(path.join(folder, '.w.bin'), floatBytes(weight));
  renameSync(path.join(folder, '.w.bin'), path.join(folder, 'w.bin'));
}
