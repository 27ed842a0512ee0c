// Live connections against the real server: answers in order and as for the whole sequence, frames, keys, origins, faults.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it, type TestContext, test } from 'node:test';
import { pino } from 'pino';
import { WebSocket } from 'ws';
import { buildApp } from '../../../src/app.ts';
import { Service } from '../../../src/service/service.ts';
import { VERSION } from '../../../src/version.ts';
import { EXAMPLE } from '../../client/server.ts';
import { listen } from '../../support/client/client.ts';
import { connect } from '../../support/client/exchange.ts';
import { Listener } from '../../support/client/live.ts';
import { repositoryOf } from '../../support/models/served-copies.ts';
import { GATED_WORKER, Gate } from '../../support/runner/gate.ts';
import { until } from '../../support/runner/until.ts';
import { configOf, ROOT, startApp, type TestApp } from '../../support/server/service.ts';

const REPOSITORY = repositoryOf('models/weather', 'models/rnnoise', 'models/tagger');
const KEY = 'a-key-for-live-connections';
const STATE_KEY = Buffer.alloc(32, 7).toString('base64');
const WEATHER = '/v1/models/weather/live';
const RNNOISE = '/v1/models/rnnoise/live';

/** The status that an upgrade is refused with. */
function refusalOf(origin: string, path: string, headers: Record<string, string> = {}): Promise<number | undefined> {
  const socket = new WebSocket(`${origin.replace('http', 'ws')}${path}`, { headers });
  socket.on('error', () => {});
  return new Promise((resolve, reject) => {
    socket.once('unexpected-response', (_request, response) => {
      response.resume();
      resolve(response.statusCode);
    });
    socket.once('open', () => reject(new Error('the connection was opened')));
  });
}

describe('a live connection', () => {
  let server: TestApp;
  let origin: string;
  before(async () => {
    server = await startApp({ POLYHEAD_MODEL_REPOSITORY: REPOSITORY, POLYHEAD_LIVE_WAITING: '4' });
    origin = await listen(server);
  });
  after(() => server.close());

  const predict = async (model: string, sequences: unknown) => {
    const reply = await server.app.inject({
      method: 'POST',
      url: `/v1/models/${model}/predict`,
      payload: { sequences },
    });
    return reply.json().predictions;
  };

  it('answers every message in order, as for the whole sequence, far more of them than may wait', async () => {
    const days = [...EXAMPLE[0], ...EXAMPLE[1]];
    const live = await Listener.open(origin, WEATHER);
    for (const day of days) live.send({ sequence: [day] });
    const answers = await live.until(days.length);
    const whole = await predict('weather', days.map((_, i) => days.slice(0, i + 1))); // biome-ignore format: one line
    answers.forEach(({ length, prediction }, i) => {
      assert.equal(length, i + 1);
      for (const head of ['temp_max', 'temp_min', 'wind']) {
        const [actual, expected] = [prediction?.heads[head].value ?? Number.NaN, whole[i].heads[head].value];
        assert.ok(Math.abs(actual - expected) < 1e-4, `${head} after ${i + 1} days: ${actual}, ${expected}`);
      }
    });
    live.socket.close();
  });

  it('takes frames of float32, and the golden answers of RNNoise come back frame by frame', async () => {
    const { cases } = JSON.parse(readFileSync(`${ROOT}models/rnnoise/1/golden.json`, 'utf8'));
    const { sequence, outputs } = cases.at(-1);
    const live = await Listener.open(origin, RNNOISE);
    live.send({ open: { probabilities: 'top' } });
    for (const frame of sequence) live.send(new Uint8Array(Float32Array.from(frame).buffer));
    const [opened, ...answers] = await live.until(1 + sequence.length);
    assert.deepEqual(opened, { open: { model: 'rnnoise', version: '1' } });
    answers.forEach(({ prediction }, i) => {
      const { voice, gains } = (prediction?.heads ?? {}) as unknown as {
        voice: { steps: [{ label: string; probability: number }] };
        gains: { values: number[][] };
      };
      const [{ label, probability }] = voice.steps;
      assert.ok(Math.abs((label === 'voice' ? probability : 1 - probability) - outputs.voice[i]) < 1e-5);
      gains.values[0].forEach((gain, band) => {
        assert.ok(Math.abs(gain - outputs.gains[i * 22 + band]) < 1e-5);
      });
    });
    live.socket.close();
  });

  it('tells a fault in its place, and goes on from before it', async () => {
    const live = await Listener.open(origin, WEATHER);
    live.send({ open: { heads: ['rain'], probabilities: 'none' } });
    live.send({ sequence: [EXAMPLE[0][0]] });
    live.send({ sequence: [{ ...EXAMPLE[0][1], wind: -1 }] });
    live.socket.send('{');
    live.send(new Uint8Array(5));
    live.send({ other: 1 });
    live.send({ sequence: [EXAMPLE[0][1]] });
    const [, first, negative, json, frame, unknown, last] = await live.until(7);
    assert.deepEqual(Object.keys(first.prediction?.heads ?? {}), ['rain']);
    assert.deepEqual(
      [negative.error?.code, negative.error?.errors[0].pointer],
      ['INVALID_SEQUENCE', '/sequence/0/wind'],
    );
    for (const { error } of [json, frame, unknown]) assert.equal(error?.code, 'INVALID_REQUEST');
    assert.equal(last.length, 2);
    live.socket.close();
  });

  it('refuses before the upgrade what cannot be served, and other origins', async () => {
    assert.equal(await refusalOf(origin, '/v1/models/none/live'), 404);
    assert.equal(await refusalOf(origin, WEATHER, { origin: 'https://elsewhere.example' }), 403);
    const own = await Listener.open(origin, WEATHER, { origin });
    own.socket.close();
    const plain = await server.app.inject(WEATHER);
    assert.deepEqual([plain.statusCode, plain.json().code], [400, 'INVALID_REQUEST']);
    const asking = `GET ${WEATHER} HTTP/1.1\r\nhost: x\r\nconnection: upgrade, close\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n`;
    for (const key of ['', 'sec-websocket-key: short\r\n']) {
      const { socket, received } = await connect(origin, `${asking}${key}\r\n`);
      await until('the answer', () => received().includes('"INVALID_REQUEST"'));
      assert.match(received(), /^HTTP\/1\.1 400 [\s\S]*content-type: application\/problem\+json/);
      socket.destroy();
    }
  });

  it('answers a request that also asks for another protocol as the plain request it is', async () => {
    const body = JSON.stringify({ sequences: [EXAMPLE[0]] });
    const head = `POST /v1/models/weather/predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n`;
    const asking = `${head}connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\n\r\n`;
    const { socket, received } = await connect(origin, asking);
    socket.write(body.slice(0, 100)); // with the head, and after it
    setImmediate(() => socket.write(body.slice(100)));
    await until('the answer', () => received().includes('"predictions"'));
    assert.match(received(), /^HTTP\/1\.1 200 OK\r\n/);
    socket.write(`${head}connection: close\r\n\r\n${body}`);
    await until('a second answer on the connection', () => received().split('HTTP/1.1 200 OK').length === 3);
    socket.destroy();
  });

  it('closes a connection to a model that cannot be continued, and says why', async () => {
    const live = await Listener.open(origin, '/v1/models/tagger/live');
    live.send({ sequence: ['Stop'] });
    assert.equal(await live.closed, 4400);
    assert.match(live.answers[0].error?.detail ?? '', /no state to continue from/);
  });

  it('refuses a first message that asks for a head that the model has not, and says which', async () => {
    const live = await Listener.open(origin, WEATHER);
    live.send({ open: { heads: ['rain', 'hail'] } });
    live.send({ sequence: [EXAMPLE[0][0]] });
    assert.equal(await live.closed, 4400);
    const [{ error }, ...others] = live.answers;
    assert.equal(error?.detail, 'heads[1] is no head of this model, expected rain, weather, temp_max, temp_min, wind');
    assert.equal(others.length, 0);
  });

  it('closes with the code that says why, where a message is too large or no WebSocket message', async () => {
    const large = await Listener.open(origin, WEATHER);
    large.send(new Uint8Array(server.config.maxBodyBytes + 1));
    assert.equal(await large.closed, 1009);
    const garbled = await Listener.open(origin, WEATHER);
    garbled.socket.send(Buffer.from([0xff]), { binary: false });
    assert.equal(await garbled.closed, 1007);
  });

  it('goes on where its version is loaded anew, and says so at once where it is gone', async () => {
    const live = await Listener.open(origin, WEATHER);
    const [first, second] = EXAMPLE[0];
    live.send({ sequence: [first] });
    await live.until(1);
    const { control } = server.service;
    await control.unload('weather');
    live.send({ sequence: [second] });
    const [, refused] = await live.until(2);
    assert.equal(refused.error?.code, 'STREAM_CONFLICT');
    assert.match(refused.error?.detail ?? '', /began on version 1 of "weather", which is no longer loaded/);
    await control.load('weather');
    live.send({ sequence: [second] });
    const [, , gone] = await live.until(3);
    assert.equal(gone.length, 2);
    live.socket.close();
  });

  it('leaves nothing pending for a caller who has gone', async () => {
    const live = await Listener.open(origin, WEATHER);
    for (let i = 0; i < 50; i++) live.send({ sequence: EXAMPLE[0] });
    live.socket.terminate();
    await until('nothing is pending', () => server.service.models.get('weather').batcher.pending === 0);
  });
});

test('a step that fails by a fault of ours is counted and logged with its cause, of which the caller hears nothing', async t => {
  const lines: Record<string, unknown>[] = [];
  const log = pino({ level: 'error' }, { write: (line: string) => lines.push(JSON.parse(line)) });
  const config = configOf({ POLYHEAD_MODEL_REPOSITORY: repositoryOf('models/weather'), POLYHEAD_WORKERS: '1' });
  const service = await Service.start({ ...config, version: VERSION, models: config }, log);
  const app = await buildApp(config, service, log);
  t.after(async () => {
    await app.close();
    await service.close();
  });
  service.models.get('weather').batcher.submit = () => {
    throw new TypeError('a bug at /home/somebody');
  };
  const origin = await app.listen({ port: 0, host: '127.0.0.1' });
  const live = await Listener.open(origin, WEATHER, { 'x-request-id': 'mine' });
  live.send({ sequence: [EXAMPLE[0][0]] });
  live.send({ sequence: 'no sequence' });
  const answers = await live.until(2);
  assert.deepEqual(
    answers.map(({ error }) => error?.code),
    ['INTERNAL', 'INVALID_SEQUENCE'],
  );
  assert.doesNotMatch(JSON.stringify(answers), /somebody/);
  const [{ err, code, reqId }, ...others] = lines; // what a caller did wrong is not the log's
  assert.equal((err as { message: string }).message, 'a bug at /home/somebody');
  assert.deepEqual([code, reqId, others.length], ['INTERNAL', 'mine', 0]);
  const { payload } = await app.inject('/metrics');
  for (const told of ['INTERNAL', 'INVALID_SEQUENCE'])
    assert.ok(payload.includes(`polyhead_refusals_total{code="${told}"} 1`), told);
  live.socket.close();
});

describe('a live connection with keys', () => {
  const start = async (t: TestContext, env: Record<string, string>) => {
    const server = await startApp({ POLYHEAD_MODEL_REPOSITORY: REPOSITORY, POLYHEAD_API_KEYS: KEY, ...env });
    t.after(() => server.close());
    return listen(server);
  };

  it('opens by header or by first message, and by nothing else', async t => {
    const origin = await start(t, { POLYHEAD_CORS_ORIGINS: 'https://page.example' });
    const byHeader = await Listener.open(origin, WEATHER, { authorization: `Bearer ${KEY}` });
    byHeader.send({ sequence: [EXAMPLE[0][0]] });
    assert.equal((await byHeader.until(1))[0].length, 1);
    const byMessage = await Listener.open(origin, WEATHER, { origin: 'https://page.example' });
    byMessage.send({ open: { key: KEY } });
    byMessage.send({ sequence: [EXAMPLE[0][0]] });
    assert.deepEqual((await byMessage.until(2))[1], byHeader.answers[0]);
    for (const first of [
      { sequence: [EXAMPLE[0][0]] },
      { open: { key: 'another-key-that-is-not-it' } },
      new Uint8Array(28),
    ]) {
      const refused = await Listener.open(origin, WEATHER);
      refused.send(first);
      assert.equal(await refused.closed, 4401);
      assert.deepEqual(refused.answers.map(({ error }) => error?.code), ['UNAUTHENTICATED']); // biome-ignore format: one line
    }
    byHeader.socket.close();
    byMessage.socket.close();
  });

  it('closes who does not say who calls', async t => {
    const silent = await Listener.open(await start(t, { POLYHEAD_HEADERS_TIMEOUT_MS: '300' }), WEATHER);
    assert.equal(await silent.closed, 4408);
  });

  it('closes who no longer answers', async t => {
    const origin = await start(t, { POLYHEAD_LIVE_PING_MS: '50' });
    const deaf = await Listener.open(origin, WEATHER, { authorization: `Bearer ${KEY}` });
    (deaf.socket as unknown as { _receiver: { removeAllListeners(event: string): void } })._receiver.removeAllListeners(
      'ping',
    );
    assert.equal(await deaf.closed, 1006); // as if the line had been cut
  });
});

describe('the end of a server with live connections', () => {
  it('answers a step under way, though it takes longer than connections may take to close', async () => {
    const gate = new Gate();
    const server = await startApp({ POLYHEAD_MODEL_REPOSITORY: REPOSITORY, POLYHEAD_WORKERS: '1' }, GATED_WORKER);
    const live = await Listener.open(await listen(server), WEATHER);
    await gate.order({ type: 'hold' });
    live.send({ sequence: [EXAMPLE[0][0]] });
    await gate.started(1);
    const closed = server.close();
    await new Promise(resolve => setTimeout(resolve, 2500)); // they may take two seconds
    await gate.order({ type: 'pass' });
    assert.equal(await live.closed, 1012);
    assert.deepEqual(live.answers.map(({ length, close }) => length ?? typeof close?.state), [1, 'string']); // biome-ignore format: one line
    await closed;
  });

  it('answers what runs, hands over the state, closes, and another server goes on from there', async () => {
    const env = { POLYHEAD_MODEL_REPOSITORY: REPOSITORY, POLYHEAD_STATE_KEY: STATE_KEY };
    const [first, second] = [await startApp(env), await startApp(env)];
    const live = await Listener.open(await listen(first), WEATHER);
    for (const day of EXAMPLE[0].slice(0, 3)) live.send({ sequence: [day] });
    await live.until(3);
    await first.close();
    assert.equal(await live.closed, 1012);
    const state = live.answers.at(-1)?.close?.state;
    assert.ok(state);
    const origin = await listen(second);
    const next = await Listener.open(origin, WEATHER);
    next.send({ open: { state } });
    next.send({ sequence: [EXAMPLE[0][3]] });
    const [, answer] = await next.until(2);
    const whole = await second.app.inject({
      method: 'POST',
      url: '/v1/models/weather/predict',
      payload: { sequences: [EXAMPLE[0].slice(0, 4)] },
    });
    const expected = whole.json().predictions[0].heads.temp_max.value;
    assert.ok(Math.abs((answer.prediction?.heads.temp_max.value ?? Number.NaN) - expected) < 1e-4);
    const wrong = await Listener.open(origin, RNNOISE);
    wrong.send({ open: { state } });
    assert.equal(await wrong.closed, 4400);
    assert.equal(wrong.answers[0].error?.code, 'INVALID_STATE');
    next.socket.close();
    await second.close();
  });
});
