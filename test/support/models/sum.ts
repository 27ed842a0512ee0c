// Graphs that add up the numbers of a row, whatever type they come in: numbers may be texts, as in Triton's simple_string.
import { onnxFile, type TensorSpec } from './onnx-writer.ts';

export const [FLOAT, INT64, STRING] = [1, 7, 8];
const axes = (name: string, ...values: bigint[]): TensorSpec => ({
  name,
  type: INT64,
  dims: [values.length],
  raw: new Uint8Array(BigInt64Array.from(values).buffer),
});

/** total [n, 1] = the sum of all numbers of a row of x. */
export const sumOf = (type: number, dims: readonly (string | number)[]) =>
  onnxFile({
    nodes: [
      { op: 'Cast', inputs: ['x'], outputs: ['numbers'], attributes: { to: FLOAT } },
      { op: 'Flatten', inputs: ['numbers'], outputs: ['flat'] },
      { op: 'ReduceSum', inputs: ['flat', 'inner'], outputs: ['total'] },
    ],
    initializers: [axes('inner', 1n)],
    inputs: [{ name: 'x', type, dims }],
    outputs: [{ name: 'total', type: FLOAT, dims: ['n', 1] }],
  });

/** total [n, 1] = the sum of a row of x [n, t], times one number for the whole run. */
export const SCALED_SUM = onnxFile({
  nodes: [
    { op: 'ReduceSum', inputs: ['x', 'inner'], outputs: ['sum'] },
    { op: 'Mul', inputs: ['sum', 'rate'], outputs: ['total'] },
  ],
  initializers: [axes('inner', 1n)],
  inputs: [
    { name: 'x', type: FLOAT, dims: ['n', 't'] },
    { name: 'rate', type: FLOAT, dims: [1] },
  ],
  outputs: [{ name: 'total', type: FLOAT, dims: ['n', 1] }],
});
