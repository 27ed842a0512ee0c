// Tensors to bytes and JSON and back: every datatype, at every offset, against Node's own Buffer methods.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ServiceError } from '../../../src/core/errors.ts';
import { ARRAYS, type DType, type Tensor } from '../../../src/core/tensor.ts';
import {
  DATATYPES,
  DTYPES,
  decodeBytes,
  decodeJson,
  encodeBytes,
  encodeJson,
} from '../../../src/http/codec/tensors.ts';
import { bytesOf, type Value, valuesOf } from '../../support/client/v2.ts';

/** The least, the greatest and some values between, of every datatype but BYTES; FP16 by its bits. */
const VALUES: Record<Exclude<DType, 'string'>, readonly Value[]> = {
  bool: [true, false, true],
  uint8: [0, 255, 7],
  uint16: [0, 65535, 258],
  uint32: [0, 4294967295, 65537],
  uint64: [0n, 2n ** 64n - 1n, 2n ** 53n + 1n],
  int8: [-128, 127, -1],
  int16: [-32768, 32767, -2],
  int32: [-2147483648, 2147483647, -3],
  int64: [-(2n ** 63n), 2n ** 63n - 1n, 2n ** 53n + 1n],
  float16: [0x3c00, 0x7bff, 0x8001],
  float32: [Math.fround(0.1), -3.4028234663852886e38, 2 ** -149],
  float64: [0.1, -Number.MAX_VALUE, Number.MIN_VALUE],
};
const NUMERIC = Object.entries(VALUES) as [Exclude<DType, 'string'>, readonly Value[]][];
const TEXTS = ['', 'a', 'née', '日本語', '\u{1f600}', '\ufeffmark', 'a\u0000b'];

const plain = (dtype: DType, data: Tensor['data']) =>
  Array.from(data as ArrayLike<number | bigint>, v => (dtype === 'bool' ? v === 1 : v));
const json = (dtype: DType, dims: readonly number[], value: unknown) =>
  decodeJson(['inputs', 0, 'data'], dtype, dims, value);

function refused(act: () => unknown, pattern: RegExp): void {
  assert.throws(act, (error: unknown) => {
    assert.ok(error instanceof ServiceError, String(error));
    assert.match(error.code, /^INVALID_(REQUEST|SEQUENCE)$/);
    assert.match(error.message, pattern);
    return true;
  });
}

describe('datatypes', () => {
  it('have one name each, and BF16 is none', () => {
    assert.equal(DTYPES.size, 13);
    assert.deepEqual([...DTYPES.keys()].sort(), Object.values(DATATYPES).sort());
    for (const name of ['BF16', 'float32', 'fp32', 'STRING', '__proto__', 'constructor'])
      assert.equal(DTYPES.get(name), undefined);
  });
});

describe('binary tensors', () => {
  for (const [dtype, values] of NUMERIC) {
    it(`${dtype}: the bytes of Buffer, at each of eight offsets, into memory of their own`, () => {
      const bytes = bytesOf(DATATYPES[dtype], values);
      for (let offset = 0; offset < 8; offset++) {
        const body = Buffer.alloc(bytes.length + 16, 0xaa);
        bytes.copy(body, offset);
        const data = decodeBytes('x', dtype, values.length, body.subarray(offset, offset + bytes.length));
        body.fill(0);
        assert.ok(data instanceof ARRAYS[dtype]);
        assert.equal(data.buffer.byteLength, bytes.length, 'it keeps the body alive');
        assert.deepEqual(plain(dtype, data), values);
      }
    });

    it(`${dtype}: back to the same bytes, from the middle of a buffer too`, () => {
      const bytes = bytesOf(DATATYPES[dtype], values);
      const width = ARRAYS[dtype].BYTES_PER_ELEMENT;
      const buffer = new ArrayBuffer(bytes.length + 2 * width);
      new Uint8Array(buffer).set(bytes, width);
      const data = new ARRAYS[dtype](buffer, width, values.length);
      assert.deepEqual(encodeBytes({ dtype, dims: [values.length], data }), bytes);
      assert.deepEqual(valuesOf(DATATYPES[dtype], bytes), values);
    });

    it(`${dtype}: bytes that are not those of its shape are refused`, () => {
      const width = ARRAYS[dtype].BYTES_PER_ELEMENT;
      const bytes = new Uint8Array(3 * width);
      for (const count of [0, 2, 4, 2 ** 53 - 1, 2 ** 64, Infinity]) {
        refused(() => decodeBytes('x', dtype, count, bytes), /^x has \d+ bytes, expected /);
      }
      if (width > 1) refused(() => decodeBytes('x', dtype, 3, bytes.subarray(1)), /bytes, expected/);
    });
  }

  it('BOOL takes bytes of 0 and 1 only', () => {
    for (const byte of [2, 255]) refused(() => decodeBytes('x', 'bool', 2, Uint8Array.of(1, byte)), /neither 0 nor 1/);
  });

  it('BYTES: texts of any kind and back, at each offset', () => {
    const bytes = bytesOf('BYTES', TEXTS);
    for (let offset = 0; offset < 8; offset++) {
      const body = Buffer.concat([Buffer.alloc(offset, 0xff), bytes]);
      assert.deepEqual(decodeBytes('x', 'string', TEXTS.length, body.subarray(offset)), TEXTS);
    }
    assert.deepEqual(encodeBytes({ dtype: 'string', dims: [TEXTS.length], data: TEXTS }), bytes);
    assert.deepEqual(decodeBytes('x', 'string', 0, new Uint8Array(0)), []);
  });

  it('BYTES: lying lengths and counts are refused', () => {
    const length = (size: number) => bytesOf('UINT32', [size]);
    const one = Buffer.concat([length(1), Buffer.from('a')]);
    refused(() => decodeBytes('x', 'string', 1, length(1)), /element 0 ends beyond its bytes/);
    refused(
      () => decodeBytes('x', 'string', 2, Buffer.concat([one, length(0xffffffff), one])),
      /element 1 ends beyond/,
    );
    for (const rest of [1, 2, 3]) {
      refused(() => decodeBytes('x', 'string', 1, Buffer.concat([one, Buffer.alloc(rest)])), /element 1 ends beyond/);
    }
    refused(() => decodeBytes('x', 'string', 2, one), /has 1 elements, expected 2/);
    refused(() => decodeBytes('x', 'string', 0, one), /has 1 elements, expected 0/);
    refused(() => decodeBytes('x', 'string', 2 ** 53, Buffer.alloc(0)), /has 0 elements, expected 9007199254740992/);
  });

  it('BYTES: what is not UTF-8 is refused', () => {
    for (const bad of [[0xff], [0xc3], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80]]) {
      const bytes = Buffer.concat([bytesOf('UINT32', [bad.length]), Buffer.from(bad)]);
      refused(() => decodeBytes('x', 'string', 1, bytes), /element 0 is not UTF-8/);
    }
  });
});

describe('JSON tensors', () => {
  it('flat or nested along the shape, the same', () => {
    const flat = [1, 2, 3, 4, 5, 6];
    assert.deepEqual([...json('float32', [2, 3], flat)], flat);
    assert.deepEqual(
      [
        ...json(
          'float32',
          [2, 3],
          [
            [1, 2, 3],
            [4, 5, 6],
          ],
        ),
      ],
      flat,
    );
    assert.deepEqual([...json('int64', [1, 2, 1], [[[1], [-2]]])], [1n, -2n]);
    assert.deepEqual(json('string', [2, 1], [['a'], ['b']]), ['a', 'b']);
    assert.deepEqual([...json('uint8', [], [7])], [7]);
    assert.deepEqual([...json('float32', [2, 0], [])], []);
  });

  it('ragged, nested otherwise than the shape, too few or too many is refused', () => {
    for (const value of [
      [
        [1, 2],
        [3, 4],
      ],
      [
        [1, 2, 3],
        [4, 5],
      ],
      [
        [1, 2, 3],
        [4, 5, 6, 7],
      ],
      [[1, 2, 3]],
      [[1, 2, 3], 4],
    ]) {
      refused(() => json('float32', [2, 3], value), /inputs\[0\]\.data/);
    }
    for (const value of [[1, 2, 3], [1, 2, 3, 4, 5, 6, 7], [1, 2, 3, [4, 5, 6]], [[1, 2, 3, 4, 5, 6]], []]) {
      refused(() => json('float32', [2, 3], value), /inputs\[0\]\.data/);
    }
    for (const value of [undefined, null, 1, '1', {}, { length: 6 }, true]) {
      refused(() => json('float32', [2, 3], value), /expected an array/);
    }
    let deep: unknown = 1;
    for (let depth = 0; depth < 20_000; depth++) deep = [deep];
    for (const dims of [[], [1], [1, 1], new Array(16).fill(1)]) refused(() => json('float32', dims, deep), /array/);
  });

  it('takes no memory for a shape that the values do not fill', () => {
    const side = 20_000;
    const lying = new Array<unknown>(side).fill([]);
    lying[0] = new Array(side).fill(0); // the first of every nesting says 20,000 x 20,000
    const before = process.memoryUsage().arrayBuffers;
    refused(() => json('float64', [side, side], lying), /\[1\] has 0 values, expected 20000/);
    refused(() => json('float32', [2 ** 53 - 1], [1]), /has 1 elements, expected 9007199254740991/);
    assert.ok(process.memoryUsage().arrayBuffers - before < 1e6);
  });

  for (const [dtype, values] of NUMERIC.filter(([name]) => !['float16', 'uint64', 'int64'].includes(name))) {
    it(`${dtype}: its least and greatest, there and back`, () => {
      const data = json(dtype, [values.length], values);
      assert.deepEqual(plain(dtype, data), values);
      const read = JSON.parse(encodeJson({ dtype, dims: [values.length], data }));
      assert.deepEqual(dtype === 'float32' ? read.map(Math.fround) : read, values);
    });
  }

  it('whole numbers beyond the type, fractions and other kinds are refused', () => {
    const beyond: [DType, unknown[]][] = [
      ['uint8', [-1, 256, 1.5]],
      ['uint16', [-1, 65536]],
      ['uint32', [-1, 4294967296]],
      ['uint64', [-1, 2 ** 53, 1e300]],
      ['int8', [-129, 128]],
      ['int16', [-32769, 32768]],
      ['int32', [-2147483649, 2147483648]],
      ['int64', [2 ** 53, -(2 ** 53), 0.5]],
      ['float32', [1e39, -1e39, JSON.parse('1e999')]],
      ['float64', [JSON.parse('1e999')]],
    ];
    for (const [dtype, bad] of beyond) {
      for (const value of [...bad, null, true, '1', 'NaN', {}, [], undefined]) {
        refused(() => json(dtype, [2], [0, value]), /^inputs\[0\]\.data\[1\]/);
        refused(() => json(dtype, [1, 2], [[0, value]]), /^inputs\[0\]\.data\[0\]\[1\]/);
      }
    }
    for (const value of [0, 1, 'true', null, []]) refused(() => json('bool', [1], [value]), /data/);
    for (const value of [0, true, null, ['a']]) refused(() => json('string', [1], [value]), /data/);
  });

  it('FP16 has no JSON form, either way', () => {
    refused(() => json('float16', [1], [1]), /FP16 has no JSON form, use the binary data format/);
    refused(() => encodeJson({ dtype: 'float16', dims: [1], data: Uint16Array.of(1) }), /binary data format/);
  });

  it('answers 64-bit integers exactly and as numbers', () => {
    const of = (dtype: DType, data: Tensor['data']) => encodeJson({ dtype, dims: [data.length], data });
    assert.equal(
      of('int64', BigInt64Array.of(-(2n ** 63n), 2n ** 53n + 1n)),
      '[-9223372036854775808,9007199254740993]',
    );
    assert.equal(of('uint64', BigUint64Array.of(2n ** 64n - 1n)), '[18446744073709551615]');
  });

  it('answers null for what is not finite, and float32 in the fewest digits that read back as the same', () => {
    for (const dtype of ['float32', 'float64'] as const) {
      const data = ARRAYS[dtype].of(Number.NaN, Infinity, -Infinity, 0.5);
      assert.equal(encodeJson({ dtype, dims: [4], data }), '[null,null,null,0.5]');
    }
    assert.equal(encodeJson({ dtype: 'float32', dims: [1], data: Float32Array.of(0.1, -2) }), '[0.1,-2]');
    assert.equal(encodeJson({ dtype: 'string', dims: [2], data: ['"', '\u2028é'] }), JSON.stringify(['"', '\u2028é']));
    assert.equal(encodeJson({ dtype: 'bool', dims: [2], data: Uint8Array.of(1, 0) }), '[true,false]');
  });
});
