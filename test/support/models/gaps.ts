// Graphs of two features, of which values may be missing: some handle NaN, some take it for a number, some pass it on.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { floatBytes, type NodeSpec, onnxFile, type TensorSpec, type ValueSpec } from './onnx-writer.ts';

const [FLOAT, INT64, BOOL] = [1, 7, 9];
const HIDDEN = 8;
/** What stands for a missing value. */
export const FILL = 0.5;
/** What each missing value adds to `total`. */
export const FINE = 10;

const x: ValueSpec = { name: 'x', type: FLOAT, dims: ['n', 't', 2] };
const total: ValueSpec = { name: 'total', type: FLOAT, dims: ['n', 1] };
const numbers = (name: string, dims: readonly number[], ...values: number[]): TensorSpec => ({
  name,
  type: FLOAT,
  dims,
  floats: values,
});
const ids = (name: string, ...values: bigint[]): TensorSpec => ({
  name,
  type: INT64,
  dims: [values.length],
  raw: new Uint8Array(BigInt64Array.from(values).buffer),
});

/** Weights of no meaning, none of them 0. */
function some(count: number): number[] {
  return Array.from({ length: count }, (_, i) => Math.sin(1 + i));
}

const FILLED: readonly NodeSpec[] = [
  { op: 'IsNaN', inputs: ['x'], outputs: ['gone'] },
  { op: 'Where', inputs: ['gone', 'fill', 'x'], outputs: ['filled'] },
];
const fill = numbers('fill', [], FILL);

/** total = the sum over all steps of u + 2 v, and FINE for each value that is missing. */
const sums = (weights: TensorSpec) =>
  onnxFile({
    nodes: [
      ...FILLED,
      { op: 'MatMul', inputs: ['filled', 'weights'], outputs: ['sums'] },
      { op: 'ReduceSum', inputs: ['sums', 'time'], outputs: ['sum'], attributes: { keepdims: 0 } },
      { op: 'Cast', inputs: ['gone'], outputs: ['ones'], attributes: { to: FLOAT } },
      { op: 'ReduceSum', inputs: ['ones', 'both'], outputs: ['count'], attributes: { keepdims: 0 } },
      { op: 'Unsqueeze', inputs: ['count', 'time'], outputs: ['counts'] },
      { op: 'Mul', inputs: ['counts', 'fine'], outputs: ['fines'] },
      { op: 'Add', inputs: ['sum', 'fines'], outputs: ['total'] },
    ],
    initializers: [fill, weights, numbers('fine', [], FINE), ids('time', 1n), ids('both', 1n, 2n)],
    inputs: [x],
    outputs: [total],
  });

const WEIGHTS = numbers('weights', [2, 1], 1, 2);
const SUMS = sums(WEIGHTS);
const WEIGHTS_FILE = 'weights.bin';
const SUMS_APART = sums({ name: 'weights', type: FLOAT, dims: [2, 1], external: { location: WEIGHTS_FILE } });

/** An LSTM in the body of a loop that goes round once; it reads x from outside of the body. */
const LOOPED = onnxFile({
  nodes: [
    { op: 'Transpose', inputs: ['x'], outputs: ['steps'], attributes: { perm: [1, 0, 2] } },
    {
      op: 'Loop',
      inputs: ['once', 'yes', 'h'],
      outputs: ['last'],
      body: {
        nodes: [
          { op: 'Identity', inputs: ['going'], outputs: ['go'] },
          {
            op: 'LSTM',
            inputs: ['steps', 'w', 'r', '', '', 'before'],
            outputs: ['', 'after'],
            attributes: { hidden_size: HIDDEN },
          },
        ],
        inputs: [
          { name: 'round', type: INT64, dims: [] },
          { name: 'going', type: BOOL, dims: [] },
          { name: 'before', type: FLOAT, dims: [1, 'n', HIDDEN] },
        ],
        outputs: [
          { name: 'go', type: BOOL, dims: [] },
          { name: 'after', type: FLOAT, dims: [1, 'n', HIDDEN] },
        ],
      },
    },
    { op: 'ReduceSum', inputs: ['last', 'ends'], outputs: ['sum'], attributes: { keepdims: 0 } },
    { op: 'Unsqueeze', inputs: ['sum', 'one'], outputs: ['total'] },
    { op: 'Identity', inputs: ['last'], outputs: ['hn'] },
  ],
  initializers: [
    numbers('w', [1, 4 * HIDDEN, 2], ...some(8 * HIDDEN)),
    numbers('r', [1, 4 * HIDDEN, HIDDEN], ...some(4 * HIDDEN * HIDDEN)),
    ids('ends', 0n, 2n),
    ids('one', 1n),
    { name: 'once', type: INT64, dims: [], raw: new Uint8Array(BigInt64Array.of(1n).buffer) },
    { name: 'yes', type: BOOL, dims: [], raw: Uint8Array.of(1) },
  ],
  inputs: [x, { name: 'h', type: FLOAT, dims: [1, 'n', HIDDEN] }],
  outputs: [total, { name: 'hn', type: FLOAT, dims: [1, 'n', HIDDEN] }],
});

/** An LSTM over `from`, whose last hidden values are added up; state in and out. */
function recurrent(
  before: readonly NodeSpec[],
  from: string,
  width: number,
  after: readonly NodeSpec[] = [],
): Uint8Array {
  const state = (name: string): ValueSpec => ({ name, type: FLOAT, dims: [1, 'n', HIDDEN] });
  return onnxFile({
    nodes: [
      ...before,
      { op: 'Transpose', inputs: [from], outputs: ['steps'], attributes: { perm: [1, 0, 2] } },
      {
        op: 'LSTM',
        inputs: ['steps', 'w', 'r', '', '', 'h', 'c'],
        outputs: ['', 'hn', 'cn'],
        attributes: { hidden_size: HIDDEN },
      },
      { op: 'ReduceSum', inputs: ['hn', 'ends'], outputs: ['sum'], attributes: { keepdims: 0 } },
      { op: 'Unsqueeze', inputs: ['sum', 'one'], outputs: after.length > 0 ? ['hidden'] : ['total'] },
      ...after,
    ],
    initializers: [
      fill,
      numbers('w', [1, 4 * HIDDEN, width], ...some(4 * HIDDEN * width)),
      numbers('r', [1, 4 * HIDDEN, HIDDEN], ...some(4 * HIDDEN * HIDDEN)),
      ids('ends', 0n, 2n),
      ids('one', 1n),
      ids('first', 0n),
      ids('second', 1n),
    ],
    inputs: [x, state('h'), state('c')],
    outputs: [total, state('hn'), state('cn')],
  });
}

/** One node between x and the sum of all it gives. */
function through(...nodes: readonly NodeSpec[]): Uint8Array {
  return onnxFile({
    nodes: [
      ...nodes,
      { op: 'ReduceSum', inputs: ['seen', 'inner'], outputs: ['sum'], attributes: { keepdims: 0 } },
      { op: 'Unsqueeze', inputs: ['sum', 'one'], outputs: ['total'] },
    ],
    initializers: [ids('inner', 1n, 2n), ids('one', 1n)],
    inputs: [x],
    outputs: [total],
  });
}

/** 10 where u is at most 0.5, 20 beyond; what is missing goes where `tracks` says, if it says anything. */
function tree(tracks: readonly number[]): Uint8Array {
  const whole = {
    nodes_treeids: [0, 0, 0],
    nodes_nodeids: [0, 1, 2],
    nodes_featureids: [0, 0, 0],
    nodes_truenodeids: [1, 0, 0],
    nodes_falsenodeids: [2, 0, 0],
    target_treeids: [0, 0],
    target_nodeids: [1, 2],
    target_ids: [0, 0],
    n_targets: 1,
    ...(tracks.length > 0 ? { nodes_missing_value_tracks_true: tracks } : {}),
  };
  return onnxFile({
    nodes: [
      { op: 'Squeeze', inputs: ['x', 'one'], outputs: ['row'] },
      {
        op: 'TreeEnsembleRegressor',
        domain: 'ai.onnx.ml',
        inputs: ['row'],
        outputs: ['total'],
        attributes: { ...whole, nodes_modes: ['BRANCH_LEQ', 'LEAF', 'LEAF'] },
        floats: { nodes_values: [0.5, 0, 0], target_weights: [10, 20] },
      },
    ],
    initializers: [ids('one', 1n)],
    inputs: [{ ...x, dims: ['n', 1, 2] }],
    outputs: [total],
  });
}

const STATE = [
  { input: 'h', output: 'hn' },
  { input: 'c', output: 'cn' },
];
const choose = (column: string, into: string): NodeSpec => ({
  op: 'Gather',
  inputs: ['x', column],
  outputs: [into],
  attributes: { axis: 2 },
});

interface GapModel {
  readonly graph: Uint8Array;
  /** Which of u and v may be missing. */
  readonly missing: readonly ('u' | 'v')[];
  readonly state?: readonly object[];
  readonly time?: object;
  /** Data beside the graph. */
  readonly files?: Readonly<Record<string, Uint8Array>>;
}

/** Graphs that handle what is missing. */
export const HANDLED: Readonly<Record<string, GapModel>> = {
  sums: { graph: SUMS, missing: ['u', 'v'] },
  'sums with weights in a file': {
    graph: SUMS_APART,
    missing: ['u', 'v'],
    files: { [WEIGHTS_FILE]: floatBytes(1, 2) },
  },
  'lstm-of-filled': { graph: recurrent(FILLED, 'filled', 2), missing: ['u'], state: STATE },
  'lstm-of-the-other': {
    graph: recurrent([choose('second', 'other')], 'other', 1, [
      choose('first', 'mine'),
      { op: 'IsNaN', inputs: ['mine'], outputs: ['gone'] },
      { op: 'Where', inputs: ['gone', 'fill', 'mine'], outputs: ['kept'] },
      { op: 'ReduceSum', inputs: ['kept', 'one'], outputs: ['own'], attributes: { keepdims: 0 } },
      { op: 'Add', inputs: ['hidden', 'own'], outputs: ['total'] },
    ]),
    missing: ['u'],
    state: STATE,
  },
  tree: { graph: tree([1, 0, 0]), missing: ['u'], time: { minimum: 1, maximum: 1 } },
};

/** Graphs that do not, with what is said of them. */
export const UNHANDLED: Readonly<Record<string, GapModel & { readonly reason: RegExp }>> = {
  'an LSTM takes it for a number': {
    graph: recurrent([], 'x', 2),
    missing: ['u'],
    state: STATE,
    reason: /"u": node "hn" \(LSTM\) takes NaN for a number; replace what is missing before it \(IsNaN and Where\)/,
  },
  'an LSTM within a loop does': {
    graph: LOOPED,
    missing: ['v'],
    state: [{ input: 'h', output: 'hn' }],
    reason: /"v": node "last" \(Loop\) takes NaN for a number/,
  },
  'one of two features is not replaced': {
    graph: recurrent(
      [choose('first', 'mine'), choose('second', 'other'), { op: 'IsNaN', inputs: ['mine'], outputs: ['gone'] }].concat(
        [
          { op: 'Where', inputs: ['gone', 'fill', 'mine'], outputs: ['kept'] },
          { op: 'Concat', inputs: ['kept', 'other'], outputs: ['joined'], attributes: { axis: 2 } },
        ] as never,
      ),
      'joined',
      2,
    ),
    missing: ['u', 'v'],
    state: STATE,
    reason: /"v": node "hn" \(LSTM\) takes NaN for a number/,
  },
  'a sum passes it on': {
    graph: through({ op: 'Identity', inputs: ['x'], outputs: ['seen'] }),
    missing: ['v'],
    reason: /"v": output "total" is NaN where it is/,
  },
  'whole numbers have none': {
    graph: through(
      { op: 'Cast', inputs: ['x'], outputs: ['whole'], attributes: { to: INT64 } },
      { op: 'Cast', inputs: ['whole'], outputs: ['seen'], attributes: { to: FLOAT } },
    ),
    missing: ['u'],
    reason: /"u": node "whole" \(Cast\) takes NaN for a number/,
  },
  'a tree learnt nothing of it': {
    graph: tree([]),
    missing: ['u'],
    time: { minimum: 1, maximum: 1 },
    reason: /"u": node "total" \(ai\.onnx\.ml\.TreeEnsembleRegressor\) takes NaN for a number/,
  },
};

/** Writes a version folder of the model. */
export function writeGapModel(
  folder: string,
  { graph, missing, state = [], time = { maximum: 64 }, files = {} }: GapModel,
): string {
  const features = (['u', 'v'] as const).map(name => ({ name, ...(missing.includes(name) ? { missing: true } : {}) }));
  const manifest = {
    formatVersion: 1,
    graph: { file: 'model.onnx' },
    inputs: [{ name: 'signal', tensor: 'x', kind: 'numeric', time, features }],
    heads: [{ name: 'total', tensor: 'total', kind: 'regression' }],
    state,
  };
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, 'model.onnx'), graph);
  for (const [file, bytes] of Object.entries(files)) writeFileSync(path.join(folder, file), bytes);
  writeFileSync(path.join(folder, 'manifest.json'), JSON.stringify(manifest));
  return folder;
}
