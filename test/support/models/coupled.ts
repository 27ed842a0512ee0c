// Graphs in which a row's answer depends on the others of its run, each in a way that random trials hardly meet.
import { floatBytes, type GraphSpec, type NodeSpec, onnxFile, type TensorSpec } from './onnx-writer.ts';

const ints = (name: string, ...values: number[]): TensorSpec => ({
  name,
  type: 7,
  dims: [values.length],
  raw: new Uint8Array(BigInt64Array.from(values.map(BigInt)).buffer),
});
const floats = (name: string, dims: readonly number[], ...values: number[]): TensorSpec => ({
  name,
  type: 1,
  dims,
  raw: floatBytes(...values),
});
const scalar = (name: string, value: number) => floats(name, [], value);
const node = (op: string, inputs: string, output: string, attributes?: NodeSpec['attributes']): NodeSpec => ({
  op,
  inputs: inputs.split(' '),
  outputs: output.split(' '),
  attributes,
});

/** x [n, t, 2] -> s [n, 2], the sum over time, and `axis` constants. */
const SUM: readonly NodeSpec[] = [node('ReduceSum', 'x one', 's', { keepdims: 0 })];
const CONSTANTS = [ints('zero', 0), ints('one', 1), scalar('hundred', 100), scalar('tiny', 1e-3)];

/** y = s + Relu(m - 100), where `m` [1, 2] or [n, 2] comes from the rows of the run. */
function gated(nodes: readonly NodeSpec[], initializers: readonly TensorSpec[] = []): GraphSpec {
  return graph(
    [...SUM, ...nodes, node('Sub', 'm hundred', 'd'), node('Relu', 'd', 'g'), node('Add', 's g', 'y')],
    initializers,
  );
}

function graph(nodes: readonly NodeSpec[], initializers: readonly TensorSpec[] = []): GraphSpec {
  return {
    nodes,
    initializers: [...CONSTANTS, ...initializers],
    inputs: [{ name: 'x', type: 1, dims: ['n', 't', 2] }],
    outputs: [{ name: 'y', type: 1, dims: ['n', 2] }],
  };
}

const TABLE = floats('table', [16, 2], ...Array.from({ length: 32 }, (_, i) => (i === 14 ? 9 : Math.sin(i) / 4)));
const WEIGHTS: TensorSpec = { name: 'w', type: 3, dims: [2, 2], raw: Uint8Array.of(90, 7, 13, 101) };
/** Embedded steps, quantised with one scale for the whole run. */
const QUANTISED: readonly NodeSpec[] = [
  node('ReduceSum', 'e one', 's', { keepdims: 0 }),
  node('DynamicQuantizeLinear', 's', 'q scale point'),
  node('MatMulInteger', 'q w point', 'i'),
  node('Cast', 'i', 'f', { to: 1 }),
  node('Mul', 'f scale', 'y'),
];

/** By what couples the rows. */
export const COUPLED: Readonly<Record<string, GraphSpec>> = {
  'the largest of the run beyond 100': gated([node('ReduceMax', 's', 'm', { axes: [0] })]),
  'the smallest of the run below -100': gated([node('ReduceMin', 's', 'a', { axes: [0] }), node('Neg', 'a', 'm')]),
  'the mean of the run': gated([node('ReduceMean', 's', 'm', { axes: [0] })]),
  'the norm of the run': gated([node('ReduceL2', 's', 'm', { axes: [0] })]),
  'a running sum over rows': gated([node('CumSum', 's zero', 'm')]),
  'the row before': gated(
    [
      node('Slice', 's zero one zero', 'first'),
      node('Slice', 's zero last zero', 'others'),
      node('Concat', 'first others', 'm', { axis: 0 }),
    ],
    [ints('last', -1)],
  ),
  'the first row': gated([node('Gather', 's zero', 'm', { axis: 0 })]),
  'the two largest rows': gated([node('TopK', 's one', 'm places', { axis: 0 })]),
  'attention over the rows': gated([
    node('Transpose', 's', 'across', { perm: [1, 0] }),
    node('MatMul', 's across', 'scores'),
    node('Softmax', 'scores', 'shares', { axis: 1 }),
    node('MatMul', 'shares s', 'm'),
  ]),
  'a softmax over rows that were turned': graph([
    ...SUM,
    node('Transpose', 's', 'turned', { perm: [1, 0] }),
    node('Softmax', 'turned', 'shares', { axis: 1 }),
    node('Transpose', 'shares', 'back', { perm: [1, 0] }),
    node('Mul', 'back tiny', 'little'),
    node('Add', 's little', 'y'),
  ]),
  'statistics of the run as in training': graph(
    [
      ...SUM,
      { ...node('BatchNormalization', 's scale bias mean variance', 'y rm rv'), attributes: { training_mode: 1 } },
    ],
    [floats('scale', [2], 1, 1), floats('bias', [2], 0, 0), floats('mean', [2], 0, 0), floats('variance', [2], 1, 1)],
  ),
  'a filter that slides over rows': gated(
    [
      node('Transpose', 's', 'turned', { perm: [1, 0] }),
      node('Unsqueeze', 'turned zero', 'image'),
      node('Conv', 'image filter', 'slid', { kernel_shape: [3], pads: [1, 1] }),
      node('Squeeze', 'slid zero', 'flat'),
      node('Transpose', 'flat', 'm', { perm: [1, 0] }),
    ],
    [floats('filter', [2, 2, 3], 1, 1, 1, 0, 0, 0, 0, 0, 0, 1, 1, 1)],
  ),
  'how many rows there are, beyond 40': graph(
    [
      ...SUM,
      node('Shape', 'x', 'shape'),
      node('Gather', 'shape zero', 'rows', { axis: 0 }),
      node('Cast', 'rows', 'count', { to: 1 }),
      node('Sub', 'count forty', 'more'),
      node('Relu', 'more', 'g'),
      node('Add', 's g', 'y'),
    ],
    [scalar('forty', 40)],
  ),
  'rows read as the steps of one sequence': graph(
    [
      node('Transpose', 'x', 'turned', { perm: [1, 0, 2] }),
      node('RNN', 'x w r', 'steps hidden', { hidden_size: 2 }),
      node('Squeeze', 'steps one', 'flat'),
      node('ReduceSum', 'flat one', 'y', { keepdims: 0 }),
    ],
    [floats('w', [1, 2, 2], 0.5, 0.1, 0.2, 0.4), floats('r', [1, 2, 2], 0.3, 0.1, 0.1, 0.3)],
  ),
  'one scale for all ids': {
    nodes: [node('Gather', 'table ids', 'e'), ...QUANTISED],
    initializers: [...CONSTANTS, TABLE, WEIGHTS],
    inputs: [{ name: 'ids', type: 7, dims: ['n', 't'] }],
    outputs: [{ name: 'y', type: 1, dims: ['n', 2] }],
  },
  'one scale for all words': {
    nodes: [
      {
        ...node('LabelEncoder', 'words', 'ids'),
        domain: 'ai.onnx.ml',
        attributes: {
          keys_strings: Array.from({ length: 15 }, (_, i) => `word${i}`),
          values_int64s: Array.from({ length: 15 }, (_, i) => i),
          default_int64: 15,
        },
      },
      node('Gather', 'table ids', 'e'),
      ...QUANTISED,
    ],
    initializers: [...CONSTANTS, TABLE, WEIGHTS],
    inputs: [{ name: 'words', type: 8, dims: ['n', 't'] }],
    outputs: [{ name: 'y', type: 1, dims: ['n', 2] }],
  },
};

export function coupledFile(name: string): Uint8Array {
  return onnxFile(COUPLED[name]);
}
