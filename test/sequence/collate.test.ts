// Many sequences into one run and back: under a graph that answers its inputs, split(collate(x)) is x.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServiceError } from '../../src/core/errors.ts';
import { type DType, elementCount, type TensorData, type Tensors } from '../../src/core/tensor.ts';
import { bindSignature } from '../../src/model/bind.ts';
import type { Signature } from '../../src/model/signature.ts';
import { randomNumbers, randomSequence } from '../../src/proof/samples.ts';
import { collate, type Row, split } from '../../src/sequence/collate.ts';
import type { Part } from '../../src/sequence/rows.ts';
import type { Sequence } from '../../src/sequence/sequence.ts';
import { between, graphOf, HEAD_OUTPUTS, info, manifestOf, pick } from '../support/models/models.ts';

const KINDS: readonly { kind: string; dtype: DType; extra: object }[] = [
  { kind: 'numeric', dtype: 'float32', extra: { features: [{ name: 'u' }] } },
  { kind: 'numeric', dtype: 'float32', extra: { features: [{ name: 'u' }, { name: 'v' }, { name: 'w' }] } },
  { kind: 'numeric', dtype: 'float64', extra: { features: [{ name: 'u' }, { name: 'v' }] } },
  { kind: 'index', dtype: 'int64', extra: { size: 50 } },
  { kind: 'index', dtype: 'int32', extra: { size: 50 } },
  { kind: 'token', dtype: 'string', extra: {} },
];
const PADDING: readonly { what: 'lengths' | 'mask'; dtype: DType }[] = [
  ...(['int32', 'int64'] as const).map(dtype => ({ what: 'lengths' as const, dtype })),
  ...(['bool', 'int32', 'int64', 'float32', 'float64'] as const).map(dtype => ({ what: 'mask' as const, dtype })),
];

/** A signature of one input for each of `choices`; the symbols of the time axes say which are tied. */
function signatureOf(
  choices: readonly [(typeof KINDS)[number], (typeof PADDING)[number]][],
  symbols: readonly string[],
): Signature {
  const inputs = choices.map(([{ kind, extra }, { what }], i) => ({
    name: `in${i}`,
    tensor: `x${i}`,
    kind,
    [what]: `${what}${i}`,
    time: { minimum: 1, maximum: 40 },
    ...extra,
  }));
  const tensors = choices.flatMap(([{ kind, dtype }, padding], i) => [
    info(`x${i}`, dtype, kind === 'numeric' ? ['n', symbols[i], null] : ['n', symbols[i]]),
    info(`${padding.what}${i}`, padding.dtype, padding.what === 'mask' ? ['n', symbols[i]] : ['n']),
  ]);
  return bindSignature(manifestOf({ inputs }), graphOf(tensors, HEAD_OUTPUTS));
}

/** A random sequence whose inputs have lengths of their own. */
function raggedSequence(signature: Signature, random: () => number): Sequence {
  const parts: (Part | undefined)[] = signature.feeds.map(() => undefined);
  for (const { feed } of signature.inputs) {
    parts[feed] = randomSequence(signature, between(random, 1, 40), random).parts[feed];
  }
  const longest = Math.max(...parts.map(part => part?.length ?? 0));
  return { parts, length: partOf(parts, signature.inputs[0].feed).length, longest, batchKey: '' };
}

function partOf(parts: Sequence['parts'], feed: number): Part {
  const part = parts[feed];
  assert.ok(part);
  return part;
}

/** The values of a row of an output, padding included, as plain numbers or strings. */
function valuesOf(row: Row, name: string): (number | string)[] {
  const { data } = row.outputs[name];
  const share = data.length / row.batchSize;
  return Array.from(data.slice(row.index * share, (row.index + 1) * share) as ArrayLike<number | bigint | string>, v =>
    typeof v === 'bigint' ? Number(v) : v,
  );
}

const plain = (data: TensorData | Part['data']) =>
  Array.from(data as ArrayLike<number | bigint | string>, v => (typeof v === 'bigint' ? Number(v) : v));

test('split(collate(x)) is x for random ragged batches, whatever the inputs and the padding', () => {
  const random = randomNumbers(1);
  const choices = KINDS.flatMap(kind => PADDING.map(padding => [[kind, padding] as [typeof kind, typeof padding]]));
  for (let i = 0; i < 60; i++) {
    choices.push(Array.from({ length: between(random, 2, 4) }, () => [pick(random, KINDS), pick(random, PADDING)]));
  }
  for (const choice of choices) {
    const symbols = choice.map((_, i) => pick(random, ['t', `t${i}`]));
    const signature = signatureOf(choice, symbols);
    const sequences = Array.from({ length: between(random, 1, 12) }, () => raggedSequence(signature, random));
    const feeds = collate(signature, sequences);
    const rows = split(signature, feeds, sequences);
    assert.equal(rows.length, sequences.length);
    rows.forEach((row, b) => {
      const sequence = sequences[b];
      assert.deepEqual([row.index, row.batchSize, row.sequence], [b, sequences.length, sequence]);
      signature.inputs.forEach(({ width, feed }, k) => {
        const tied = signature.inputs.filter((_, i) => symbols[i] === symbols[k]).map(input => input.feed);
        const longest = Math.max(...sequences.flatMap(({ parts }) => tied.map(f => partOf(parts, f).length)));
        checkPart(row, partOf(sequence.parts, feed), k, width, longest, choice[k][1].what);
      });
    });
  }
});

function checkPart(row: Row, part: Part, k: number, width: number, longest: number, told: 'lengths' | 'mask'): void {
  const values = valuesOf(row, `x${k}`);
  assert.equal(values.length, longest * width);
  assert.deepEqual(values.slice(0, part.length * width), plain(part.data));
  const padding = new Set(values.slice(part.length * width));
  assert.ok(
    [...padding].every(value => value === 0 || value === ''),
    'padding is zero or empty',
  );
  const expected =
    told === 'lengths' ? [part.length] : Array.from({ length: longest }, (_, t) => (t < part.length ? 1 : 0));
  assert.deepEqual(valuesOf(row, `${told}${k}`), expected);
}

test('every feed has the type and the shape that the graph declares', () => {
  const random = randomNumbers(2);
  for (const kind of KINDS) {
    for (const padding of PADDING) {
      const signature = signatureOf([[kind, padding]], ['t']);
      const sequences = [3, 7, 5].map(length => randomSequence(signature, length, random));
      const feeds = collate(signature, sequences);
      const width = signature.inputs[0].width;
      assert.deepEqual(Object.keys(feeds), ['x0', `${padding.what}0`]);
      assert.deepEqual([feeds.x0.dtype, feeds.x0.dims], [kind.dtype, kind.kind === 'numeric' ? [3, 7, width] : [3, 7]]);
      const told = feeds[`${padding.what}0`];
      assert.deepEqual([told.dtype, told.dims], [padding.dtype, padding.what === 'mask' ? [3, 7] : [3]]);
      for (const { data, dims } of Object.values(feeds)) assert.equal(data.length, elementCount(dims));
    }
  }
});

test('an input whose graph is told nothing of padding gets its values alone', () => {
  const inputs = [{ name: 'x', tensor: 'x', kind: 'numeric', features: [{ name: 'u' }] }];
  const signature = bindSignature(manifestOf({ inputs }), graphOf([info('x', 'float32', ['n', 't', 1])], HEAD_OUTPUTS));
  const part = { length: 2, dims: [2, 1], data: Float32Array.of(1, 2) };
  const sequence = { parts: [part], length: 2, longest: 2, batchKey: '' };
  assert.deepEqual(collate(signature, [sequence, sequence]), {
    x: { dtype: 'float32', dims: [2, 2, 1], data: Float32Array.of(1, 2, 1, 2) },
  });
});

test('state starts at zero, with one row for every sequence along its own batch axis', () => {
  const inputs = [{ name: 'x', tensor: 'x', kind: 'numeric', features: [{ name: 'u' }] }];
  const state = [
    { input: 'h0', output: 'hn' },
    { input: 'c0', output: 'cn', batchAxis: 0 },
    { input: 'd0', output: 'dn', batchAxis: 2 },
  ];
  const graph = graphOf(
    [
      info('x', 'float32', ['n', 't', 1]),
      info('h0', 'float32', [2, 'n', 16]),
      info('c0', 'float64', ['n', 4]),
      info('d0', 'float32', [1, 3, 'n']),
    ],
    [
      ...HEAD_OUTPUTS,
      info('hn', 'float32', [2, 'n', 16]),
      info('cn', 'float64', ['n', 4]),
      info('dn', 'float32', [1, 3, 'n']),
    ],
  );
  const signature = bindSignature(manifestOf({ inputs, state }), graph);
  const feeds = collate(
    signature,
    [1, 2, 3, 4, 5].map(length => randomSequence(signature, length, Math.random)),
  );
  const shapes: [string, DType, number[]][] = [
    ['h0', 'float32', [2, 5, 16]],
    ['c0', 'float64', [5, 4]],
    ['d0', 'float32', [1, 3, 5]],
  ];
  for (const [name, dtype, dims] of shapes) {
    assert.deepEqual([feeds[name].dtype, feeds[name].dims], [dtype, dims]);
    assert.equal(feeds[name].data.length, elementCount(dims));
    assert.ok(plain(feeds[name].data).every(value => value === 0));
  }
});

test('outputs without one row for every sequence are refused, and only the log learns which', () => {
  const inputs = [{ name: 'x', tensor: 'x', kind: 'numeric', features: [{ name: 'u' }] }];
  const heads = ['good', 'bad'].map(name => ({ name, tensor: name, kind: 'tensor' }));
  const graph = graphOf(
    [info('x', 'float32', ['n', 't', 1])],
    ['good', 'bad'].map(name => info(name, 'float32', [])),
  );
  const signature = bindSignature(manifestOf({ inputs, heads }), graph);
  const sequences = [1, 2, 3].map(length => ({ parts: [], length, longest: length, batchKey: '' }));
  const good = { dtype: 'float32', dims: [3, 2], data: new Float32Array(6) } as const;
  const wrong: Tensors[] = [
    { good, bad: { dtype: 'float32', dims: [2, 2], data: new Float32Array(4) } },
    { bad: { dtype: 'float32', dims: [4], data: new Float32Array(4) }, good },
    { bad: { dtype: 'float32', dims: [], data: new Float32Array(1) } },
    { bad: { dtype: 'float32', dims: [1, 3], data: new Float32Array(3) } },
  ];
  assert.equal(split(signature, { good }, sequences).length, 3);
  for (const outputs of wrong) {
    assert.throws(
      () => split(signature, outputs, sequences),
      (error: unknown) => {
        assert.ok(error instanceof ServiceError && error.code === 'INFERENCE_FAILED');
        assert.equal(error.message, 'the model did not answer every sequence');
        const shape = `[${outputs.bad.dims.join(', ')}]`;
        assert.equal((error.cause as Error).message, `output "bad" has shape ${shape} for 3 sequences`);
        return true;
      },
    );
  }
});
