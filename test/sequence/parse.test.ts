// Side inputs and raw tensors from a caller's JSON: numbers of the graph's own type and shape, and every fault by its place.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bindSignature } from '../../src/model/bind.ts';
import type { TensorInfo } from '../../src/model/onnx/graph.ts';
import { type Sequence, sequenceParser } from '../../src/sequence/sequence.ts';
import { graphOf, HEAD_OUTPUTS, info, manifestOf } from '../support/models/models.ts';
import { faultOf } from '../support/models/refusal.ts';

const TENSOR = { name: 'x', tensor: 'x', kind: 'tensor', time: { minimum: 2, maximum: 4 } };
const RATE = { name: 'rate', tensor: 'sr', kind: 'side' };
const SR = info('sr', 'int64', []);

function parserOf(inputs: object[], tensors: TensorInfo[]): (value: unknown) => Sequence {
  const parse = sequenceParser(bindSignature(manifestOf({ inputs }), graphOf(tensors, HEAD_OUTPUTS)));
  return value => parse(value, ['sequences', 0]);
}

test('a raw tensor is the row in the shape of the graph, wherever batch and time lie', () => {
  const cases: [object, TensorInfo, unknown, number[], number][] = [
    [
      {},
      info('x', 'float32', ['n', 't', 2]),
      [
        [1, 2],
        [3, 4],
        [5, 6],
      ],
      [3, 2],
      3,
    ],
    [
      { batchAxis: 1, timeAxis: 0 },
      info('x', 'float64', ['t', 'n', 2]),
      [
        [1, 2],
        [3, 4],
      ],
      [2, 2],
      2,
    ],
    [
      { timeAxis: 2 },
      info('x', 'float32', ['n', 3, 't']),
      [
        [1, 2],
        [3, 4],
        [5, 6],
      ],
      [3, 2],
      2,
    ],
    [{ timeAxis: null }, info('x', 'float32', ['n', 's']), [1, 2, 3, 4, 5], [5], 1],
    [
      { batchAxis: null, timeAxis: 0 },
      info('x', 'float32', ['t', 2]),
      [
        [1, 2],
        [3, 4],
      ],
      [2, 2],
      2,
    ],
    [{}, info('x', 'int32', ['n', 't']), [7, 8], [2], 2],
  ];
  for (const [axes, tensor, value, dims, length] of cases) {
    const { parts, length: steps, longest } = parserOf([{ ...TENSOR, ...axes }], [tensor])(value);
    assert.deepEqual([parts[0]?.dims, parts[0]?.length, steps, longest], [dims, length, length, length]);
    assert.deepEqual(Array.from(parts[0]?.data as ArrayLike<number>), (value as unknown[]).flat());
  }
  const words = parserOf([TENSOR], [info('x', 'string', ['n', 't'])])(['a', '']);
  assert.deepEqual(words.parts[0], { dims: [2], length: 2, data: ['a', ''] });
  const flags = parserOf([TENSOR], [info('x', 'bool', ['n', 't'])])([true, false]);
  assert.deepEqual(flags.parts[0]?.data, Uint8Array.of(1, 0));
});

test('faults of a raw tensor are told by their place', () => {
  const parse = parserOf([TENSOR], [info('x', 'float32', ['n', 't', 2])]);
  const faults: [unknown, string, string][] = [
    [[[1, 2]], 'sequences[0] has 1 time steps, expected 2 to 4', ''],
    [Array(5).fill([1, 2]), 'sequences[0] has 5 time steps, expected 2 to 4', ''],
    [[[1, 2], [3]], 'sequences[0][1] has 1 values, expected 2', '/1'],
    [
      [
        [1, 2],
        [3, null],
      ],
      'sequences[0][1][1] is null, expected a number in the range of float32',
      '/1/1',
    ],
    [{}, 'sequences[0] is an object, expected an array', ''],
    ['x', 'sequences[0] is "x", expected an array', ''],
  ];
  for (const [value, message, pointer] of faults) {
    assert.deepEqual(
      faultOf(() => parse(value)),
      { message, pointer: `/sequences/0${pointer}` },
    );
  }
});

test('sizes that a caller chooses, besides time, keep sequences out of each other’s runs', () => {
  const parse = parserOf([{ ...TENSOR, timeAxis: null }], [info('x', 'float32', ['n', 's'])]);
  assert.equal(parse([1, 2]).batchKey, parse([3, 4]).batchKey);
  assert.notEqual(parse([1, 2]).batchKey, parse([1, 2, 3]).batchKey);
  const timed = parserOf([TENSOR], [info('x', 'float32', ['n', 't', 2])]);
  assert.equal(
    timed([
      [1, 2],
      [3, 4],
    ]).batchKey,
    timed([
      [1, 2],
      [3, 4],
      [5, 6],
    ]).batchKey,
  );
});

test('a side input is one value: as sent, or its default', () => {
  const tensors = [info('x', 'float32', ['n', 't', 1]), SR];
  const parse = parserOf([TENSOR, { ...RATE, default: 16000 }], tensors);
  const bare = parse([[1], [2]]);
  assert.deepEqual(bare.parts[1], { dims: [], length: 1, data: BigInt64Array.of(16000n) });
  assert.deepEqual(parse({ x: [[1], [2]] }), bare);
  assert.deepEqual(parse({ x: [[1], [2]], rate: 16000 }), bare);
  const other = parse({ x: [[1], [2]], rate: 8000 });
  assert.deepEqual(other.parts[1]?.data, BigInt64Array.of(8000n));
  assert.notEqual(other.batchKey, bare.batchKey);
  const single = parserOf([TENSOR, RATE], [tensors[0], info('sr', 'float32', [1])]);
  assert.deepEqual(single({ x: [[1], [2]], rate: 0.5 }).parts[1], { dims: [1], length: 1, data: Float32Array.of(0.5) });
});

test('faults of a side input', () => {
  const tensors = [info('x', 'float32', ['n', 't', 1]), SR];
  const x = [[1], [2]];
  const parse = parserOf([TENSOR, RATE], tensors);
  const listed = parserOf([TENSOR, { ...RATE, values: [8000, 16000] }], tensors);
  const optional = parserOf([TENSOR, { ...RATE, default: 1 }], tensors);
  const faults: [typeof parse, unknown, string, string][] = [
    [parse, x, 'sequences[0] is an array, expected an object by input name', ''],
    [parse, { x }, 'sequences[0] has no input "rate"', ''],
    [parse, { x, rate: 0.5 }, 'sequences[0].rate is 0.5, expected a whole number', '/rate'],
    [parse, { x, rate: [1] }, 'sequences[0].rate is an array, expected a whole number', '/rate'],
    [parse, { x, rate: null }, 'sequences[0].rate is null, expected a whole number', '/rate'],
    [listed, { x, rate: 44100 }, 'sequences[0].rate is 44100, expected one of 8000,16000', '/rate'],
    [listed, { x, rate: '8000' }, 'sequences[0].rate is "8000", expected one of 8000,16000', '/rate'],
    [optional, { x, rate: 1, z: 1 }, 'sequences[0] has an unknown input "z", expected "x", "rate"', ''],
    [optional, { rate: 1 }, 'sequences[0] has no input "x"', ''],
    [optional, { x, z: 1 }, 'sequences[0] has an unknown input "z", expected "x", "rate"', ''],
  ];
  for (const [parser, value, message, pointer] of faults) {
    assert.deepEqual(
      faultOf(() => parser(value)),
      { message, pointer: `/sequences/0${pointer}` },
    );
  }
});

test('inputs tied in time must have the same number of steps, unless the graph is told of both', () => {
  const spec = (name: string, more = {}) => ({ ...TENSOR, name, tensor: name, time: { maximum: 9 }, ...more });
  const [a, b, other] = [
    info('a', 'float32', ['n', 't', 1]),
    info('b', 'float32', ['n', 't', 1]),
    info('b', 'float32', ['n', 's', 1]),
  ];
  const long = { a: [[1], [2], [3]], b: [[1], [2]] };
  const message = 'sequences[0].b has 2 time steps, expected 3 as a has';
  const fault = { message, pointer: '/sequences/0/b' };
  assert.deepEqual(
    faultOf(() => parserOf([spec('a'), spec('b')], [a, b])(long)),
    fault,
  );
  assert.deepEqual(
    faultOf(() => parserOf([spec('a'), spec('b', { sameTimeAs: 'a' })], [a, other])(long)),
    fault,
  );
  assert.equal(parserOf([spec('a'), spec('b')], [a, other])(long).longest, 3);
  const told = [spec('a', { lengths: 'la' }), spec('b', { lengths: 'lb' })];
  const lengths = ['la', 'lb'].map(name => info(name, 'int64', ['n']));
  assert.equal(parserOf(told, [a, b, ...lengths])(long).longest, 3);
});

test('numbers for float16 and float64 graphs are held to the range of the type, and rounded once', () => {
  const input = { name: 'x', tensor: 'x', kind: 'numeric', features: [{ name: 'u' }] };
  const half = parserOf([input], [info('x', 'float16', ['n', 't', 1])]);
  assert.deepEqual(half([[65504], [1 + 2 ** -11 + 2 ** -40]]).parts[0]?.data, Uint16Array.of(0x7bff, 0x3c01));
  const beyond = faultOf(() => half([[1], [65505]]));
  assert.equal(beyond.message, 'sequences[0][1][0] is 65505, expected a number in the range of float16 (u)');
  const raw = parserOf([{ ...TENSOR, maximum: 1 }], [info('x', 'float16', ['n', 't'])]);
  assert.equal(faultOf(() => raw([1, 2])).message, 'sequences[0][1] is 2, expected a number up to 1');
  const double = parserOf([input], [info('x', 'float64', ['n', 't', 1])]);
  assert.deepEqual(double([[1e300], [0.1]]).parts[0]?.data, Float64Array.of(1e300, 0.1));
});
