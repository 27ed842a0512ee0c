// Binary tensors after the JSON: the header length and the sizes, told truly and in every false way; raw requests.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DType } from '../../../src/core/tensor.ts';
import { parseInfer } from '../../../src/http/v2/convert.ts';
import type { Model } from '../../../src/service/model.ts';
import { bytesOf, type Value, WIDTHS } from '../../support/client/v2.ts';
import { info } from '../../support/models/models.ts';
import { assertRefused, rawModel } from '../../support/models/raw-model.ts';

const MODEL = rawModel([info('x', 'float32', ['batch', 'time', 2])]);
const FOUR = bytesOf('FP32', [1, 2, 3, 4]);

interface Sent {
  readonly inputs: object[];
  readonly bytes?: Buffer;
  readonly length?: string | ((json: number, body: number) => string);
}

function parse({ inputs, bytes = Buffer.alloc(0), length = json => `${json}` }: Sent, model = MODEL) {
  const json = Buffer.from(JSON.stringify({ inputs }));
  const body = Buffer.concat([json, bytes]);
  return parseInfer(model, body, typeof length === 'string' ? length : length(json.length, body.length)).request
    .tensors;
}
const sized = (size: unknown, more: object = {}) => ({
  name: 'x',
  shape: [1, 2, 2],
  datatype: 'FP32',
  parameters: { binary_data_size: size },
  ...more,
});

describe('Inference-Header-Content-Length', () => {
  it('splits the body; the length of the whole body is plain JSON', () => {
    assert.deepEqual([...(parse({ inputs: [sized(16)], bytes: FOUR }).x.data as Float32Array)], [1, 2, 3, 4]);
    const plain = { name: 'x', shape: [4], datatype: 'FP32', data: [1, 2, 3, 4] };
    assert.equal(parse({ inputs: [plain], length: (_, body) => `${body}` }).x.data.length, 4);
    assert.equal(parse({ inputs: [plain], length: (_, body) => `000${body}` }).x.data.length, 4);
  });

  it('is digits and no more than the body has', () => {
    const bad = [
      '-1',
      '98x',
      'x',
      '',
      ' 98',
      '+98',
      '9.8',
      '1e2',
      '0x10',
      '98,98',
      '4294967295',
      '9223372036854775808',
      '9'.repeat(40),
      'NaN',
    ];
    for (const length of bad)
      assertRefused(
        () => parse({ inputs: [sized(16)], bytes: FOUR, length }),
        /^Inference-Header-Content-Length must be/,
      );
    assertRefused(
      () => parse({ inputs: [sized(16)], bytes: FOUR, length: (_, body) => `${body + 1}` }),
      /Length must be/,
    );
  });

  it('too small or too large cuts the JSON wrongly: refused', () => {
    for (const off of [-1, -5, 1, 4, 16]) {
      assertRefused(
        () => parse({ inputs: [sized(16)], bytes: FOUR, length: json => `${json + off}` }),
        /not valid JSON/,
      );
    }
    assertRefused(
      () => parseInfer(MODEL, Buffer.from(JSON.stringify({ inputs: [sized(16)] })), undefined),
      /expecting 16 additional bytes/,
    );
  });
});

describe('binary_data_size', () => {
  it('too small, too large, beyond the body or with bytes left over is refused', () => {
    const of = (size: unknown, bytes = FOUR, more: object = {}) => parse({ inputs: [sized(size, more)], bytes });
    assertRefused(() => of(12), /has 12 bytes, expected 16/);
    assertRefused(() => of(0), /has 0 bytes, expected 16/);
    assertRefused(() => of(20), /expecting 4 additional bytes/);
    assertRefused(() => of(2 ** 53 - 1), /expecting 9007199254740975 additional bytes/);
    assertRefused(() => of(16, Buffer.concat([FOUR, Buffer.alloc(1)])), /1 bytes follow the last binary tensor/);
    assertRefused(() => of(17, Buffer.concat([FOUR, Buffer.alloc(1)])), /has 17 bytes, expected 16/);
    assertRefused(() => of(16, FOUR.subarray(1)), /expecting 1 additional bytes/);
    assertRefused(() => of(16, FOUR, { data: [1, 2, 3, 4] }), /only one of data and binary_data_size/);
    assertRefused(() => of(16, FOUR, { data: [] }), /only one of data and binary_data_size/);
    assert.equal(of(16, FOUR, { data: null }).x.data.length, 4);
    assertRefused(
      () => parse({ inputs: [{ name: 'x', shape: [4], datatype: 'FP32', data: [1, 2, 3, 4] }], bytes: FOUR }),
      /16 bytes follow/,
    );
    assertRefused(() => parse({ inputs: [{ name: 'x', shape: [4], datatype: 'FP32' }] }), /data is missing/);
  });

  it('sizes that add up beyond what a number holds are refused', () => {
    const most = Number.MAX_SAFE_INTEGER;
    assertRefused(
      () => parse({ inputs: [sized(16), sized(most, { name: 'b' }), sized(most, { name: 'c' })], bytes: FOUR }),
      /inputs\[1\]: expecting/,
    );
  });

  it('every datatype after JSON of every length, and binary beside JSON, in the order of the inputs', () => {
    const values: Record<string, Value[]> = {
      BOOL: [true, false],
      UINT64: [2n ** 64n - 1n, 0n],
      INT64: [-(2n ** 63n), 1n],
      FP32: [0.5, -2],
      BYTES: ['é', ''],
    };
    for (let pad = 0; pad < 8; pad++) {
      const inputs: object[] = [{ name: ' '.repeat(pad), shape: [1], datatype: 'INT8', data: [7] }];
      const chunks = [...Object.keys(WIDTHS), 'BYTES'].map(datatype => {
        const bytes = bytesOf(datatype, values[datatype] ?? [1, 2]);
        inputs.push({ name: datatype, shape: [2], datatype, parameters: { binary_data_size: bytes.length } });
        return bytes;
      });
      const tensors = parse({ inputs, bytes: Buffer.concat(chunks) });
      for (const datatype of [...Object.keys(WIDTHS), 'BYTES']) {
        const { data, dtype } = tensors[datatype];
        const plain = Array.from(data as ArrayLike<Value>, v => (dtype === 'bool' ? v === 1 : v));
        assert.deepEqual(
          plain,
          values[datatype] ?? (/64/.test(datatype) && datatype !== 'FP64' ? [1n, 2n] : [1, 2]),
          datatype,
        );
      }
    }
  });
});

describe('raw binary requests', () => {
  const raw = (model: Model, body: Buffer) => {
    const asked = parseInfer(model, body, '0');
    assert.equal(asked.binary('y'), true);
    return Object.values(asked.request.tensors)[0];
  };
  const of = (dtype: DType, dims: (number | string)[]) => rawModel([info('x', dtype, dims)]);

  it('are one row whose open size the bytes tell', () => {
    const tensor = raw(MODEL, FOUR);
    assert.deepEqual(tensor.dims, [1, 2, 2]);
    assert.deepEqual([...(tensor.data as Float32Array)], [1, 2, 3, 4]);
    assert.deepEqual(raw(of('int64', ['batch', 'time']), bytesOf('INT64', [5])).dims, [1, 1]);
    assert.deepEqual(raw(of('float32', ['batch', 2, 2]), FOUR).dims, [1, 2, 2]);
    const text = raw(of('string', ['batch', 'time']), Buffer.from('née'));
    assert.deepEqual([text.dims, text.data], [[1, 1], ['née']]);
  });

  it('refuse bytes that do not fit, and models of more inputs or open sizes', () => {
    for (const size of [1, 4, 7, 9, 12, 15, 17])
      assertRefused(() => raw(MODEL, Buffer.alloc(size)), /the raw input has \d+ bytes, expected/);
    assertRefused(() => raw(of('string', ['batch', 'time']), Buffer.from([0xff])), /not UTF-8/);
    assertRefused(() => raw(of('float32', ['batch', 'time', 'width']), FOUR), /at most one open size/);
    assertRefused(
      () => raw(rawModel([info('a', 'float32', ['batch', 'time']), info('b', 'float32', ['batch', 'time'])]), FOUR),
      /one input/,
    );
    assertRefused(() => parseInfer(MODEL, Buffer.alloc(0), '0'), /not valid JSON/);
  });
});
