// The float32 writer against the definition of what it writes: reads back as the same float32, in the fewest digits.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { float32Text } from '../../../src/http/codec/float32.ts';
import { randomNumbers } from '../../../src/proof/samples.ts';

/** Significant digits of a decimal text. */
function digitsOf(text: string): number {
  const [mantissa] = text.replace(/[-.]/g, '').split('e');
  return mantissa.replace(/^0+/, '').replace(/0+$/, '').length;
}

function check(value: number): void {
  const text = float32Text(value);
  const back = JSON.parse(text);
  // JSON has a -0, the shortest text of a zero has no sign: nothing that reads a probability or a value tells them apart.
  if (Math.fround(back) !== value) assert.fail(`${value} is written ${text}, which reads ${Math.fround(back)}`);
  if (text.length > String(value).length) assert.fail(`${text} is longer than ${value}`);
  if (digitsOf(text) > 9) assert.fail(`${text} has more than nine digits`);
}

test('a million random float32 bit patterns read back as themselves', () => {
  const random = randomNumbers(1);
  const bits = new Uint32Array(1);
  const float = new Float32Array(bits.buffer);
  let checked = 0;
  for (let i = 0; i < 1_000_000; i++) {
    bits[0] = random() * 2 ** 32;
    if (!Number.isFinite(float[0])) continue;
    check(float[0]);
    checked++;
  }
  assert.ok(checked > 980_000, `${checked} were finite`);
});

test('values of everyday size, decimals included, read back as themselves', () => {
  const random = randomNumbers(2);
  for (let i = 0; i < 200_000; i++) {
    const size = 10 ** (random() * 12 - 5);
    check(Math.fround(size));
    check(Math.fround(-size));
  }
});

test('a decimal of at most six digits is written back as it was', () => {
  const random = randomNumbers(3);
  for (let i = 0; i < 200_000; i++) {
    const decimals = Math.floor(random() * 9);
    const text = `${Math.floor(random() * 1e6) / 10 ** decimals}`;
    assert.equal(float32Text(Number(text)), text);
  }
});

test('no shorter decimal reads back as the same float32', () => {
  const random = randomNumbers(4);
  for (let i = 0; i < 50_000; i++) {
    const value = Math.fround((random() - 0.5) * 10 ** Math.floor(random() * 14 - 5));
    let digits = 1;
    while (Math.fround(Number(value.toPrecision(digits))) !== value) digits++;
    if (digitsOf(float32Text(value)) > digits) assert.fail(`${value}: ${float32Text(value)}, ${digits} digits suffice`);
  }
});

test('known values', () => {
  const known: [number, string][] = [
    [0, '0'],
    [-0, '0'],
    [1, '1'],
    [-1, '-1'],
    [0.1, '0.1'],
    [1 / 3, '0.33333334'],
    [9.7, '9.7'],
    [123.4, '123.4'],
    [1234.1, '1234.1'],
    [123456.789, '123456.79'],
    [999999.94, '999999.94'],
    [16777216, '16777216'],
    [3.4028234663852886e38, '3.4028235e+38'],
    [-3.4028234663852886e38, '-3.4028235e+38'],
    [1.1754943508222875e-38, '1.1754944e-38'],
    [0.0001, '0.0001'],
    [0.00009999, '0.00009999'],
    [1e-7, '1e-7'],
    [1e21, '1e+21'],
  ];
  for (const [value, text] of known) assert.equal(float32Text(value), text);
});
