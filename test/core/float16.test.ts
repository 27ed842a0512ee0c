// Half precision: every bit pattern there and back, and rounding against a formula in float64.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FLOAT16_MAX, fromFloat16, toFloat16 } from '../../src/core/float16.ts';
import { randomNumbers } from '../../src/proof/samples.ts';

const INFINITE = 0x7c00;

/** The nearest half-precision value, ties to even; every step is exact in float64. */
function nearest(value: number): number {
  const size = Math.abs(value);
  if (Number.isNaN(value) || size === 0) return value;
  if (size >= 65520) return Math.sign(value) * Infinity;
  let unit = 2 ** -24; // the distance of neighbours where `size` lies
  while (size >= unit * 2048) unit *= 2;
  const floor = Math.floor(size / unit);
  const rest = size / unit - floor;
  const up = rest > 0.5 || (rest === 0.5 && floor % 2 === 1);
  return Math.sign(value) * (floor + (up ? 1 : 0)) * unit;
}

test('all 65,536 bit patterns come back, NaN as a NaN', () => {
  for (let half = 0; half < 65536; half++) {
    const value = fromFloat16(half);
    const back = toFloat16(value);
    if ((half & 0x7fff) > INFINITE) {
      assert.ok(Number.isNaN(value) && (back & 0x7fff) > INFINITE, half.toString(16));
    } else {
      assert.equal(back, half);
      assert.ok(Object.is(nearest(value), value), `${half.toString(16)} is ${value}`);
    }
  }
});

test('known values: one, the largest, the least, zero with its sign, infinity', () => {
  const known: [number, number][] = [
    [1, 0x3c00],
    [-2, 0xc000],
    [FLOAT16_MAX, 0x7bff],
    [2 ** -24, 0x0001],
    [2 ** -14, 0x0400],
    [0, 0],
    [-0, 0x8000],
    [Infinity, INFINITE],
    [-Infinity, 0xfc00],
  ];
  for (const [value, half] of known) {
    assert.equal(toFloat16(value), half, `${value}`);
    assert.ok(Object.is(fromFloat16(half), value), `${value}`);
  }
  for (const beyond of [65520, 1e30, 1e300, Number.MAX_VALUE]) assert.equal(toFloat16(-beyond), 0xfc00);
  for (const tiny of [2 ** -25, 1e-10, 1e-50, Number.MIN_VALUE]) assert.equal(toFloat16(tiny), 0);
});

function check(value: number): void {
  const actual = fromFloat16(toFloat16(value));
  assert.ok(Object.is(actual, nearest(value)), `${value} became ${actual}, expected ${nearest(value)}`);
}

test('halfway between any two neighbours the even one wins, and the least bit more or less decides', () => {
  for (let half = 0; half < 0x7bff; half++) {
    const middle = (fromFloat16(half) + fromFloat16(half + 1)) / 2;
    assert.equal(toFloat16(middle), half % 2 === 0 ? half : half + 1);
    for (const nudge of [2 ** -20, 2 ** -40, 2 ** -52]) {
      assert.equal(toFloat16(middle * (1 + nudge)), half + 1, `above ${middle}`);
      assert.equal(toFloat16(-middle * (1 - nudge)), half | 0x8000, `below ${middle}`);
    }
  }
});

test('random doubles of every size round as the formula says', () => {
  const random = randomNumbers(1);
  for (let i = 0; i < 200_000; i++) check((random() - 0.5) * 2 ** (44 * random() - 27));
});
