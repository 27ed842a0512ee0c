// Graphs that do harm when they run: one that never ends, one that ends its process, one that wants ever more memory.
import { floatBytes, type GraphSpec, type NodeSpec, onnxFile, type TensorSpec } from './onnx-writer.ts';

const FLOAT = 1;
const BOOL = 9;
const one: TensorSpec = { name: 'one', type: FLOAT, dims: [1], raw: floatBytes(1) };
const always: TensorSpec = { name: 'always', type: BOOL, dims: [], raw: Uint8Array.of(1) };
const axis: TensorSpec = { name: 'axis', type: 7, dims: [1], raw: new Uint8Array(BigInt64Array.of(1n).buffer) };
const sum: NodeSpec = { op: 'ReduceSum', inputs: ['x', 'axis'], outputs: ['s'], attributes: { keepdims: 0 } };

const whole = (name: string, value: number): TensorSpec => ({
  name,
  type: 6,
  dims: [1],
  raw: new Uint8Array(Int32Array.of(value).buffer),
});

/** y = s and something that is 0, where s is the sum of x over time. */
function graph(nodes: readonly NodeSpec[], initializers: readonly TensorSpec[]): Uint8Array {
  return onnxFile({
    nodes: [sum, ...nodes],
    initializers: [axis, ...initializers],
    inputs: [{ name: 'x', type: FLOAT, dims: ['n', 't', 2] }],
    outputs: [{ name: 'y', type: FLOAT, dims: ['n', 2] }],
  });
}

/** A loop without a count whose condition always holds; `step` makes `after` of `before`. */
function loop(step: NodeSpec): readonly NodeSpec[] {
  const body: GraphSpec = {
    nodes: [{ op: 'Identity', inputs: ['on'], outputs: ['on_again'] }, step],
    inputs: [
      { name: 'i', type: 7, dims: [] },
      { name: 'on', type: BOOL, dims: [] },
      { name: 'before', type: FLOAT, dims: [null] },
    ],
    outputs: [
      { name: 'on_again', type: BOOL, dims: [] },
      { name: 'after', type: FLOAT, dims: [null] },
    ],
  };
  return [
    { op: 'Loop', inputs: ['', 'always', 'one'], outputs: ['ever'], body },
    { op: 'ReduceMin', inputs: ['ever'], outputs: ['least'], attributes: { keepdims: 0 } },
    { op: 'Add', inputs: ['s', 'least'], outputs: ['y'] },
  ];
}

export const ENDLESS = graph(loop({ op: 'Add', inputs: ['before', 'one'], outputs: ['after'] }), [always, one]);

/** Each turn adds a mebibyte to what it holds. */
export const HUNGRY = graph(
  loop({ op: 'Concat', inputs: ['before', 'block'], outputs: ['after'], attributes: { axis: 0 } }),
  [always, one, { name: 'block', type: FLOAT, dims: [1 << 18], raw: new Uint8Array(1 << 20) }],
);

/** The least whole number divided by -1, which is one more than the largest: x86 processors answer with SIGFPE. */
export const CRASHING = graph(
  [
    { op: 'Cast', inputs: ['s'], outputs: ['whole'], attributes: { to: 6 } },
    { op: 'Mul', inputs: ['whole', 'nothing'], outputs: ['zero'] },
    { op: 'Add', inputs: ['zero', 'minus_one'], outputs: ['below'] },
    { op: 'Add', inputs: ['zero', 'least'], outputs: ['above'] },
    { op: 'Div', inputs: ['above', 'below'], outputs: ['ratio'] },
    { op: 'Cast', inputs: ['ratio'], outputs: ['y'], attributes: { to: FLOAT } },
  ],
  [whole('nothing', 0), whole('minus_one', -1), whole('least', -(2 ** 31))],
);
