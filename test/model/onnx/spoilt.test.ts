// Constants that are not finite: which are refused, by which name, and which are the masks that exporters write.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { after, describe, it } from 'node:test';
import { readGraph } from '../../../src/model/onnx/graph.ts';
import {
  floatBytes,
  type GraphSpec,
  type NodeSpec,
  onnxFile,
  type TensorSpec,
} from '../../support/models/onnx-writer.ts';
import { refusalOf } from '../../support/models/refusal.ts';
import { TemporaryRepository } from '../../support/models/repository.ts';

const folder = new TemporaryRepository();
after(() => folder.remove());

const X = { name: 'x', type: 1, dims: ['n', 't', 3] };
const node = (op: string, inputs: string[], outputs: string[], more: Partial<NodeSpec> = {}): NodeSpec => ({
  op,
  inputs,
  outputs,
  ...more,
});
const named = (name: string, ...values: number[]): TensorSpec => ({
  name,
  type: 1,
  dims: [values.length],
  raw: floatBytes(...values),
});
const use = node('MatMul', ['x', 'w'], ['y'], { name: 'dense' });

function read(spec: GraphSpec) {
  const file = folder.at('model.onnx');
  writeFileSync(file, onnxFile({ inputs: [X], ...spec }));
  return readGraph(file);
}

const refused = async (spec: GraphSpec) => (await refusalOf(read(spec))).replace(/^model\.onnx: /, '');

describe('a matrix weight that is not finite', () => {
  it('is found in every floating-point type and every field', async () => {
    const half = (bits: number) => new Uint8Array(Uint16Array.of(0x3c00, bits).buffer);
    const weights: [Omit<TensorSpec, 'name'>, string][] = [
      [{ type: 1, dims: [2], raw: floatBytes(1, Number.NaN) }, 'NaN'],
      [{ type: 1, dims: [2], raw: floatBytes(1, -Infinity) }, '-Infinity'],
      [{ type: 1, dims: [2], raw: floatBytes(Infinity, Number.NaN) }, 'NaN'],
      [{ type: 1, dims: [2], floats: [Infinity, 1] }, 'Infinity'],
      [{ type: 11, dims: [1], doubles: [Number.NaN] }, 'NaN'],
      [{ type: 11, dims: [1], raw: new Uint8Array(Float64Array.of(Infinity).buffer) }, 'Infinity'],
      [{ type: 10, dims: [2], raw: half(0x7c00) }, 'Infinity'],
      [{ type: 10, dims: [2], ints: [0x3c00, 0xfe00] }, 'NaN'],
      [{ type: 16, dims: [2], raw: half(0xff80) }, '-Infinity'],
      [{ type: 16, dims: [2], raw: half(0xffc0) }, 'NaN'],
      [{ type: 17, dims: [2], raw: Uint8Array.of(0x38, 0xff) }, 'NaN'],
      [{ type: 17, dims: [2], ints: [0x38, 0x7f] }, 'NaN'],
      [{ type: 18, dims: [1], raw: Uint8Array.of(0x80) }, 'NaN'],
      [{ type: 19, dims: [1], raw: Uint8Array.of(0xfc) }, '-Infinity'],
      [{ type: 19, dims: [1], raw: Uint8Array.of(0x7d) }, 'NaN'],
      [{ type: 20, dims: [1], ints: [0x80] }, 'NaN'],
      [{ type: 24, dims: [1], raw: Uint8Array.of(0xff) }, 'NaN'],
      [{ type: 14, dims: [1], raw: floatBytes(1, Infinity) }, 'Infinity'],
    ];
    for (const [weight, value] of weights) {
      const text = await refused({ nodes: [use], initializers: [{ name: 'w', ...weight }] });
      assert.equal(text, `weight "w" holds ${value}, as B of MatMul "dense"; weights must be finite`);
    }
  });

  it('is named by node and attribute where it is a constant, plain, listed or sparse', async () => {
    const tensor = { type: 1, dims: [1], floats: [Infinity] };
    const constants: [Partial<NodeSpec>, string][] = [
      [{ tensor }, 'value'],
      [{ floats: { value_floats: [1, Infinity] } }, 'value_floats'],
      [{ floats: { value_float: Infinity } }, 'value_float'],
    ];
    for (const [more, attribute] of constants) {
      const text = await refused({ nodes: [node('Constant', [], ['w'], { name: 'c', ...more }), use] });
      assert.equal(
        text,
        `attribute "${attribute}" of Constant "c" holds Infinity, as B of MatMul "dense"; weights must be finite`,
      );
    }
    const sparse = await refused({ nodes: [use], sparse: [named('w', 1, Number.NaN)] });
    assert.equal(sparse, 'sparse weight "w" holds NaN, as B of MatMul "dense"; weights must be finite');
    const coefficients = node('LinearRegressor', ['x'], ['y'], {
      domain: 'ai.onnx.ml',
      floats: { coefficients: [1, Infinity] },
    });
    assert.equal(
      await refused({ nodes: [coefficients] }),
      'attribute "coefficients" of ai.onnx.ml.LinearRegressor "y" holds Infinity; weights must be finite',
    );
  });

  it('is followed through what moves and combines constants, and into bodies and loops', async () => {
    const initializers = [named('a', 1, Infinity), named('b', 2, 2)];
    const ways: NodeSpec[][] = [
      [node('Transpose', ['a'], ['t']), node('Cast', ['t'], ['w']), use],
      [node('Reshape', ['a', 'x'], ['w']), use],
      [node('Mul', ['b', 'a'], ['w']), use],
      [node('Identity', ['a'], ['w']), node('If', ['x'], ['y'], { body: { nodes: [use] } })],
      [node('DequantizeLinear', ['b', 'a'], ['w']), use],
    ];
    for (const nodes of ways) {
      const text = await refused({ nodes, initializers });
      assert.equal(text, 'weight "a" holds Infinity, as B of MatMul "dense"; weights must be finite');
    }
  });

  it('is told by which input of a recurrent operator takes it', async () => {
    for (const [i, name] of ['X', 'W', 'R', 'B', 'sequence_lens', 'initial_h'].entries()) {
      const inputs = Array.from({ length: 6 }, (_, at) => (at === i ? 'w' : 'x'));
      const text = await refused({ nodes: [node('GRU', inputs, ['y'])], initializers: [named('w', -Infinity)] });
      assert.equal(text, `weight "w" holds -Infinity, as ${name} of GRU "y"; weights must be finite`);
    }
  });

  it('is refused as NaN wherever it spreads, and where nothing takes it', async () => {
    const initializers = [named('w', 1, Number.NaN)];
    const spreads = await refused({ nodes: [node('Add', ['x', 'w'], ['y'])], initializers });
    assert.equal(spreads, 'weight "w" holds NaN, as input 1 of Add "y"; weights must be finite');
    const table = await refused({ nodes: [node('Gather', ['w', 'x'], ['y'])], initializers });
    assert.match(table, /as input 0 of Gather "y"/);
    const unused = await refused({ nodes: [node('Relu', ['x'], ['y'])], initializers });
    assert.equal(unused, 'weight "w" holds NaN; weights must be finite');
  });
});

describe('a mask', () => {
  it('of infinities may be added, chosen, compared with, expanded and made at any size', async () => {
    const initializers = [named('m', 0, -Infinity), named('o', 1, 1)];
    const ways: NodeSpec[][] = [
      [node('Add', ['x', 'm'], ['y'])],
      [node('Where', ['x', 'm', 'x'], ['y'])],
      [node('Clip', ['x', 'm', 'm'], ['y'])],
      [node('Expand', ['m', 'x'], ['e']), node('Trilu', ['e'], ['t']), node('Add', ['x', 't'], ['y'])],
      [node('Pad', ['x', 'o', 'm'], ['y'])],
      [node('Exp', ['m'], ['e']), node('MatMul', ['x', 'e'], ['y'])],
      [node('Gemm', ['x', 'o', 'm'], ['y'])],
      [node('Attention', ['x', 'x', 'x', 'm'], ['y'])],
      [node('Gather', ['m', 'x'], ['y'])],
      [
        node('ConstantOfShape', ['x'], ['f'], { tensor: { type: 1, dims: [1], floats: [-Infinity] } }),
        node('Where', ['x', 'f', 'x'], ['y']),
      ],
      [node('Constant', [], ['c'], { floats: { value_float: -Infinity } }), node('Where', ['x', 'c', 'x'], ['y'])],
    ];
    for (const nodes of ways) await read({ nodes, initializers });
  });

  it('of NaN may be chosen, put in and compared with; operators say themselves what stands for missing', async () => {
    const initializers = [named('m', Number.NaN)];
    const ways: NodeSpec[][] = [
      [node('Where', ['x', 'm', 'x'], ['y'])],
      [node('Equal', ['x', 'm'], ['y'])],
      [node('Expand', ['m', 'x'], ['e']), node('Concat', ['x', 'e'], ['y'])],
      [node('IsNaN', ['m'], ['i']), node('Where', ['i', 'x', 'x'], ['y'])],
    ];
    for (const nodes of ways) await read({ nodes, initializers });
    const imputer = node('Imputer', ['x'], ['y'], {
      domain: 'ai.onnx.ml',
      floats: { replaced_value_float: Number.NaN, imputed_value_floats: [1, 2, 3] },
    });
    await read({ nodes: [imputer] });
  });
});
