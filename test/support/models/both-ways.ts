// A model whose LSTM reads both ways, with its state in and out: the state of the way back cannot continue anything.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { randomNumbers } from '../../../src/proof/samples.ts';
import { floatBytes, onnxFile } from './onnx-writer.ts';

const HIDDEN = 2;
const FEATURES = 2;

/** Writes version 1 of `both-ways` into a repository. */
export function writeBothWays(repository: string): void {
  const random = randomNumbers(8);
  const weights = (name: string, ...dims: number[]) => {
    const count = dims.reduce((product, size) => product * size, 1);
    return { name, type: 1, dims, raw: floatBytes(...Array.from({ length: count }, () => random() - 0.5)) };
  };
  const state = [2, 'n', HIDDEN];
  const graph = onnxFile({
    nodes: [
      {
        op: 'LSTM',
        inputs: ['x', 'W', 'R', '', '', 'h0', 'c0'],
        outputs: ['Y', 'hn', 'cn'],
        attributes: { direction: 'bidirectional', hidden_size: HIDDEN },
      },
      { op: 'ReduceSum', inputs: ['Y', 'directions'], outputs: ['y'], attributes: { keepdims: 0 } },
    ],
    initializers: [
      weights('W', 2, 4 * HIDDEN, FEATURES),
      weights('R', 2, 4 * HIDDEN, HIDDEN),
      { name: 'directions', type: 7, dims: [1], raw: new Uint8Array(BigInt64Array.of(1n).buffer) },
    ],
    inputs: [
      { name: 'x', type: 1, dims: ['t', 'n', FEATURES] },
      { name: 'h0', type: 1, dims: state },
      { name: 'c0', type: 1, dims: state },
    ],
    outputs: [
      { name: 'y', type: 1, dims: ['t', 'n', HIDDEN] },
      { name: 'hn', type: 1, dims: state },
      { name: 'cn', type: 1, dims: state },
    ],
  });
  const axes = { batchAxis: 1, timeAxis: 0 };
  const manifest = {
    formatVersion: 1,
    graph: { file: 'model.onnx' },
    inputs: [{ name: 'signal', tensor: 'x', kind: 'numeric', features: [{ name: 'u' }, { name: 'v' }], ...axes }],
    heads: [{ name: 'y', tensor: 'y', kind: 'tensor', per: 'step', ...axes }],
    state: [
      { input: 'h0', output: 'hn' },
      { input: 'c0', output: 'cn' },
    ],
  };
  const folder = path.join(repository, 'both-ways', '1');
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, 'model.onnx'), graph);
  writeFileSync(path.join(folder, 'manifest.json'), JSON.stringify(manifest));
}
