// The rows of one request as a block: what is run and answered is the same, to the bit, as with every row by itself.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DType, Tensors } from '../../src/core/tensor.ts';
import { bindSignature } from '../../src/model/bind.ts';
import { randomNumbers } from '../../src/proof/samples.ts';
import { Block, BlockRow, stepsOf } from '../../src/sequence/block.ts';
import { collate } from '../../src/sequence/collate.ts';
import { checkRanges, withinBounds } from '../../src/sequence/ranges.ts';
import { type Sequence, sequenceBytes } from '../../src/sequence/sequence.ts';
import { between, graphOf, HEAD_OUTPUTS, info, manifestOf } from '../support/models/models.ts';

const LAYOUTS = ['batch first', 'time first'] as const;

function signatureOf(
  layout: (typeof LAYOUTS)[number],
  told: 'lengths' | 'mask',
  features: object[] = [{ name: 'u' }, { name: 'v' }],
) {
  const first = layout === 'batch first';
  const axes = first ? ['n', 't'] : ['t', 'n'];
  const input = {
    name: 'in',
    tensor: 'x',
    kind: 'numeric',
    [told]: told,
    features,
    batchAxis: first ? 0 : 1,
    timeAxis: first ? 1 : 0,
  };
  return bindSignature(
    manifestOf({ inputs: [input] }),
    graphOf([info('x', 'float32', [...axes, null]), info(told, 'int64', told === 'mask' ? axes : ['n'])], HEAD_OUTPUTS),
  );
}

function tensorsOf(
  layout: (typeof LAYOUTS)[number],
  told: 'lengths' | 'mask',
  rows: number,
  steps: number,
  random: () => number,
): Tensors {
  const axes = layout === 'batch first' ? [rows, steps] : [steps, rows];
  const x = Float32Array.from({ length: rows * steps * 2 }, () => random() - 0.5);
  const dims = told === 'mask' ? axes : [rows];
  const data = BigInt64Array.from({ length: dims.reduce((a, b) => a * b) }, () => BigInt(told === 'mask' ? 1 : steps));
  return { x: { dtype: 'float32', dims: [...axes, 2], data: x }, [told]: { dtype: 'int64' as DType, dims, data } };
}

/** The same rows, each by itself. */
const apart = (sequences: readonly Sequence[]): Sequence[] =>
  sequences.map(sequence => ({ ...sequence, parts: sequence.parts }));

describe('a block', () => {
  it('is collated as its rows would be, whole, in pieces, out of order and among others', () => {
    const random = randomNumbers(3);
    for (const layout of LAYOUTS) {
      for (const told of ['lengths', 'mask'] as const) {
        const signature = signatureOf(layout, told);
        for (let i = 0; i < 50; i++) {
          const blocks = [1, 2, 3].map(() => {
            const rows = between(random, 1, 6);
            return new Block(signature, tensorsOf(layout, told, rows, between(random, 1, 5), random), rows).sequences;
          });
          const mixed: Sequence[] = blocks.flatMap(rows => rows.slice(between(random, 0, rows.length - 1)));
          if (random() < 0.5) mixed.reverse();
          if (random() < 0.5) mixed.splice(between(random, 0, mixed.length), 0, apart(blocks[0])[0]);
          assert.deepEqual(collate(signature, mixed), collate(signature, apart(mixed)));
        }
      }
    }
  });

  it('tells the steps and bytes of its rows without taking them out', () => {
    const signature = signatureOf('batch first', 'lengths');
    const { sequences } = new Block(signature, tensorsOf('batch first', 'lengths', 3, 4, randomNumbers(1)), 3);
    for (const [i, row] of sequences.entries()) {
      const [plain] = apart([row]);
      assert.deepEqual([row.length, row.longest, row.batchKey], [4, 4, '']);
      assert.equal(sequenceBytes(row), sequenceBytes(plain));
      assert.deepEqual([stepsOf(row, 0), stepsOf(row, 1)], [stepsOf(plain, 0), stepsOf(plain, 1)]);
      assert.equal(row.neighbours(sequences, i), 3 - i);
    }
    const copy = { ...sequences[0], parts: [] };
    assert.ok(!(copy instanceof BlockRow) && !('bytes' in copy), 'a copy is a plain sequence');
  });
});

describe('the look at all values at once', () => {
  it('finds nothing wrong exactly where no value is, padding left aside', () => {
    const random = randomNumbers(8);
    const features = [
      { name: 'u', minimum: -0.5, maximum: 0.1 },
      { name: 'v', integer: true },
    ];
    let [good, bad] = [0, 0];
    for (const layout of LAYOUTS) {
      const signature = signatureOf(layout, 'mask', features);
      for (let i = 0; i < 400; i++) {
        const tensors = tensorsOf(layout, 'mask', 2, 2, random);
        const x = tensors.x.data as Float32Array;
        for (let v = 0; v < x.length; v += 2) {
          x[v] = random() < 0.05 ? 0.2 : [0.1, -0.5, 0][between(random, 0, 2)]; // 0.1 as float32 lies above 0.1
          x[v + 1] = random() < 0.05 ? 1.5 : between(random, -3, 3);
        }
        const check = () => checkRanges(signature, new Block(signature, tensors, 2).sequences);
        if (withinBounds(signature, tensors)) {
          assert.doesNotThrow(check);
          good++;
        } else {
          assert.throws(check, { code: 'INVALID_REQUEST' });
          bad++;
        }
      }
    }
    assert.ok(good > 50 && bad > 50, `${good} good, ${bad} bad`);
  });
});
