// npm run bench:streams [-- --seconds N]: steps/s of 256 concurrent streams, and of as many callers with tokens, beside
// stateless requests of the same length by the same client; what an idle stream costs; what 100,000 continuations leave.
import os from 'node:os';
import { parseArgs } from 'node:util';
import { patient } from '../src/service/caller.ts';
import { bytesUsed } from '../test/support/server/memory.ts';
import { ROOT, startApp } from '../test/support/server/service.ts';
import { day } from './bodies.ts';
import { poster } from './post.ts';
import { startServer } from './processes.ts';

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '5' } } });
const milliseconds = 1000 * Number(values.seconds);
const CALLERS = 256;
const IDLE_STREAMS = 10_000;
const CONTINUATIONS = 100_000;
const BASE = '/v1/models/weather';
const { post, end } = poster(CALLERS);
const days = (count: number) => Array.from({ length: count }, day);

/** Calls of each of the callers one after the other, all callers at once, until the time is over; calls per second. */
async function rate(callers: readonly (() => Promise<void>)[]): Promise<number> {
  let calls = 0;
  const start = performance.now();
  await Promise.all(
    callers.map(async call => {
      while (performance.now() - start < milliseconds) {
        await call();
        calls++;
      }
    }),
  );
  return (1000 * calls) / (performance.now() - start);
}

async function measureSteps(url: string, steps: number): Promise<void> {
  const bodies = Array.from({ length: 64 }, () => days(steps));
  let next = 0;
  const sequence = () => bodies[next++ % bodies.length];
  const each = <T>(make: () => T) => Array.from({ length: CALLERS }, make);
  const stateless = each(() => async () => void (await post(`${url}/predict`, { sequences: [sequence()] })));
  const opened = await Promise.all(each(async () => (await post(`${url}/streams`)).stream));
  const streams = opened.map(
    stream => async () => void (await post(`${url}/streams/${stream}/steps`, { sequence: sequence() })),
  );
  const tokens = each(() => {
    let states: unknown[] = [null];
    return async () => {
      const reply = await post(`${url}/predict`, { sequences: [sequence()], states, returnState: true });
      states = [(reply.predictions as { state: string }[])[0].state];
    };
  });
  await rate(stateless); // warm
  const [plain, kept, carried] = [await rate(stateless), await rate(streams), await rate(tokens)];
  const line = (name: string, calls: number) =>
    `${name} ${calls.toFixed(0)}/s (${((100 * calls) / plain).toFixed(0)} %)`;
  console.log(
    `${steps} step${steps > 1 ? 's' : ''} a call: ${line('stateless', plain)}, ${line('streams', kept)}, ${line('tokens', carried)}`,
  );
}

async function measureMemory(): Promise<void> {
  const app = await startApp({
    POLYHEAD_MODEL_REPOSITORY: `${ROOT}models`,
    POLYHEAD_STRICT_REPOSITORY: 'false',
    POLYHEAD_WORKERS: '1',
    POLYHEAD_CERTIFICATE_CACHE: 'true',
  });
  const inject = async (path: string, payload?: object) =>
    JSON.parse((await app.app.inject({ method: 'POST', url: `${BASE}${path}`, payload })).payload);
  const openAndStep = async (count: number) => {
    for (let i = 0; i < count; i += 50) {
      const open = async () => {
        const { stream } = await inject('/streams');
        await inject(`/streams/${stream}/steps`, { sequence: days(1) });
      };
      await Promise.all(Array.from({ length: 50 }, open));
    }
  };
  await openAndStep(500); // what is compiled and cached on the way
  const before = await bytesUsed();
  await openAndStep(IDLE_STREAMS);
  const each = ((await bytesUsed()) - before) / IDLE_STREAMS;
  const { streams, bytes } = app.service.streams.store.usage();
  console.log(`idle streams: ${each.toFixed(0)} bytes each of ${IDLE_STREAMS}, counted as ${bytes / streams}`);

  const sequences = days(64).map(step => [step]);
  let states: (string | null)[] = sequences.map(() => null);
  const continueAll = async (rounds: number) => {
    for (let i = 0; i < rounds; i++) {
      const request = { sequences, states, returnState: true };
      const { predictions } = await app.service.predict({ model: 'weather' }, request, patient(10_000));
      states = predictions.map(({ token }) => token as string);
    }
  };
  await continueAll(50);
  const start = await bytesUsed();
  const startMs = performance.now();
  await continueAll(Math.ceil(CONTINUATIONS / 64));
  const seconds = (performance.now() - startMs) / 1000;
  const grown = (await bytesUsed()) - start;
  console.log(
    `${CONTINUATIONS} token continuations in ${seconds.toFixed(1)} s: ${(grown / 1000).toFixed(0)} kB more in use`,
  );
  await app.close();
}

console.log(`${os.cpus()[0]?.model}, ${os.availableParallelism()} cores; ${CALLERS} callers, model weather`);
const args = ['--log-level', 'error', '--strict-repository', 'false'];
const server = await startServer('dist/src/main.js', port => ['--port', `${port}`, ...args]);
try {
  for (const steps of [1, 10]) await measureSteps(`${server.url}${BASE}`, steps);
} finally {
  end();
  await server.end();
}
await measureMemory();
