// The manifest bound to the graph: what the server will feed and fetch, and every mismatch in one report.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { bindSignature } from '../../src/model/bind.ts';
import type { TensorInfo } from '../../src/model/onnx/graph.ts';
import { graphOf, HEAD_OUTPUTS, HEADS, info, manifestOf, openFixture } from '../support/models/models.ts';
import { refusalOf } from '../support/models/refusal.ts';
import { FIXTURES } from '../support/server/service.ts';

const X = info('x', 'float32', ['n', 't', 2]);
const LENGTHS = info('lengths', 'int64', ['n']);
const INPUT = { name: 'a', tensor: 'x', kind: 'numeric', features: [{ name: 'u' }, { name: 'v' }] };
const STATE = { input: 'h0', output: 'hn' };

interface Case {
  readonly input?: object;
  readonly head?: object;
  readonly state?: object;
  readonly inputs?: TensorInfo[];
  readonly outputs?: TensorInfo[];
  readonly fault: string;
}

function bind({ input = INPUT, head = HEADS[0], state, inputs = [X], outputs = HEAD_OUTPUTS }: Omit<Case, 'fault'>) {
  const manifest = manifestOf({ inputs: [input], heads: [head], state: state ? [state] : [] });
  return bindSignature(manifest, graphOf(inputs, outputs));
}

const LABELS = { name: 'y', tensor: 'y', kind: 'multiclass', labels: ['a', 'b', 'c'] };
const CASES: Case[] = [
  { inputs: [info('z', 'float32', ['n', 't', 2]), X], fault: 'graph input "z" is fed by nothing in the manifest' },
  {
    input: { ...INPUT, tensor: 'q' },
    fault: 'input "a": the graph has no input "q" (it has x); graph input "x" is fed by nothing in the manifest',
  },
  {
    inputs: [info('x', 'int64', ['n', 't', 2])],
    fault: 'input "a": graph input "x" is int64, expected float32 or float64 or float16',
  },
  { inputs: [info('x', 'float32', ['n', 't'])], fault: 'input "a": graph input "x" has 2 dimensions, expected 3' },
  {
    inputs: [info('x', 'float32', ['n', 't', 5])],
    fault: 'input "a": the graph takes 5 features, the manifest names 2',
  },
  {
    inputs: [info('x', 'float32', [1, 't', 2])],
    fault: 'input "a": axis 0 of "x" is fixed to 1; export it with a dynamic batch',
  },
  {
    inputs: [info('x', 'float32', ['n', 24, 2])],
    fault: 'input "a": the graph takes exactly 24 time steps, the manifest 1 to 4096',
  },
  { input: { ...INPUT, lengths: 'l' }, fault: 'input "a" lengths: the graph has no input "l" (it has x)' },
  {
    input: { ...INPUT, lengths: 'lengths' },
    inputs: [X, info('lengths', 'float32', ['n'])],
    fault: 'input "a" lengths: graph input "lengths" is float32, expected int64 or int32',
  },
  {
    input: { ...INPUT, lengths: 'lengths' },
    inputs: [X, info('lengths', 'int64', ['n', 1])],
    fault: 'input "a" lengths: graph input "lengths" has 2 dimensions, expected 1',
  },
  {
    input: { ...INPUT, mask: 'm' },
    inputs: [X, info('m', 'string', ['n', 't'])],
    fault:
      'input "a" mask: graph input "m" is string, expected bool or int64 or int32 or float32 or float64 or float16',
  },
  {
    input: { ...INPUT, mask: 'm' },
    inputs: [X, info('m', 'bool', ['n', 't', 1])],
    fault: 'input "a" mask: graph input "m" has 3 dimensions, expected 2',
  },
  {
    input: { name: 'a', tensor: 'x', kind: 'token' },
    fault:
      'input "a": graph input "x" is float32, expected string; input "a": graph input "x" has 3 dimensions, expected 2',
  },
  { head: { ...HEADS[0], tensor: 'q' }, fault: 'head "y": the graph has no output "q" (it has y)' },
  {
    head: { ...HEADS[0], interval: { lower: 'y', upper: 'q' } },
    fault: 'head "y": the graph has no output "q" (it has y)',
  },
  {
    outputs: [info('y', 'int64', ['n'])],
    fault: 'head "y": graph output "y" is int64, expected float32 or float64 or float16',
  },
  {
    outputs: [info('y', 'float32', ['n', 't', 1])],
    fault: 'head "y": graph output "y" has shape [n, t, 1], expected 1 dimensions',
  },
  { outputs: [info('y', 'float32', ['n', 2])], fault: 'head "y": graph output "y" gives 2 values, the manifest 1' },
  {
    outputs: [info('y', 'float32', [4])],
    fault: 'head "y": axis 0 of "y" is fixed to 4; export it with a dynamic batch',
  },
  {
    head: LABELS,
    outputs: [info('y', 'float32', ['n', 4])],
    fault: 'head "y": graph output "y" gives 4 values, the manifest 3',
  },
  { head: LABELS, fault: 'head "y": graph output "y" has shape [batch], expected 2 dimensions' },
  {
    head: { ...LABELS, per: 'step' },
    outputs: [info('y', 'float32', ['n', 3])],
    fault: 'head "y": graph output "y" has shape [n, 3], expected 3 dimensions',
  },
  {
    state: STATE,
    inputs: [X, info('h0', 'float32', [1, 'n', 4])],
    fault: 'state "h0": the graph has no output "hn" (it has y)',
  },
  {
    state: STATE,
    inputs: [X, info('h0', 'float32', [1, 2, 4])],
    outputs: [...HEAD_OUTPUTS, info('hn', 'float32', [1, 'n', 4])],
    fault: 'state "h0": axis 1 of "h0" is fixed to 2; export it with a dynamic batch',
  },
  {
    state: STATE,
    inputs: [X, info('h0', 'float32', ['layers', 'n', 4])],
    outputs: [...HEAD_OUTPUTS, info('hn', 'float32', [1, 'n', 4])],
    fault: 'state "h0": shape [layers, n, 4] must be fixed but for its batch axis 1',
  },
  {
    state: STATE,
    inputs: [X, info('h0', 'float32', [1, 'n', 4])],
    outputs: [...HEAD_OUTPUTS, info('hn', 'float64', [1, 'n', 4])],
    fault: 'state "h0": its output "hn" has another type or rank',
  },
  {
    state: { ...STATE, batchAxis: 3 },
    inputs: [X, info('h0', 'float32', [1, 1, 4])],
    outputs: [...HEAD_OUTPUTS, info('hn', 'float32', [1, 1, 4])],
    fault: 'state "h0": a shape of 3 dimensions has no batch axis 3',
  },
];

test('every mismatch says which input, head or state, what the graph has and what was expected', async () => {
  for (const { fault, ...parts } of CASES) {
    assert.equal(await refusalOf(() => bind(parts)), `manifest and graph disagree: ${fault}`);
  }
});

test('all mismatches of the fixture with wrong heads stand in one report', async () => {
  assert.equal(
    await refusalOf(openFixture('test/fixtures/broken/wrong-heads/1')),
    'manifest and graph disagree: input "signal": the graph takes 3 features, the manifest names 4; ' +
      'head "color": graph output "color" gives 4 values, the manifest 5; ' +
      'head "size": the graph has no output "weight" (it has color, size)',
  );
});

test('shapes that a graph may leave open, or close with one value, are accepted', () => {
  const outputs: TensorInfo['dims'][] = [['n'], ['n', 1], [null], [null, null], []];
  for (const dims of outputs) assert.equal(bind({ outputs: [info('y', 'float32', dims)] }).heads[0].width, 1);
  const perStep = { ...HEADS[0], per: 'step' };
  for (const dims of [
    ['n', 't'],
    ['n', 't', 1],
  ])
    bind({ head: perStep, outputs: [info('y', 'float64', dims)] });
  bind({ inputs: [info('x', 'float64', [null, null, null])] });
  const fixed = { ...INPUT, time: { minimum: 24, maximum: 24 } };
  bind({ input: fixed, inputs: [info('x', 'float32', ['n', 24, 2])] });
});

test('fetched is what heads read, intervals included, once each; state outputs are not', async () => {
  const { signature } = await openFixture('test/fixtures/models/lstm/1');
  assert.deepEqual(signature.fetches, ['alarm_logit', 'kind_logits', 'tags', 'level', 'level_lower', 'level_upper']);
  assert.deepEqual(
    signature.state.map(({ input, output, axes }) => [input.name, output, axes.batch]),
    [
      ['h0', 'hn', 1],
      ['c0', 'cn', 1],
    ],
  );
  const heads = [HEADS[0], { ...HEADS[0], name: 'z', interval: { lower: 'y', upper: 'y' } }];
  const twice = bindSignature(manifestOf({ inputs: [INPUT], heads }), graphOf([X], HEAD_OUTPUTS));
  assert.deepEqual(twice.fetches, ['y']);
});

test('lengths may differ within a run only if every input tells what is padding', () => {
  const told = { ...INPUT, lengths: 'lengths' };
  const second = { ...INPUT, name: 'b', tensor: 'z' };
  const z = info('z', 'float32', ['n', 's', 2]);
  assert.equal(bind({}).padding, 'none');
  assert.equal(bind({ input: told, inputs: [X, LENGTHS] }).padding, 'lengths');
  const masked = { ...INPUT, mask: 'm' };
  assert.equal(bind({ input: masked, inputs: [X, info('m', 'bool', ['n', 't'])] }).padding, 'mask');
  const half = bindSignature(manifestOf({ inputs: [told, second] }), graphOf([X, LENGTHS, z], HEAD_OUTPUTS));
  assert.equal(half.padding, 'none');
});

test('every good fixture and the weather model bind', async () => {
  const folders = readdirSync(FIXTURES).map(name => `test/fixtures/models/${name}/1`);
  assert.ok(folders.length >= 9);
  for (const folder of [...folders, 'models/weather/1']) {
    const { signature, manifest } = await openFixture(folder);
    const padding = folder.includes('plain') ? 'none' : folder.includes('masked') ? 'mask' : 'lengths';
    assert.equal(signature.padding, padding, folder);
    assert.equal(signature.heads.length, manifest.heads.length);
  }
});

test('two inputs may not feed one graph input', () => {
  const manifest = manifestOf({ inputs: [INPUT, { ...INPUT, name: 'b' }], heads: [HEADS[0]] });
  assert.throws(() => bindSignature(manifest, graphOf([X], HEAD_OUTPUTS)), {
    name: 'LoadError',
    message: 'manifest and graph disagree: input "b": graph input "x" is fed twice',
  });
});
