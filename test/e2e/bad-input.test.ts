// Bodies and headers that are wrong: each gets its status, its stable code and its place, and nothing runs.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Client, clientOf } from '../support/client/client.ts';
import { problemOf } from '../support/client/contract.ts';
import { startApp, type TestApp } from '../support/server/service.ts';

const LSTM = '/v1/models/lstm/predict';
const PAIR = '/v1/models/two-inputs/predict';
const step = [0.5, -0.25, 1];
const steps = (count: number) => Array.from({ length: count }, () => step);
const lstm = (sequence: unknown) => ({ sequences: [steps(2), sequence] });
const pair = (b: unknown) => ({ sequences: [{ a: [[0.5, 0.5]], b: [[0.1, 3, 'dot'], b] }] });
const deep = (count: number) => '['.repeat(count) + ']'.repeat(count);

/** A body, given as JSON or as text, the pointer of its fault, and what the detail must say. */
type Case = [name: string, body: unknown, pointer: string | undefined, says?: RegExp, path?: string];

const REQUESTS: Case[] = [
  ['text that is not JSON', '{"sequences": [[[1,2,3]]', undefined, /not valid JSON/],
  ['a bare NaN', '{"sequences": [[[NaN,2,3]]]}', undefined, /not valid JSON/],
  ['a bare Infinity', '{"sequences": [[[1,-Infinity,3]]]}', undefined, /not valid JSON/],
  ['a trailing comma', '{"sequences": [[[1,2,3],]]}', undefined, /not valid JSON/],
  ['an empty body', '', undefined],
  ['a null', 'null', ''],
  ['a number', '42', ''],
  ['a list', '[[[1,2,3]]]', ''],
  ['nesting 400,000 deep', deep(400_000), ''],
  ['no sequences', {}, '/sequences'],
  ['sequences that are no list', { sequences: { 0: steps(1) } }, '/sequences'],
  ['an empty list', { sequences: [] }, '/sequences'],
  ['too many sequences', { sequences: Array.from({ length: 9 }, () => steps(1)) }, '/sequences'],
  ['an unknown key', { sequences: [steps(1)], sequence: 1 }, '', /sequence/],
  ['the key constructor', { sequences: [steps(1)], constructor: {} }, '', /constructor/],
  ['the key __proto__', '{"sequences": [[[1,2,3]]], "__proto__": {"heads": ["level"]}}', '', /__proto__/],
  ['heads that are no list', { sequences: [steps(1)], heads: 'level' }, '/heads'],
  ['no heads at all', { sequences: [steps(1)], heads: [] }, '/heads'],
  ['a head that is no text', { sequences: [steps(1)], heads: ['level', 7] }, '/heads/1'],
  ['an unknown head', { sequences: [steps(1)], heads: ['level', 'colour'] }, '/heads/1', /alarm, kind, tags, level/],
  ['a head named twice', { sequences: [steps(1)], heads: ['level', 'alarm', 'level'] }, '/heads/2', /twice/],
  ['a head called __proto__', { sequences: [steps(1)], heads: ['__proto__'] }, '/heads/0'],
  ['an unknown amount of probabilities', { sequences: [steps(1)], probabilities: 'some' }, '/probabilities'],
];

const SEQUENCES: Case[] = [
  ['an empty sequence', lstm([]), '/sequences/1', /has 0 time steps, expected 1 to 64/],
  ['a sequence that is too long', lstm(steps(65)), '/sequences/1', /has 65 time steps, expected 1 to 64/],
  ['a sequence that is null', lstm(null), '/sequences/1', /is null/],
  ['a sequence that is text', lstm('012'), '/sequences/1', /is "012"/],
  ['nesting 400,000 deep in a sequence', `{"sequences": [${deep(400_000)}]}`, '/sequences/0/0'],
  ['a step with a feature too few', lstm([step, [1, 2]]), '/sequences/1/1', /has 2 features, expected 3/],
  ['a step with a feature too many', lstm([step, [1, 2, 3, 4]]), '/sequences/1/1', /has 4 features, expected 3/],
  ['a step that is a number', lstm([step, 3]), '/sequences/1/1'],
  ['a step that is null', lstm([null]), '/sequences/1/0'],
  ['a feature that is text', lstm([step, [1, '2', 3]]), '/sequences/1/1/1', /is "2", expected a number/],
  ['a feature that is null', lstm([step, [1, 2, null]]), '/sequences/1/1/2', /is null/],
  ['a feature that is a list', lstm([[1, [2], 3]]), '/sequences/1/0/1', /is an array/],
  ['a feature that is true', lstm([[true, 2, 3]]), '/sequences/1/0/0', /is true/],
  ['a feature beyond float64', '{"sequences": [[[1,1e999,3]]]}', '/sequences/0/0/1', /Infinity/],
  ['a feature beyond float32', lstm([[1, 2, -3.5e38]]), '/sequences/1/0/2', /float32/],
  ['a feature just beyond float32', lstm([[3.4028235e38, 2, 3]]), '/sequences/1/0/0', /float32/],
  ['a missing feature name', lstm([{ u: 1, v: 2 }]), '/sequences/1/0', /has no feature "w"/],
  ['an unknown feature name', lstm([{ u: 1, v: 2, w: 3, x: 4 }]), '/sequences/1/0', /unknown feature "x"/],
  ['a feature called constructor', lstm([{ u: 1, v: 2, constructor: 3 }]), '/sequences/1/0', /has no feature "w"/],
  ['a feature called __proto__', '{"sequences": [[{"u":1,"v":2,"w":3,"__proto__":4}]]}', '/sequences/0/0', /__proto__/],
  [
    'a feature from a prototype',
    '{"sequences": [[{"u":1,"v":2,"__proto__":{"w":3}}]]}',
    '/sequences/0/0',
    /no feature "w"/,
  ],
  ['a named feature that is text', lstm([{ u: 1, v: 'x', w: 3 }]), '/sequences/1/0/v', /is "x"/],
  ['a value under the minimum', pair([-1.5, 3, 'dot']), '/sequences/0/b/1/0', /from -1 to 1 m/, PAIR],
  ['a value over the maximum', pair([0.5, 10, 'dot']), '/sequences/0/b/1/1', /from 0 to 9/, PAIR],
  ['a fraction where whole numbers belong', pair([0.5, 1.5, 'dot']), '/sequences/0/b/1/1', /a whole number/, PAIR],
  ['an unknown category', pair([0.5, 1, 'cube']), '/sequences/0/b/1/2', /one of "dot", "line", "area"/, PAIR],
  ['an unknown category index', pair([0.5, 1, 3]), '/sequences/0/b/1/2', /or its index/, PAIR],
  ['a missing input', { sequences: [{ a: [[1, 2]] }] }, '/sequences/0', /has no input "b"/, PAIR],
  ['an unknown input', { sequences: [{ a: [[1, 2]], b: [[0, 0, 0]], c: [] }] }, '/sequences/0', /input "c"/, PAIR],
  ['a list where inputs belong', { sequences: [steps(1)] }, '/sequences/0', /by input name/, PAIR],
  ['an id beyond the last', { sequences: [[19, 20]] }, '/sequences/0/1', /from 0 to 19/, '/v1/models/ids/predict'],
  ['a negative id', { sequences: [[-1]] }, '/sequences/0/0', /whole number/, '/v1/models/ids/predict'],
  ['a token that is a number', { sequences: [['a', 7]] }, '/sequences/0/1', /a string/, '/v1/models/tokens/predict'],
];

const TIMEOUTS = ['0', '-1', '1.5', '1e3', 'soon', '', ' ', '9999999999', '10, 20'];

describe('bad input', () => {
  let app: TestApp;
  let call: Client;
  before(async () => {
    app = await startApp({ POLYHEAD_WORKERS: '1', POLYHEAD_MAX_SEQUENCES: '8' });
    call = await clientOf(app);
  });
  after(() => app.close());

  const runs = async () =>
    /polyhead_batch_size_count\{model="lstm",version="2"\} (\d+)/.exec((await call('/metrics')).text)?.[1];

  describe('the envelope: 400', () => {
    for (const [name, body, pointer, says = /./, path = LSTM] of REQUESTS) {
      it(name, async () => {
        const problem = problemOf(await call(path, { method: 'POST', body }), 400, 'INVALID_REQUEST', pointer);
        assert.match(problem.detail, says);
        assert.ok(problem.detail.length < 1000);
      });
    }
  });

  describe('a sequence: 422', () => {
    for (const [name, body, pointer, says = /./, path = LSTM] of SEQUENCES) {
      it(name, async () => {
        const problem = problemOf(await call(path, { body }), 422, 'INVALID_SEQUENCE', pointer);
        assert.match(problem.detail, says);
        assert.equal(problem.errors[0].detail, problem.detail);
      });
    }
  });

  it('accepts the largest float32 and the manifest’s own bounds', async () => {
    const largest = { sequences: [[[3.4028234663852886e38, -3.4028234663852886e38, 0]]] };
    assert.equal((await call(LSTM, { body: largest })).status, 200);
    for (const b of [
      [-1, 0, 0],
      [1, 9, 2],
    ])
      assert.equal((await call(PAIR, { body: pair(b) })).status, 200);
  });

  it('runs nothing of a request with one bad sequence', async () => {
    const before = await runs();
    problemOf(await call(LSTM, { body: lstm([]) }), 422, 'INVALID_SEQUENCE');
    assert.equal(await runs(), before);
  });

  it('keeps the detail short however long the input is', async () => {
    const long = 'x'.repeat(100_000);
    const bodies = [
      lstm([[1, 2, long]]),
      lstm([{ u: 1, v: 2, w: 3, [long]: 4 }]),
      { sequences: [steps(1)], [long]: 1 },
    ];
    for (const body of bodies) assert.ok((await call(LSTM, { body })).text.length < 2000);
    const many = Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [`key${i}`, i]));
    assert.ok((await call(LSTM, { body: { sequences: [steps(1)], ...many } })).text.length < 2000);
    const heads = Array.from({ length: 1000 }, () => 7);
    assert.ok((await call(LSTM, { body: { sequences: [steps(1)], heads } })).text.length < 4000);
  });

  for (const timeout of TIMEOUTS) {
    it(`x-request-timeout-ms: "${timeout}"`, async () => {
      const headers = { 'x-request-timeout-ms': timeout };
      const problem = problemOf(await call(LSTM, { body: { sequences: [steps(1)] }, headers }), 400, 'INVALID_REQUEST');
      assert.match(problem.detail, /x-request-timeout-ms/);
    });
  }

  for (const type of [
    'text/plain',
    'application/xml',
    'application/x-www-form-urlencoded',
    'multipart/form-data',
    'json',
  ]) {
    it(`content-type: ${type}`, async () => {
      const reply = await call(LSTM, { body: '{"sequences": [[[1,2,3]]]}', headers: { 'content-type': type } });
      problemOf(reply, 415, 'UNSUPPORTED_MEDIA_TYPE');
    });
  }

  it('still answers afterwards', async () => {
    assert.equal((await call(LSTM, { body: { sequences: [steps(3)] } })).status, 200);
    assert.equal(({} as { heads?: unknown }).heads, undefined);
  });
});
