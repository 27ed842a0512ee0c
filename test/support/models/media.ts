// Graphs over pictures and sound whose answers are closed formulas of them: means of colours, power and peak of a recording.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type GraphSpec, type NodeSpec, onnxFile, type ValueSpec } from './onnx-writer.ts';
import { temporaryFolder } from './served-copies.ts';

const FLOAT = 1;
const UINT8 = 2;
const COLOURS = ['red', 'green', 'blue'];
type Dims = ValueSpec['dims'];

const value = (name: string, dims: Dims, type = FLOAT): ValueSpec => ({ name, type, dims });
const mean = (input: string, output: string, axes: number[]): NodeSpec => ({
  op: 'ReduceMean',
  inputs: [input],
  outputs: [output],
  attributes: { axes, keepdims: 0 },
});
const regressions = (...names: string[]) => names.map(name => ({ name, tensor: name, kind: 'regression' }));

/** The mean of each channel over a picture, whatever lies where. */
function colours(dims: Dims, axes: number[], type: number): GraphSpec {
  return {
    nodes: [
      { op: 'Cast', inputs: ['x'], outputs: ['pixels'], attributes: { to: FLOAT } },
      mean('pixels', 'means', axes),
      { op: 'Split', inputs: ['means'], outputs: COLOURS, attributes: { axis: 1 } },
    ],
    inputs: [value('x', dims, type)],
    outputs: COLOURS.map(name => value(name, ['n', 1])),
  };
}

/** Power and peak of a recording. */
function loudness(dims: Dims, axes: number[]): GraphSpec {
  const peak: NodeSpec = { ...mean('x', 'peak', axes), op: 'ReduceMax' };
  return {
    nodes: [{ op: 'Mul', inputs: ['x', 'x'], outputs: ['squares'] }, mean('squares', 'power', axes), peak],
    inputs: [value('x', dims)],
    outputs: [value('power', ['n']), value('peak', ['n'])],
  };
}

export const MEAN = [0.485, 0.456, 0.406];
export const STD = [0.229, 0.224, 0.225];
const STILL = { timeAxis: null, time: { maximum: 1 } };

const MODELS: Record<string, { graph: GraphSpec; input: object; heads: object[] }> = {
  photo: {
    graph: colours(['n', 3, 48, 64], [2, 3], FLOAT),
    input: { ...STILL, media: { type: 'image', mean: MEAN, std: STD } },
    heads: regressions(...COLOURS),
  },
  bytes: {
    graph: colours(['n', 48, 64, 3], [1, 2], UINT8),
    input: { ...STILL, media: { type: 'image', layout: 'HWC', scale: 1 } },
    heads: regressions(...COLOURS),
  },
  // a line of writing: as many steps as it is wide
  line: {
    graph: {
      nodes: [mean('x', 'ink', [1])],
      inputs: [value('x', ['n', 12, 't'])],
      outputs: [value('ink', ['n', 't'])],
    },
    input: { timeAxis: 2, time: { maximum: 400 }, media: { type: 'image', layout: 'HW' } },
    heads: [{ name: 'ink', tensor: 'ink', kind: 'regression', per: 'step' }],
  },
  tone: {
    graph: loudness(['n', 't'], [1]),
    input: { time: { maximum: 16_000 }, media: { type: 'audio', rate: 16_000 } },
    heads: regressions('power', 'peak'),
  },
  frames: {
    graph: loudness(['n', 't', 80], [1, 2]),
    input: { time: { maximum: 100 }, media: { type: 'audio', rate: 8000, scale: 32_768 } },
    heads: regressions('power', 'peak'),
  },
};

/** A repository of `photo`, `bytes`, `line`, `tone` and `frames`. */
export function mediaModels(): string {
  const repository = temporaryFolder();
  for (const [name, { graph, input, heads }] of Object.entries(MODELS)) {
    const folder = path.join(repository, name, '1');
    const inputs = [{ name: 'given', tensor: 'x', kind: 'tensor', ...input }];
    mkdirSync(folder, { recursive: true });
    writeFileSync(path.join(folder, 'model.onnx'), onnxFile(graph));
    const manifest = { formatVersion: 1, graph: { file: 'model.onnx' }, inputs, heads };
    writeFileSync(path.join(folder, 'manifest.json'), JSON.stringify(manifest));
  }
  return repository;
}
