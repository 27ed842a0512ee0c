// Requests that a model cannot answer: each gets its status, {"error": string} and Content-Type application/json to the
// letter, and the server goes on.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import {
  answerOf,
  type Body,
  binaryBody,
  errorOf,
  framed,
  type GivenTensor,
  inject,
  jsonBody,
  type V2Call,
} from '../../support/client/v2.ts';
import { repositoryOf } from '../../support/models/served-copies.ts';
import { startApp, type TestApp } from '../../support/server/service.ts';

const REPOSITORY = repositoryOf(
  'test/fixtures/models/lstm',
  'test/fixtures/models/two-inputs',
  'test/fixtures/exporters/oh-half',
  'test/fixtures/exporters/tl-mask-float',
  'test/fixtures/exporters/tl-lstm',
  'test/fixtures/exporters/os-tokens',
);
const X: GivenTensor = { name: 'x', datatype: 'FP32', shape: [1, 2, 3], data: [1, 2, 3, 4, 5, 6] };
const LENGTHS: GivenTensor = { name: 'lengths', datatype: 'INT64', shape: [1], data: [2] };
const INFER = '/v2/models/lstm/infer';
const LSTM = '/v2/models/tl-lstm/infer';

describe('requests that cannot be answered', () => {
  let app: TestApp;
  const call = (path: string, options?: V2Call) => inject(app, path, options);
  const post = (path: string, body: Body) => call(path, body);
  before(async () => {
    app = await startApp({ POLYHEAD_MODEL_REPOSITORY: REPOSITORY, POLYHEAD_WORKERS: '1', POLYHEAD_MAX_SEQUENCES: '4' });
  });
  after(async () => {
    answerOf(await post(INFER, jsonBody([X, LENGTHS]))); // still alive
    await app.close();
  });

  it('empty, malformed or of another form: 400', async () => {
    for (const body of [
      '',
      ' ',
      '{',
      'null',
      '[]',
      '{"inputs": []}',
      '{"inputs": [{"name": "x"}]}',
      '{"id": 5, "inputs": []}',
      '['.repeat(100_000),
    ]) {
      errorOf(await call(INFER, { body }), 400);
    }
    errorOf(await call(INFER, { method: 'POST' }), 400);
    const deep = JSON.stringify({ inputs: [{ ...X, data: 'DEEP' }, LENGTHS] }).replace(
      '"DEEP"',
      '['.repeat(20_000) + ']'.repeat(20_000),
    );
    errorOf(await call(INFER, { body: deep }), 400);
  });

  it('under any content type, or none, a valid body is answered', async () => {
    const { body } = jsonBody([X, LENGTHS]);
    for (const type of [
      undefined,
      'application/json',
      'application/octet-stream',
      'text/plain',
      'application/x-www-form-urlencoded',
      'application/json; charset=utf-8',
    ]) {
      answerOf(await call(INFER, { body, headers: type === undefined ? {} : { 'content-type': type } }));
    }
    answerOf(await call(INFER, { body, headers: { 'inference-header-content-length': `${body.length}` } }));
  });

  it('inputs missing, unknown, given twice, of another datatype, rank or size: 400', async () => {
    const cases: [GivenTensor[], RegExp][] = [
      [[X], /input "lengths" is missing/],
      [[LENGTHS], /input "x" is missing/],
      [[X, LENGTHS, X], /inputs\[2\] is named "x"/],
      [[X, LENGTHS, { ...X, name: 'y' }], /unexpected inference input "y" for model 'lstm'/],
      [[X, LENGTHS, { ...X, name: 'constructor' }], /unexpected inference input "constructor"/],
      [[X, { ...LENGTHS, datatype: 'INT32' }], /"lengths" is int32, expected int64/],
      [[{ ...X, datatype: 'FP64' }, LENGTHS], /"x" is float64, expected float32/],
      [[{ ...X, shape: [2, 3] }, LENGTHS], /"x" has shape \[2, 3\], expected \[-1, -1, 3\]/],
      [[{ ...X, shape: [1, 3, 2] }, LENGTHS], /"x" has shape \[1, 3, 2\]/],
      [[{ ...X, shape: [1, 0, 3], data: [] }, LENGTHS], /empty tensors/],
      [
        [
          { ...X, shape: [0, 2, 3], data: [] },
          { ...LENGTHS, shape: [0], data: [] },
        ],
        /empty tensors/,
      ],
      [[{ ...X, shape: [2, 1, 3] }, LENGTHS], /batch|"x" has/],
      [[X, { ...LENGTHS, data: [3] }], /length 3, expected 1 to 2/],
      [[X, { ...LENGTHS, data: [0] }], /length 0, expected 1 to 2/],
      [[X, { ...LENGTHS, data: [-1] }], /length -1, expected 1 to 2/],
    ];
    for (const [inputs, pattern] of cases) {
      errorOf(await post(INFER, jsonBody(inputs)), 400, pattern);
      errorOf(await post(INFER, binaryBody(inputs)), 400, pattern);
    }
    errorOf(
      await post(INFER, jsonBody([{ ...X, datatype: 'BF16' }, LENGTHS])),
      400,
      /datatype "BF16", which is not served/,
    );
    errorOf(await post(INFER, jsonBody([{ ...X, shape: [1, -2, 3] }, LENGTHS])), 400, /^inputs\.0\.shape\.1/);
  });

  it('numbers that are not finite: 400, as JSON and as bytes', async () => {
    for (const value of [Number.NaN, Infinity, -Infinity]) {
      errorOf(await post(LSTM, jsonBody([{ ...X, data: [1, 2, 3, 4, 5, value] }])), 400, /data\[5\] is null/);
      errorOf(
        await post(LSTM, binaryBody([{ ...X, data: [1, 2, 3, 4, 5, value] }])),
        400,
        /"x" value 5 is -?(NaN|Infinity), expected finite/,
      );
    }
    const text = jsonBody([X]).body.toString();
    for (const token of ['1e999', '1e39', 'NaN', 'Infinity', '"NaN"', '"1.5"', 'true', '{}']) {
      errorOf(await call(LSTM, { body: text.replace('[1,2,3,4,5,6]', `[1,2,3,4,5,${token}]`) }), 400);
    }
    const half = { name: 'x', datatype: 'FP16', shape: [1, 1, 3], data: [0x3c00, 0x7c00, 0] };
    errorOf(await post('/v2/models/oh-half/infer', binaryBody([half])), 400, /value 1 is Infinity/);
  });

  it('FP16 as JSON, in or out: 400 that tells the way', async () => {
    const half = { name: 'x', datatype: 'FP16', shape: [1, 1, 3], data: [0, 0, 0] };
    const path = '/v2/models/oh-half/infer';
    errorOf(
      await post(path, jsonBody([half], { parameters: { binary_data_output: true } })),
      400,
      /FP16 has no JSON form, use the binary/,
    );
    errorOf(
      await post(path, binaryBody([half], { parameters: {} })),
      400,
      /output "kind" is FP16 and has no JSON form, use the binary/,
    );
    answerOf(await post(path, binaryBody([half])));
  });

  it('outputs unknown or given twice: 400', async () => {
    const of = (...names: string[]) => post(LSTM, jsonBody([X], { outputs: names.map(name => ({ name })) }));
    errorOf(await of('kind', 'x'), 400, /unexpected inference output "x" for model 'tl-lstm'/);
    for (const name of ['', '__proto__', 'constructor', 'KIND'])
      errorOf(await of(name), 400, /unexpected inference output/);
    errorOf(await of('kind', 'level', 'kind'), 400, /output "kind" is asked for twice/);
  });

  it('tensors that belong together and differ: 400', async () => {
    const x = { name: 'x', datatype: 'FP32', shape: [1, 2, 2], data: [1, 2, 3, 4] };
    const mask = { name: 'mask', datatype: 'FP32', shape: [1, 3], data: [1, 1, 1] };
    errorOf(await post('/v2/models/tl-mask-float/infer', jsonBody([x, mask])), 400, /time|another input has/);
    errorOf(
      await post('/v2/models/tl-mask-float/infer', jsonBody([x, { ...mask, shape: [2, 2], data: [1, 1, 1, 1] }])),
      400,
      /batch|another input has/,
    );
  });

  it('more rows than one request may have: 400, not 503 for ever', async () => {
    const rows = (count: number) =>
      jsonBody([{ name: 'x', datatype: 'FP32', shape: [count, 1, 3], data: new Array(3 * count).fill(0) }]);
    assert.deepEqual(answerOf(await post(LSTM, rows(4))).outputs[1].shape, [4, 1]);
    errorOf(await post(LSTM, rows(5)), 400, /at most 4 rows, not 5/);
  });

  it('lying lengths over HTTP: 400', async () => {
    const { body } = binaryBody([X]);
    for (const length of ['-1', '98x', '', '0x10', '9'.repeat(30), `${body.length + 1}`, '1', '4294967295']) {
      errorOf(await call(LSTM, { body, headers: { 'inference-header-content-length': length } }), 400);
    }
    for (const size of [-1, 0, 23, 25, 2 ** 31, 2 ** 53 - 1, 1e300, 1.5, '24']) {
      const { data: _, ...rest } = X;
      const header = JSON.stringify({ inputs: [{ ...rest, parameters: { binary_data_size: size } }] });
      errorOf(await post(LSTM, framed(header, Buffer.alloc(24))), 400);
    }
    errorOf(await post('/v2/models/os-tokens/infer', framed('{"inputs":[]}')), 400);
  });

  it('content codings: 415 for an unknown one, 400 for a damaged body', async () => {
    const { body } = jsonBody([X]);
    for (const coding of ['br', 'zstd', 'compress', 'gzip, gzip', 'gzip, br', 'x']) {
      errorOf(await call(LSTM, { body, headers: { 'content-encoding': coding } }), 415, /gzip or deflate/);
    }
    for (const coding of ['gzip', 'deflate']) {
      errorOf(await call(LSTM, { body, headers: { 'content-encoding': coding } }), 400, /damaged/);
    }
    answerOf(await call(LSTM, { body, headers: { 'content-encoding': 'identity' } }));
    answerOf(await call(LSTM, { body: gzipSync(body), headers: { 'content-encoding': 'GZip' } }));
  });

  it('repository calls: 400 for bodies of another form', async () => {
    for (const body of ['{', '[]', 'null', '{"ready": "yes"}', '{"ready": 1}'])
      errorOf(await call('/v2/repository/index', { body }), 400);
    errorOf(await call('/v2/repository/models/lstm/load', { body: '{}' }), 403, /POLYHEAD_MODEL_CONTROL/);
    errorOf(await call('/v2/repository/models/lstm/unload', { method: 'POST' }), 403);
    errorOf(await call('/v2/repository/models/none/load', { method: 'POST' }), 403);
  });
});
