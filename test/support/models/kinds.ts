// A graph whose heads are of the kinds that no shipped model has, per sequence and per step.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type GraphSpec, onnxFile, type ValueSpec } from './onnx-writer.ts';
import { temporaryFolder } from './served-copies.ts';

const [FLOAT, INT64] = [1, 7];
const value = (name: string, ...dims: (string | number)[]): ValueSpec => ({ name, type: FLOAT, dims: ['n', ...dims] });

/** What callers send, and its mean over time, each whole and without its last feature. */
const GRAPH: GraphSpec = {
  nodes: [
    { op: 'Identity', inputs: ['x'], outputs: ['steps'] },
    { op: 'ReduceMean', inputs: ['x'], outputs: ['mean'], attributes: { axes: [1], keepdims: 0 } },
    { op: 'Split', inputs: ['steps', 'sizes'], outputs: ['steps_two', 'steps_rest'], attributes: { axis: 2 } },
    { op: 'Split', inputs: ['mean', 'sizes'], outputs: ['mean_two', 'mean_rest'], attributes: { axis: 1 } },
  ],
  initializers: [{ name: 'sizes', type: INT64, dims: [2], raw: new Uint8Array(BigInt64Array.of(2n, 1n).buffer) }],
  inputs: [value('x', 't', 3)],
  outputs: [value('steps', 't', 3), value('mean', 3), value('steps_two', 't', 2), value('mean_two', 2)],
};

const MEANINGS = {
  level: { kind: 'gaussian', tensor: '_two', spreadAs: 'softplus', unit: 'degC' },
  signs: { kind: 'multilabel', tensor: '', labels: ['dry', 'windy', 'cold'], activation: 'logits' },
  grade: { kind: 'ordinal', tensor: '_two', labels: ['low', 'middle', 'high'], activation: 'logits' },
};
const headsOf = (per: 'sequence' | 'step', output: string) =>
  Object.entries(MEANINGS).map(([name, { tensor, ...meaning }]) => ({
    name: `${name}_${per}`,
    per,
    tensor: `${output}${tensor}`,
    ...meaning,
  }));

/** A repository of `kinds`: three features a step, heads of kind gaussian, multilabel and ordinal. */
export function kindsModel(): string {
  const repository = temporaryFolder();
  const folder = path.join(repository, 'kinds/1');
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, 'model.onnx'), onnxFile(GRAPH));
  const features = ['a', 'b', 'c'].map(name => ({ name, minimum: -9, maximum: 9 }));
  const manifest = {
    formatVersion: 1,
    graph: { file: 'model.onnx' },
    inputs: [{ name: 'x', tensor: 'x', kind: 'numeric', features }],
    heads: [...headsOf('sequence', 'mean'), ...headsOf('step', 'steps')],
  };
  writeFileSync(path.join(folder, 'manifest.json'), JSON.stringify(manifest));
  const example = { sequences: [[[1.5, 0.25, -2], [2.25, -1, 0.5], [0.75, -0.5, 3]]] }; // biome-ignore format: one line
  writeFileSync(path.join(folder, 'example.json'), JSON.stringify(example));
  return repository;
}
