// Axes, side inputs, raw tensors, masks and state in a manifest: what fits a graph, and the words for what does not.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bindSignature } from '../../src/model/bind.ts';
import type { TensorInfo } from '../../src/model/onnx/graph.ts';
import type { Signature } from '../../src/model/signature.ts';
import { graphOf, HEAD_OUTPUTS, HEADS, info, manifestOf } from '../support/models/models.ts';
import { refusalOf } from '../support/models/refusal.ts';

const RAW = { name: 'a', tensor: 'x', kind: 'tensor' };
const X = info('x', 'float32', ['n', 't', 2]);
const SIDE = { name: 'rate', tensor: 'sr', kind: 'side' };

interface Parts {
  readonly inputs?: object[];
  readonly heads?: object[];
  readonly state?: object[];
  readonly tensors?: TensorInfo[];
  readonly outputs?: TensorInfo[];
}

function bind({ inputs = [RAW], heads = HEADS, state = [], tensors = [X], outputs = HEAD_OUTPUTS }: Parts): Signature {
  return bindSignature(manifestOf({ inputs, heads, state }), graphOf(tensors, outputs));
}

/** A raw input of these sizes after the batch, read from files so. */
const filed = (media: object, row: TensorInfo['dims'], dtype: TensorInfo['dtype'] = 'float32'): Parts => ({
  inputs: [{ ...RAW, timeAxis: null, time: { maximum: 1 }, media }],
  tensors: [info('x', dtype, ['n', ...row])],
});
const IMAGE = { type: 'image' };
const AUDIO = { type: 'audio', rate: 16_000 };

const OVER: [Parts, string][] = [
  [{ inputs: [{ ...RAW, batchAxis: 3 }] }, 'input "a": a shape of 3 dimensions has no batch axis 3'],
  [{ inputs: [{ ...RAW, timeAxis: 5 }] }, 'input "a": a shape of 3 dimensions has no time axis 5'],
  [{ inputs: [{ ...RAW, timeAxis: 0 }] }, 'input "a": axis 0 cannot hold both the batch and the time'],
  [
    { tensors: [info('x', 'float32', ['t', 1, 2])], inputs: [{ ...RAW, batchAxis: 1, timeAxis: 0 }] },
    'input "a": axis 1 of "x" is fixed to 1; export it with a dynamic batch',
  ],
  [
    { inputs: [RAW, SIDE], tensors: [X, info('sr', 'int64', [2])] },
    'input "rate": a side input holds one value, "sr" has shape [2]',
  ],
  [
    { inputs: [RAW, SIDE], tensors: [X, info('sr', 'int64', ['n'])] },
    'input "rate": a side input holds one value, "sr" has shape [n]',
  ],
  [
    { inputs: [RAW, SIDE], tensors: [X, info('sr', 'int64', [1, 1])] },
    'input "rate": a side input holds one value, "sr" has shape [1, 1]',
  ],
  [filed(IMAGE, [28, 28]), 'input "a": media: a row of 2 dimensions is no picture of layout CHW'],
  [filed(IMAGE, [28, 28, 3]), 'input "a": media: layout CHW has 28 channels, expected 1 or 3'],
  [filed(IMAGE, ['c', 28, 28]), 'input "a": media: layout CHW has c channels, expected 1 or 3'],
  [filed({ ...IMAGE, mean: [0.5] }, [3, 28, 28]), 'input "a": media: mean has 1 numbers, expected 3'],
  [filed({ ...IMAGE, std: [1, 1, 1] }, [1, 28, 28]), 'input "a": media: std has 3 numbers, expected 1'],
  [filed(IMAGE, [3, 28, 28], 'uint8'), 'input "a": media: whole numbers take scale 1, and no mean or std'],
  [filed(IMAGE, [3, 28, 28], 'bool'), 'input "a": media: a tensor of bool holds no image'],
  [filed(AUDIO, [512], 'string'), 'input "a": media: a tensor of string holds no audio'],
  [
    filed(AUDIO, [80, 't']),
    'input "a": media: a row of shape [80, t] is no sound: expected samples, or pieces of them',
  ],
  [
    filed(AUDIO, [2, 80, 3]),
    'input "a": media: a row of shape [2, 80, 3] is no sound: expected samples, or pieces of them',
  ],
  [{ inputs: [RAW, SIDE] }, 'input "rate": the graph has no input "sr" (it has x)'],
  [
    {
      inputs: [RAW, { ...RAW, name: 'b', tensor: 'z', sameTimeAs: 'c' }],
      tensors: [X, info('z', 'float32', ['n', 's', 1])],
    },
    'input "b": sameTimeAs names "c", which is no earlier input',
  ],
  [{ inputs: [{ ...RAW, sameTimeAs: 'a' }] }, 'input "a": sameTimeAs names "a", which is no earlier input'],
  [{ heads: [{ ...HEADS[0], input: 'gone' }] }, 'head "y": there is no input "gone" to follow'],
  [
    { heads: [{ ...HEADS[0], input: 'rate' }], inputs: [RAW, { ...SIDE }], tensors: [X, info('sr', 'int64', [])] },
    'head "y": there is no input "rate" to follow',
  ],
  [{ heads: [{ ...HEADS[0], batchAxis: 1 }] }, 'head "y": a shape of 1 dimensions has no batch axis 1'],
  [
    { heads: [{ ...HEADS[0], kind: 'ordinal', labels: ['a', 'b', 'c'] }], outputs: [info('y', 'float32', ['n', 3])] },
    'head "y": graph output "y" gives 3 values, the manifest 2',
  ],
  [
    { heads: [{ ...HEADS[0], kind: 'tensor', per: 'step', timeAxis: 2 }], outputs: [info('y', 'int64', ['n', 2])] },
    'head "y": a shape of 2 dimensions has no time axis 2',
  ],
  [
    {
      state: [{ input: 'h', output: 'hn', batchAxis: 0 }],
      tensors: [X, info('h', 'float32', ['n', 4])],
      outputs: [...HEAD_OUTPUTS, info('hn', 'float32', ['n', 4, 1])],
    },
    'state "h": its output "hn" has another type or rank',
  ],
  [
    {
      state: [{ input: 'h', output: 'hn' }],
      tensors: [X, info('h', 'uint8', [1, 'n', 4])],
      outputs: [...HEAD_OUTPUTS, info('hn', 'bool', [1, 'n', 4])],
    },
    'state "h": graph input "h" is uint8, expected float32 or float64 or float16 or int64 or int32; ' +
      'state "h": graph output "hn" is bool, expected float32 or float64 or float16 or int64 or int32; ' +
      'state "h": its output "hn" has another type or rank',
  ],
];

test('every mismatch has its own words', async () => {
  for (const [parts, fault] of OVER) {
    assert.equal(await refusalOf(() => bind(parts)), `manifest and graph disagree: ${fault}`);
  }
});

test('all mismatches are told in one report', async () => {
  const text = await refusalOf(() =>
    bind({
      inputs: [{ ...RAW, batchAxis: 7 }, SIDE],
      heads: [{ ...HEADS[0], tensor: 'gone' }],
      state: [{ input: 'h', output: 'hn' }],
      tensors: [X, info('left', 'float32', ['n'])],
    }),
  );
  for (const part of [
    'batch axis 7',
    'no input "sr"',
    'no output "gone"',
    'no input "h"',
    'no output "hn"',
    '"left" is fed by nothing',
  ])
    assert.ok(text.includes(part), `${part} is not in ${text}`);
});

test('feeds stand in the order of the graph, each with its role and its axes', () => {
  const tensors = [
    info('h0', 'float32', [2, 'n', 4]),
    info('mask', 'bool', ['t', 'n']),
    info('sr', 'int64', []),
    info('x', 'float16', ['t', 'n', 2]),
  ];
  const { feeds, inputs, padding, heads, outputs } = bind({
    inputs: [{ ...RAW, batchAxis: 1, timeAxis: 0, mask: 'mask' }, SIDE],
    state: [{ input: 'h0', output: 'hn' }],
    tensors,
    outputs: [...HEAD_OUTPUTS, info('hn', 'float32', [2, 'n', 4])],
  });
  assert.deepEqual(
    feeds.map(({ tensor, role, axes, of }) => [tensor.name, role, axes.batch, axes.time, of]),
    [
      ['h0', 'state', 1, null, undefined],
      ['mask', 'mask', 1, 0, 3],
      ['sr', 'side', null, null, undefined],
      ['x', 'data', 1, 0, undefined],
    ],
  );
  assert.deepEqual(
    inputs.map(({ spec, feed }) => [spec.name, feed]),
    [
      ['a', 3],
      ['rate', 2],
    ],
  );
  assert.deepEqual([padding, heads[0].follows, outputs.get('hn')], ['mask', 3, { batch: 1, time: null }]);
});

test('the same symbol ties the time of two inputs, as sameTimeAs does', () => {
  const two = [RAW, { ...RAW, name: 'b', tensor: 'z' }];
  const z = (symbol: string | null) => info('z', 'float32', ['n', symbol, 1]);
  const tie = (parts: Parts) => bind(parts).feeds[1].timeOf;
  assert.equal(tie({ inputs: two, tensors: [X, z('t')] }), 0);
  assert.equal(tie({ inputs: two, tensors: [X, z('s')] }), undefined);
  assert.equal(tie({ inputs: two, tensors: [X, z(null)] }), undefined);
  assert.equal(tie({ inputs: [RAW, { ...two[1], sameTimeAs: 'a' }], tensors: [X, z('s')] }), 0);
});

test('what a graph without a batch axis, or with a fixed number of steps, needs', async () => {
  const none = bind({
    inputs: [{ ...RAW, batchAxis: null, timeAxis: 0 }],
    heads: [{ ...HEADS[0], kind: 'tensor', batchAxis: null }],
    tensors: [info('x', 'float32', ['t', 3])],
    outputs: [info('y', 'float32', [4])],
  });
  assert.deepEqual(none.feeds[0].axes, { batch: null, time: 0 });
  const fixed = [info('x', 'float32', ['n', 10, 2])];
  const text = await refusalOf(() => bind({ tensors: fixed }));
  assert.match(text, /input "a": the graph takes exactly 10 time steps, the manifest 1 to 4096$/);
  bind({ inputs: [{ ...RAW, time: { minimum: 10, maximum: 10 } }], tensors: fixed });
});
