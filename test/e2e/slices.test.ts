// Answers in slices while the rest is computed: as the golden answers say, in order, within bounds, whole where a model cannot be
// cut; told early what is wrong, and in the last line what goes wrong later.
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, beforeEach, describe, it } from 'node:test';
import { EXAMPLE } from '../client/server.ts';
import { type Client, clientAt, clientOf, listen } from '../support/client/client.ts';
import { problemOf } from '../support/client/contract.ts';
import { type Call, mediaType, type Reply } from '../support/client/exchange.ts';
import { assertGolden, goldenModels, type Prediction } from '../support/models/golden.ts';
import { ownModels, repositoryOf } from '../support/models/served-copies.ts';
import { GATED_WORKER, Gate } from '../support/runner/gate.ts';
import { until } from '../support/runner/until.ts';
import { startApp, type TestApp } from '../support/server/service.ts';

const RNNOISE = '/v1/models/rnnoise/predict';
const LINES = { accept: 'application/x-ndjson' };

interface Line {
  readonly sequence: number;
  readonly length: number;
  readonly last: boolean;
  readonly prediction: Prediction & { readonly state?: string };
  readonly error?: { readonly code: string; readonly detail: string };
}

function linesOf(reply: Reply): Line[] {
  assert.equal(reply.status, 200, reply.text);
  assert.equal(mediaType(reply), 'application/x-ndjson');
  return reply.text.trimEnd().split('\n').map(line => JSON.parse(line)); // biome-ignore format: one line
}

/** What all slices say together, as one reply would. */
function joined(lines: readonly Line[]): Prediction {
  const heads = { ...lines[lines.length - 1].prediction.heads };
  for (const name of Object.keys(heads)) {
    const parts = lines.map(({ prediction }) => prediction.heads[name]);
    if (parts[0].steps) heads[name] = { steps: parts.flatMap(({ steps }) => steps ?? []) };
    if (parts[0].values) heads[name] = { values: parts.flatMap(({ values }) => values as unknown[]) };
  }
  return { length: lines.reduce((sum, { prediction }) => sum + prediction.length, 0), heads };
}

describe('answers in slices', () => {
  let server: TestApp;
  let call: Client;
  before(async () => {
    server = await startApp({ POLYHEAD_MODEL_REPOSITORY: ownModels(), POLYHEAD_WORKERS: '1' });
    call = await clientOf(server);
  });
  after(() => server.close());
  const ask = (model: string, body: object, headers: Call['headers'] = LINES) =>
    call(`/v1/models/${model}/predict`, { body, headers });

  for (const golden of goldenModels(ownModels())) {
    it(`of ${golden.name} are together what the training framework says`, async () => {
      const sequences = golden.cases.map(({ sequence }) => sequence);
      const lines = linesOf(await ask(golden.name, { sequences, probabilities: 'all', sliceSteps: 7 }));
      const { signature, certificate } = server.service.models.get(golden.name);
      const cut =
        ['exact', 'tolerance'].includes(certificate.state?.continues ?? 'no') &&
        signature.heads.every(({ spec }) => spec.kind !== 'sequence-labels');
      golden.cases.forEach((one, i) => {
        const own = lines.filter(({ sequence }) => sequence === i);
        const { length } = own[own.length - 1];
        assert.equal(own.length, cut ? Math.ceil(length / 7) : 1);
        own.forEach((line, s) => {
          assert.equal(line.length, Math.min(length, cut ? 7 * (s + 1) : length));
          assert.equal(line.last, s === own.length - 1);
        });
        assertGolden(golden, one, joined(own));
      });
    });
  }

  it('say in every slice of a head per sequence what one call says of the sequence so far', async () => {
    const [days] = EXAMPLE;
    const lines = linesOf(await ask('weather', { sequences: [days], sliceSteps: 1, heads: ['temp_max'] }));
    const whole = await ask(
      'weather',
      { sequences: days.map((_, i) => days.slice(0, i + 1)), heads: ['temp_max'] },
      {},
    );
    const expected: Prediction[] = JSON.parse(whole.text).predictions;
    assert.equal(lines.length, days.length);
    lines.forEach(({ prediction }, i) => {
      const [told, known] = [prediction.heads.temp_max.value ?? Number.NaN, expected[i].heads.temp_max.value as number];
      assert.ok(Math.abs(told - known) < 1e-4, `after ${i + 1} days: ${told}, ${known}`);
    });
  });

  it('go on from state tokens, and give one with the last slice', async () => {
    const [days] = EXAMPLE;
    const first = linesOf(await ask('weather', { sequences: [days.slice(0, 4)], returnState: true, sliceSteps: 2 }));
    assert.deepEqual(first.map(({ prediction }) => typeof prediction.state), ['undefined', 'string']); // biome-ignore format: one line
    const states = [first[1].prediction.state];
    const rest = linesOf(await ask('weather', { sequences: [days.slice(4)], states, sliceSteps: 4 }));
    const whole = JSON.parse((await ask('weather', { sequences: [days] }, {})).text).predictions[0];
    assert.deepEqual(rest.map(({ length }) => length), [4, 6]); // biome-ignore format: one line
    assert.ok(
      Math.abs((rest[1].prediction.heads.temp_max.value as number) - whole.heads.temp_max.value) < 1e-4,
      'as if it had been one call',
    );
    problemOf(await ask('weather', { sequences: [days], states: ['none'] }), 422, 'INVALID_STATE', '/states/0');
    problemOf(await ask('tagger', { sequences: [['Stop']], returnState: true }), 400, 'INVALID_REQUEST');
  });

  it('come as events too, to who prefers them', async () => {
    const body = { sequences: EXAMPLE, sliceSteps: 5, heads: ['rain'] };
    const events = await ask('weather', body, { accept: 'text/event-stream' });
    assert.match(events.text, /^(data: \{.*\}\n\n){4}$/);
  });

  it('do not hide what is wrong with a request', async () => {
    const [days] = EXAMPLE;
    const bad = { sequences: [days, [...days.slice(0, 3), { ...days[3], wind: -1 }]] };
    problemOf(await ask('weather', bad), 422, 'INVALID_SEQUENCE', '/sequences/1/3/wind');
    problemOf(await ask('weather', { sequences: [days], heads: ['none'] }), 400, 'INVALID_REQUEST', '/heads/0');
    problemOf(await ask('weather', { sequences: [days], sliceSteps: 0 }), 400, 'INVALID_REQUEST', '/sliceSteps');
    problemOf(await ask('none', { sequences: [days] }), 404, 'MODEL_NOT_FOUND');
  });

  it("are a stream's steps one by one", async () => {
    const [days] = EXAMPLE;
    const opened = JSON.parse((await call('/v1/models/weather/streams', { method: 'POST' })).text);
    const path = `/v1/models/weather/streams/${opened.stream}`;
    const step = (body: object) => call(`${path}/steps`, { body, headers: LINES });
    const lines = linesOf(await step({ sequence: days.slice(0, 7), after: 0, sliceSteps: 3, heads: ['temp_max'] }));
    assert.deepEqual(lines.map(({ length, last }) => [length, last]), [[3, false], [6, false], [7, true]]); // biome-ignore format: one line
    problemOf(await step({ sequence: days.slice(7), after: 0 }), 409, 'STREAM_CONFLICT');
    problemOf(await step({ sequence: [{ ...days[0], wind: -1 }] }), 422, 'INVALID_SEQUENCE', '/sequence/0/wind');
    const [rest] = linesOf(await step({ sequence: days.slice(7), after: 7, heads: ['temp_max'] }));
    const whole = JSON.parse((await ask('weather', { sequences: [days] }, {})).text).predictions[0];
    assert.ok(Math.abs((rest.prediction.heads.temp_max.value as number) - whole.heads.temp_max.value) < 1e-4);
    assert.equal(JSON.parse((await call(path)).text).length, days.length);
  });
});

describe('answers in slices that are held up', () => {
  const gate = new Gate();
  let server: TestApp;
  let origin: string;
  let call: Client;
  const pending = (model = 'weather') => server.service.models.get(model).batcher.pending;
  const predict = '/v1/models/weather/predict';
  /** Answers of about 20 MB, more than sockets hold back. */
  const frames = Array.from({ length: 24 }, () => Array.from({ length: 3000 }, () => new Array(42).fill(0)));
  const long = Array.from({ length: 360 }, (_, i) => EXAMPLE[0][i % 10]);
  before(async () => {
    server = await startApp(
      {
        POLYHEAD_MODEL_REPOSITORY: repositoryOf('models/weather', 'models/rnnoise'),
        POLYHEAD_WORKERS: '1',
        POLYHEAD_THREADS: '1',
        POLYHEAD_EXECUTION_PROVIDER: 'cpu',
        POLYHEAD_QUEUE_CAPACITY: '64',
        POLYHEAD_MAX_SEQUENCES: '64',
      },
      GATED_WORKER,
    );
    origin = await listen(server);
    call = await clientAt(origin);
  });
  beforeEach(() => gate.order({ type: 'pass' }));
  after(() => server.close());

  /** A reader that reads when told; the reply's head, and how it ended. */
  async function reader(body: object, headers: http.OutgoingHttpHeaders = {}, path = predict) {
    const request = http.request(`${origin}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...LINES, ...headers },
    });
    request.end(JSON.stringify(body));
    const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
      request.once('response', resolve);
      request.once('error', reject);
    });
    return { request, response };
  }

  async function lastLine(response: http.IncomingMessage): Promise<Line> {
    let text = '';
    for await (const chunk of response.setEncoding('utf8')) text += chunk;
    return JSON.parse(text.trimEnd().split('\n').at(-1) as string);
  }

  it('run one slice ahead of what was read, and no more', async () => {
    const { response } = await reader({ sequences: frames }, { 'x-request-timeout-ms': '60000' }, RNNOISE);
    const slices = frames.length * Math.ceil(frames[0].length / 64);
    let before = -1;
    await until('the server waits for its reader', async () => {
      const now = gate.runs.reduce((sum, rows) => sum + rows, 0);
      const still = now === before && now > 0;
      before = now;
      await new Promise(resolve => setTimeout(resolve, 200));
      return still;
    });
    assert.ok(before < slices / 2, `${before} of ${slices} slices ran for a reader who does not read`);
    let text = '';
    for await (const chunk of response.setEncoding('utf8')) text += chunk;
    assert.equal(text.trimEnd().split('\n').length, slices);
    await until('nothing is pending', () => pending('rnnoise') === 0);
  });

  it('end with the error, when a run fails after the first, and other sequences are given up', async () => {
    const { response } = await reader({
      sequences: [...Array.from({ length: 40 }, () => long), long.slice(0, 300)],
      sliceSteps: 1,
    });
    await gate.order({ type: 'fail' });
    assert.equal((await lastLine(response)).error?.code, 'INFERENCE_FAILED');
    await until('nothing is pending', () => pending() === 0);
  });

  it('end in time: with the error for who reads', async () => {
    await gate.order({ type: 'hold' });
    const headers = { ...LINES, 'x-request-timeout-ms': '100' };
    problemOf(await call(predict, { body: { sequences: [long] }, headers }), 504, 'DEADLINE_EXCEEDED');
    await gate.order({ type: 'pass' });
    const sequences = Array.from({ length: 48 }, () => long);
    const { response } = await reader({ sequences, sliceSteps: 1 }, { 'x-request-timeout-ms': '6000' });
    await gate.order({ type: 'hold' });
    const last = await lastLine(response);
    assert.equal(last.error?.code, 'DEADLINE_EXCEEDED');
    await until('nothing is pending', () => pending() === 0);
  });

  it('leave nothing behind for a caller who has gone', async () => {
    const { request } = await reader({ sequences: [long, long], sliceSteps: 1 });
    await gate.order({ type: 'hold' });
    await gate.started(1);
    request.destroy();
    await until('nothing is pending', () => pending() === 0);
    await gate.order({ type: 'pass' });
  });

  it('take room for the whole request, or are refused', async () => {
    await gate.order({ type: 'hold' });
    const sequences = Array.from({ length: 40 }, () => long.slice(0, 2));
    const first = call(predict, { body: { sequences }, headers: LINES });
    await gate.started(1);
    problemOf(await call(predict, { body: { sequences }, headers: LINES }), 503, 'OVERLOADED');
    assert.equal(pending(), 40);
    await gate.order({ type: 'pass' });
    assert.equal(linesOf(await first).length, 40);
  });

  it('tell where another step came between two slices of a stream', async () => {
    const { stream } = JSON.parse((await call('/v1/models/weather/streams', { method: 'POST' })).text);
    const path = `/v1/models/weather/streams/${stream}/steps`;
    await gate.order({ type: 'hold' });
    const sliced = call(path, { body: { sequence: long, sliceSteps: 300 }, headers: LINES });
    await gate.started(1);
    problemOf(await call(path, { body: { sequence: long.slice(0, 1) } }), 409, 'STREAM_CONFLICT');
    await gate.order({ type: 'pass' });
    assert.deepEqual(linesOf(await sliced).map(({ length }) => length), [300, 360]); // biome-ignore format: one line
  });
});
