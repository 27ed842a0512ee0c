// The client's live connections against the real server: sent ahead and answered in order, frames, faults, and no error seen
// while the server restarts.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, it } from 'node:test';
import { WebSocket } from 'ws';
import { connect } from '../../client/src/client.ts';
import type { SocketClass } from '../../client/src/live.ts';
import { repositoryOf } from '../support/models/served-copies.ts';
import { type ServerProcess, startProcess } from '../support/server/process.ts';
import { ROOT } from '../support/server/service.ts';
import { EXAMPLE } from './server.ts';

const KEY = 'a-key-of-the-live-tests';
const env = {
  POLYHEAD_MODEL_REPOSITORY: repositoryOf('models/weather', 'models/rnnoise'),
  POLYHEAD_API_KEYS: KEY,
  POLYHEAD_STATE_KEY: Buffer.alloc(32, 3).toString('base64'),
  POLYHEAD_LIVE_WAITING: '8',
  POLYHEAD_CERTIFICATE_CACHE: 'true', // a restart proves nothing, and is soon there again
};
const options = { apiKey: KEY, WebSocket: WebSocket as unknown as SocketClass };
let server: ServerProcess;
before(async () => {
  server = await startProcess({ env });
});
after(() => server.stop());

it('answers a source of steps in order, typed by the heads asked for', async () => {
  const weather = await connect(server.origin, options).model('weather');
  const live = await weather.live({ heads: ['temp_max'], ahead: 20 });
  const days = [...EXAMPLE[0], ...EXAMPLE[1]];
  const found: number[] = [];
  for await (const { heads } of live.steps(days.map(day => [day]))) found.push(heads.temp_max.value as number);
  const whole = await weather.predict(days.map((_, i) => days.slice(0, i + 1)));
  whole.predictions.forEach(({ heads }, i) => {
    assert.ok(Math.abs(found[i] - (heads.temp_max.value as number)) < 1e-4);
  });
  assert.equal(live.length, days.length);
  await assert.rejects(live.step([{ ...days[0], wind: -1 }]), {
    name: 'Problem',
    code: 'INVALID_SEQUENCE',
    status: 422,
  });
  assert.equal((await live.step([days[0]])).length, 1);
  live.close();
  await assert.rejects(live.step([days[0]]), { code: 'UNREACHABLE' });
});

it('sends frames as bytes', async () => {
  const { cases } = JSON.parse(readFileSync(`${ROOT}models/rnnoise/1/golden.json`, 'utf8'));
  const live = await (await connect(server.origin, options).model('rnnoise')).live({ probabilities: 'all' });
  const { sequence, outputs } = cases.at(-1);
  const answers = await Promise.all(sequence.map((frame: number[]) => live.step(Float32Array.from(frame))));
  answers.forEach(({ heads }, i) => {
    assert.ok(Math.abs(heads.voice.steps[0].probabilities.voice - outputs.voice[i]) < 1e-5);
  });
  live.close();
});

it('tells why a connection is refused', async () => {
  const model = await connect(server.origin, options).model('weather');
  await assert.rejects(model.live({ state: 'not a token' }), { code: 'INVALID_STATE' });
  const { description } = model;
  assert.equal(description.name, 'weather');
});

it('goes on without an error while the server restarts', { timeout: 120_000 }, async () => {
  const weather = await connect(server.origin, { ...options, timeoutMs: 60_000, retries: 100 }).model('weather');
  const days = Array.from({ length: 40 }, (_, i) => EXAMPLE[0][i % 10]);
  const whole = await weather.predict(days.map((_, i) => days.slice(0, i + 1)), { heads: ['temp_max'] }); // biome-ignore format: one line
  const live = await weather.live({ heads: ['temp_max'] });
  const { port } = new URL(server.origin);
  const old = server;
  let restarted: Promise<void> | undefined;
  async function* source() {
    for (const [i, day] of days.entries()) {
      if (i === 20) {
        old.kill('SIGTERM');
        restarted = old.outcome.then(async () => {
          server = await startProcess({ env, args: ['--port', port] });
        });
      }
      yield [day];
    }
  }
  const found: number[] = [];
  for await (const { heads } of live.steps(source())) found.push(heads.temp_max.value as number);
  await restarted;
  assert.equal(found.length, days.length);
  whole.predictions.forEach(({ heads }, i) => {
    assert.ok(Math.abs(found[i] - (heads.temp_max.value as number)) < 1e-4, `day ${i + 1}`);
  });
  live.close();
});
