// Infer bodies to tensors: the envelope, the datatypes, and every lie that a length or a shape can tell.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DType } from '../../../src/core/tensor.ts';
import { parseInfer } from '../../../src/http/v2/convert.ts';
import { framed } from '../../support/client/v2.ts';
import { info } from '../../support/models/models.ts';
import { assertRefused, rawModel } from '../../support/models/raw-model.ts';

const MODEL = rawModel(
  [info('x', 'float32', ['batch', 'time', 2])],
  [info('y', 'float32', ['batch']), info('z', 'float16', ['batch'])],
);
const X = { name: 'x', shape: [1, 2, 2], datatype: 'FP32', data: [1, 2, 3, 4] };
const Y = { outputs: [{ name: 'y' }] };
const parse = (body: unknown, headerLength?: string, model = MODEL) =>
  parseInfer(
    model,
    Buffer.isBuffer(body) ? body : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
    headerLength,
  );
const parsed = (more: object = {}, input: object = {}) => parse({ ...Y, ...more, inputs: [{ ...X, ...input }] });

describe('the envelope', () => {
  it('ignores unknown keys and parameters; null is as good as absent', () => {
    const more = {
      id: null,
      parameters: { headers: { a: 'b' }, content_type: 'np', sequence_id: null, timeout: null },
      model_name: 'm',
    };
    const asked = parsed(more, { parameters: { content_type: 'np', binary_data_size: null }, extra: [] });
    assert.equal(asked.id, undefined);
    assert.equal(asked.timeoutMs, undefined);
    assert.deepEqual(asked.request.tensors.x.dims, [1, 2, 2]);
    assert.deepEqual([...(asked.request.tensors.x.data as Float32Array)], [1, 2, 3, 4]);
    assert.deepEqual(parsed({ parameters: null }, { parameters: null }).request.outputs, ['y']);
  });

  it('keeps an id as it is, leaves out an empty one, refuses one that is no text', () => {
    for (const id of ['7', ' a\u0000"é\u{1f600}', '__proto__']) assert.equal(parsed({ id }).id, id);
    assert.equal(parsed({ id: '' }).id, undefined);
    for (const id of [7, {}, [], true]) assertRefused(() => parsed({ id }), /^id: /);
  });

  it('refuses what is not JSON, and JSON of another form', () => {
    for (const text of [
      '',
      ' ',
      '{',
      'x',
      '\ufeff{}',
      '{"inputs":[{"data":[NaN]}]}',
      '{"inputs":[{"data":[Infinity]}]}',
      '[1,]',
    ]) {
      assertRefused(() => parse(text), /not valid JSON/);
    }
    for (const body of [
      'null',
      '[]',
      '1',
      '"x"',
      '{}',
      '{"inputs":null}',
      '{"inputs":[]}',
      '{"inputs":{}}',
      '{"inputs":[null]}',
    ]) {
      assertRefused(() => parse(body));
    }
    for (const key of ['name', 'shape', 'datatype'] as const) {
      for (const value of [undefined, null, 1, {}, [null]]) {
        if (key !== 'shape' || value !== undefined) assertRefused(() => parsed({}, { [key]: value }), /^inputs\.0\./);
      }
    }
    for (const parameters of [[], 'a', 1]) assertRefused(() => parsed({ parameters }), /^parameters: /);
    for (const outputs of ['y', {}, [1], [{}], [{ name: 1 }]]) assertRefused(() => parsed({ outputs }), /^outputs/);
    assertRefused(() => parse('['.repeat(200_000)), /not valid JSON/);
    assertRefused(() => parse(`{"inputs":${'['.repeat(50_000)}${']'.repeat(50_000)}}`));
  });

  it('refuses JSON that is not UTF-8 instead of guessing at it', () => {
    const text = JSON.stringify({ ...Y, id: 'A', inputs: [X] });
    for (const byte of [0xff, 0xc3]) {
      const body = Buffer.from(text);
      body[body.indexOf('"A"') + 1] = byte;
      assertRefused(() => parse(body), /not valid JSON|UTF-8/);
    }
  });

  it('matches inputs by name, refuses one given twice', () => {
    assertRefused(() => parse({ ...Y, inputs: [X, X] }), /inputs\[1\]/);
    for (const name of ['__proto__']) assertRefused(() => parsed({}, { name }), /__proto__/);
    assert.ok(Object.hasOwn(parsed({}, { name: 'constructor' }).request.tensors, 'constructor'));
  });

  it('refuses wrong types of the parameters that it serves', () => {
    for (const timeout of ['1', -1, 1.5, 2 ** 53, {}, true])
      assertRefused(() => parsed({ parameters: { timeout } }), /timeout/);
    for (const priority of ['1', -1, 0.5, []]) assertRefused(() => parsed({ parameters: { priority } }), /priority/);
    for (const flag of ['true', 1, 0, {}]) {
      assertRefused(() => parsed({ parameters: { binary_data_output: flag } }), /binary_data_output/);
      assertRefused(() => parsed({ outputs: [{ name: 'y', parameters: { binary_data: flag } }] }), /binary_data/);
    }
    for (const size of ['16', -1, 1.5, true, 2 ** 53, 1e300]) {
      assertRefused(() => parsed({}, { data: undefined, parameters: { binary_data_size: size } }), /binary_data_size/);
    }
  });

  it('reads timeout as microseconds and gives at least a millisecond; 0 is none', () => {
    const of = (timeout: number) => parsed({ parameters: { timeout } }).timeoutMs;
    assert.deepEqual([0, 1, 1000, 1001, 5e6, 2 ** 53 - 1].map(of), [
      undefined,
      1,
      1,
      2,
      5000,
      Math.ceil((2 ** 53 - 1) / 1000),
    ]);
    assert.equal(parsed({ parameters: { priority: 3 } }).request.priority, 3);
  });

  it('answers bytes where the output says so, else where the request does', () => {
    const of = (outputs: object[] | undefined, all?: boolean) => {
      const { binary } = parse({ inputs: [X], outputs, parameters: { binary_data_output: all } });
      return [binary('y'), binary('z')];
    };
    const y = (binary_data?: boolean) => ({ name: 'y', parameters: { binary_data } });
    const z = { name: 'z', parameters: { binary_data: true } };
    assert.deepEqual(of(undefined, true), [true, true]);
    assert.deepEqual(of([y(), z]), [false, true]);
    assert.deepEqual(of([y(false), z], true), [false, true]);
    assert.deepEqual(of([y(true), z], false), [true, true]);
    assert.deepEqual(of([y(), z], true), [true, true]);
    for (const outputs of [
      undefined,
      [],
      [{ name: 'z' }],
      [y(true), { name: 'z', parameters: { binary_data: false } }],
    ]) {
      assertRefused(() => of(outputs), /output "z" is FP16 and has no JSON form, use the binary data format/);
    }
  });
});

describe('datatypes and shapes', () => {
  it('refuses datatypes that are none, or not served', () => {
    for (const datatype of ['', 'fp32', 'FLOAT', 'BF16', '__proto__', 'x'.repeat(1000)])
      assertRefused(() => parsed({}, { datatype }), /datatype/);
  });

  it('refuses sizes that are no whole numbers from 0 to 2^53 - 1, and a rank over 16', () => {
    for (const size of [-1, 1.5, '2', null, 2 ** 53, 1e308, true, [2]])
      assertRefused(() => parsed({}, { shape: [1, size, 2] }), /^inputs\.0\.shape/);
    for (const shape of ['1,2', 4, {}, new Array(17).fill(1)])
      assertRefused(() => parsed({}, { shape }), /^inputs\.0\.shape/);
  });

  it('never takes memory for a declared shape, as JSON or as bytes', () => {
    const huge = [
      [2 ** 53 - 1],
      [4294967299],
      [2 ** 32, 2 ** 32],
      [65536, 65536, 65536, 65536],
      new Array(16).fill(2 ** 53 - 1),
      [3e9, 1, 1],
      [0, 2 ** 53 - 1],
    ];
    const before = process.memoryUsage();
    for (const shape of huge) {
      for (const datatype of ['FP32', 'FP64', 'BOOL', 'INT64', 'BYTES']) {
        const bytes = { name: 'x', shape, datatype, parameters: { binary_data_size: 12 } };
        assertRefused(() => parsed({}, { shape, datatype }));
        assertRefused(() =>
          parsed(
            {},
            {
              shape,
              datatype,
              data: [
                [1, 2],
                [3, 4],
              ],
            },
          ),
        );
        const { body, headers } = framed(JSON.stringify({ ...Y, inputs: [bytes] }), Buffer.alloc(12));
        assertRefused(() => parse(body, headers['inference-header-content-length']));
      }
    }
    const { arrayBuffers, heapUsed } = process.memoryUsage();
    assert.ok(arrayBuffers - before.arrayBuffers < 2e6, `${arrayBuffers - before.arrayBuffers} bytes in buffers`);
    assert.ok(heapUsed - before.heapUsed < 50e6, `${heapUsed - before.heapUsed} bytes in the heap`);
  });

  it('takes every datatype as JSON', () => {
    const cases: [DType, string, unknown[]][] = [
      ['bool', 'BOOL', [true, false]],
      ['uint8', 'UINT8', [0, 255]],
      ['int16', 'INT16', [-1, 32767]],
      ['int64', 'INT64', [-1, 2 ** 53 - 1]],
      ['float64', 'FP64', [0.1, -1e300]],
      ['string', 'BYTES', ['', 'é']],
    ];
    for (const [dtype, datatype, data] of cases) {
      const { tensors } = parsed({}, { datatype, shape: [2], data }).request;
      assert.equal(tensors.x.dtype, dtype);
      assert.equal(tensors.x.data.length, 2);
    }
  });
});
