// Live connections in numbers and at their worst: two thousand at once, readers that stop, and the end of the process.
import assert from 'node:assert/strict';
import http from 'node:http';
import { describe, it } from 'node:test';
import { WebSocket } from 'ws';
import { EXAMPLE } from '../../client/server.ts';
import { listen } from '../../support/client/client.ts';
import { Listener } from '../../support/client/live.ts';
import { repositoryOf } from '../../support/models/served-copies.ts';
import { until } from '../../support/runner/until.ts';
import { appDuring } from '../../support/server/app-during.ts';
import { startProcess } from '../../support/server/process.ts';
import { startApp } from '../../support/server/service.ts';

const REPOSITORY = repositoryOf('models/weather', 'models/rnnoise');
const ONE_WORKER = { POLYHEAD_MODEL_REPOSITORY: REPOSITORY, POLYHEAD_WORKERS: '1' };
const RNNOISE = '/v1/models/rnnoise/live';
const WEATHER = '/v1/models/weather/live';
const CROWD = 2000;
/** Long answers under way at SIGTERM. */
const LONG = 4;
const FRAME_NUMBERS = 42;
const frames = (count: number) => new Uint8Array(new Float32Array(count * FRAME_NUMBERS).buffer);

describe('live connections in numbers', () => {
  const app = appDuring({ ...ONE_WORKER, POLYHEAD_MAX_CONNECTIONS: `${CROWD}` });

  it(`answers ${CROWD} at once, no more than that, and hands over the state of each at the end`, async () => {
    const server = app();
    const origin = await listen(server);
    const crowd: Listener[] = [];
    for (let i = 0; i < CROWD; i += 100) {
      crowd.push(...(await Promise.all(Array.from({ length: 100 }, () => Listener.open(origin, RNNOISE)))));
    }
    const refused = new WebSocket(`${origin.replace('http', 'ws')}${RNNOISE}`);
    await new Promise(resolve => refused.once('error', resolve)); // one more than may be open
    const { batcher } = server.service.models.get('rnnoise');
    for (let step = 1; step <= 3; step++) {
      for (const live of crowd) live.send(frames(1));
      for (const live of crowd) await live.until(step);
    }
    const gains = crowd.map(({ answers }) => {
      assert.deepEqual(answers.map(({ length }) => length), [1, 2, 3]); // biome-ignore format: one line
      const { heads } = answers[2].prediction as unknown as { heads: { gains: { values: number[][] } } };
      return heads.gains.values[0];
    });
    for (const own of gains) assert.ok(own.every((gain, band) => Math.abs(gain - gains[0][band]) < 1e-5));
    assert.equal(batcher.pending, 0);
    const closed = server.app.close();
    assert.deepEqual(new Set(await Promise.all(crowd.map(live => live.closed))), new Set([1012]));
    for (const { answers } of crowd) assert.ok(answers.at(-1)?.close?.state);
    await closed;
  });
});

describe('a live connection whose reader stops', () => {
  const app = appDuring({ ...ONE_WORKER, POLYHEAD_LIVE_WAITING: '4', POLYHEAD_LIVE_PING_MS: '8000' });

  it('holds up nobody else, runs no further than its answers may wait, and is cut', async () => {
    const server = app();
    const origin = await listen(server);
    const model = server.service.models.get('rnnoise');
    const steps = () => model.statistics.success.count;
    const stopped = await Listener.open(origin, RNNOISE);
    stopped.socket.pause();
    const before = steps();
    // About 150 kB of answers to each message: 150 MB in all.
    for (let i = 0; i < 1000; i++) stopped.send(frames(500));
    const other = await Listener.open(origin, RNNOISE);
    for (let i = 1; i <= 20; i++) {
      other.send(frames(1));
      await other.until(i);
    }
    const connections = () =>
      new Promise<number>(resolve => server.app.server.getConnections((_, count) => resolve(count)));
    await until('the stopped one is cut', async () => (await connections()) === 1);
    assert.ok(steps() - before - 20 < 500, `${steps() - before} messages ran for a reader who had stopped`);
    other.send(frames(1));
    assert.equal((await other.until(21)).length, 21);
    stopped.socket.resume();
    assert.equal(await stopped.closed, 1006);
    other.socket.close();
  });
});

it('the end of a server does not wait for a reader who has stopped', { timeout: 240_000 }, async () => {
  const server = await startApp({ ...ONE_WORKER, POLYHEAD_LIVE_PING_MS: '600000' }); // nothing else would cut it
  const stopped = await Listener.open(await listen(server), RNNOISE);
  stopped.socket.pause();
  for (let i = 0; i < 1000; i++) stopped.send(frames(500));
  const { batcher, statistics } = server.service.models.get('rnnoise');
  let ran = -1;
  await until('no more runs for it', async () => {
    const before = ran;
    ran = statistics.success.count;
    await new Promise(resolve => setTimeout(resolve, 300));
    return ran > 0 && ran === before && batcher.pending === 0;
  });
  await server.close();
  stopped.socket.resume();
  assert.equal(await stopped.closed, 1006);
});

it('SIGTERM with live streams: each has its state, each long answer its end, and the process ends well', async () => {
  const server = await startProcess({
    env: {
      POLYHEAD_MODEL_REPOSITORY: REPOSITORY,
      POLYHEAD_STATE_KEY: Buffer.alloc(32, 5).toString('base64'),
      POLYHEAD_REQUEST_TIMEOUT_MS: '600000',
      POLYHEAD_MAX_REQUEST_TIMEOUT_MS: '600000',
      POLYHEAD_SHUTDOWN_TIMEOUT_MS: '600000',
    },
  });
  try {
    const crowd = await Promise.all(Array.from({ length: 50 }, () => Listener.open(server.origin, WEATHER)));
    const sequence = [EXAMPLE[0][0]];
    for (const live of crowd) live.send({ sequence });
    for (const live of crowd) await live.until(1);
    const body = JSON.stringify({
      sequences: Array.from({ length: LONG }, () =>
        Array.from({ length: 3000 }, () => new Array(FRAME_NUMBERS).fill(0)),
      ),
    });
    const request = http.request(`${server.origin}/v1/models/rnnoise/predict`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/x-ndjson' },
    });
    request.end(body);
    const response = await new Promise<http.IncomingMessage>(resolve => request.once('response', resolve));
    for (const live of crowd) for (let i = 0; i < 5; i++) live.send({ sequence });
    server.kill('SIGTERM');
    let text = '';
    for await (const chunk of response.setEncoding('utf8')) text += chunk;
    const lines = text.trimEnd().split('\n').map(line => JSON.parse(line)); // biome-ignore format: one line
    assert.equal(lines.length, LONG * Math.ceil(3000 / 64));
    assert.equal(lines.filter(({ last }) => last).length, LONG);
    assert.deepEqual(new Set(await Promise.all(crowd.map(live => live.closed))), new Set([1012]));
    for (const { answers } of crowd) {
      assert.ok(answers.at(-1)?.close?.state);
      // In order and without a gap, however many were answered.
      answers.slice(0, -1).forEach(({ length }, i) => {
        assert.equal(length, i + 1);
      });
    }
    const { code, signal } = await server.outcome;
    assert.deepEqual([code, signal], [0, null]);
  } finally {
    await server.stop();
  }
});
