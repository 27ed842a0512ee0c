// State that reading finds: through operators that move values, and no others.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { GraphBody, GraphNode } from '../../../src/model/onnx/nodes.ts';
import { continuesCells, recurrentEnds } from '../../../src/model/onnx/recurrent.ts';

const node = (operator: string, inputs: string[], outputs: string[]): GraphNode => ({
  operator,
  name: outputs.find(name => name !== '') ?? '',
  inputs,
  outputs,
  ints: {},
  bodies: [],
});
const graph = (inputs: string[], outputs: string[], nodes: GraphNode[]): GraphBody => ({
  inputs,
  outputs,
  nodes,
  constants: {},
});
const lstm = (x: string, h: string, c: string, i: number) =>
  node('LSTM', [x, `W${i}`, `R${i}`, '', '', h, c], [`Y${i}`, `h${i}`, `c${i}`]);

test('a stack of states, sliced for two operators and stacked again, continues them', () => {
  const ends = recurrentEnds(
    graph(
      ['x', 'stack'],
      ['mask', 'next'],
      [
        node('Slice', ['stack', 's0', 'e0'], ['a']),
        node('Slice', ['stack', 's1', 'e1'], ['b']),
        node('Squeeze', ['b'], ['b1']),
        lstm('x', 'a', 'a', 1),
        lstm('Y1', 'b1', 'b1', 2),
        node('Sigmoid', ['Y2'], ['mask']),
        node('Unsqueeze', ['h1'], ['u']),
        node('Concat', ['u', 'c1', 'h2', 'c2'], ['next']),
      ],
    ),
  );
  assert.ok(continuesCells(ends, 'stack', 'next'));
  assert.ok(!continuesCells(ends, 'x', 'mask'));
  assert.ok(!continuesCells(ends, 'x', 'next'));
});

test('what is computed with, or comes from other operators, is not state', () => {
  const computed = (nodes: GraphNode[]) =>
    recurrentEnds(graph(['x', 'h'], ['next'], [lstm('x', 'h', 'h', 1), ...nodes]));
  assert.ok(continuesCells(computed([node('Identity', ['h1'], ['next'])]), 'h', 'next'));
  assert.ok(!continuesCells(computed([node('Tanh', ['h1'], ['next'])]), 'h', 'next'));
  assert.ok(!continuesCells(computed([node('Concat', ['h1', 'x'], ['next'])]), 'h', 'next'));
  assert.ok(!continuesCells(computed([node('Identity', ['Y1'], ['next'])]), 'h', 'next'));
  const other = recurrentEnds(
    graph(
      ['x', 'h', 'g'],
      ['next', 'last'],
      [
        lstm('x', 'h', 'h', 1),
        lstm('Y1', 'g', 'g', 2),
        node('Identity', ['h1'], ['next']),
        node('Identity', ['h2'], ['last']),
      ],
    ),
  );
  assert.ok(continuesCells(other, 'h', 'next') && continuesCells(other, 'g', 'last'));
  assert.ok(!continuesCells(other, 'h', 'last') && !continuesCells(other, 'g', 'next'));
});

test('an LSTM written out in gates is a cell; a gated sum that keeps its data is not', () => {
  const gate = (name: string) => node('Sigmoid', [`${name}.in`], [name]);
  const cell = [
    node('Slice', ['s', 'b0', 'e0'], ['c']),
    ...['i', 'f', 'o'].map(gate),
    node('Tanh', ['g.in'], ['g']),
    node('Mul', ['f', 'c'], ['kept']),
    node('Mul', ['g', 'i'], ['fresh']),
    node('Add', ['kept', 'fresh'], ['c1']),
    node('Tanh', ['c1'], ['t']),
    node('Mul', ['o', 't'], ['h1']),
    node('Concat', ['h1', 'c1'], ['next']),
  ];
  const ends = recurrentEnds(graph(['x', 's'], ['next'], cell));
  assert.ok(continuesCells(ends, 's', 'next') && !continuesCells(ends, 'x', 'next'));
  const residual = [gate('f'), node('Mul', ['f', 'x'], ['kept']), node('Add', ['kept', 'x'], ['y'])];
  const highway = [
    gate('f'),
    node('Sub', ['one', 'f'], ['rest']),
    node('Tanh', ['g.in'], ['g']),
    node('Mul', ['g', 'f'], ['fresh']),
    node('Mul', ['x', 'rest'], ['kept']),
    node('Add', ['kept', 'fresh'], ['y']),
  ];
  for (const nodes of [residual, highway]) {
    assert.ok(!continuesCells(recurrentEnds(graph(['x'], ['y'], nodes)), 'x', 'y'));
  }
});
