// npm run bench:overload [-- --seconds N]: far more sequences offered than the queue admits. Prints what was answered, how
// long accepted calls and readiness took meanwhile, how memory went, and how the first call afterwards fared.
import { parseArgs } from 'node:util';
import autocannon from 'autocannon';
import { SCENARIOS } from './bodies.ts';
import { scrape, startServer } from './processes.ts';

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '20' } } });
const seconds = Number(values.seconds);
const CAPACITY = 256;
const CONNECTIONS = 256;
const [small, , large] = SCENARIOS;

const server = await startServer('dist/src/main.js', port => [
  '--port',
  `${port}`,
  '--log-level',
  'error',
  '--queue-capacity',
  `${CAPACITY}`,
  '--max-sequences',
  `${CAPACITY}`,
]);
const url = `${server.url}/v1/models/weather/predict`;
const ask = (body: string) => fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
const percentile = (times: number[], share: number) =>
  times.sort((a, b) => a - b)[Math.min(times.length - 1, Math.floor(times.length * share))];

/** Calls again and again until told to stop; the milliseconds of the calls that got each status. */
function probe(call: () => Promise<Response>): () => Promise<{ times: Map<number, number[]>; bad503: number }> {
  const times = new Map<number, number[]>();
  let over = false;
  let bad503 = 0;
  const done = (async () => {
    while (!over) {
      const start = performance.now();
      const response = await call();
      await response.arrayBuffer();
      if (response.status === 503 && response.headers.get('retry-after') === null) bad503++;
      times.set(response.status, [...(times.get(response.status) ?? []), performance.now() - start]);
      await new Promise(resolve => setTimeout(resolve, 20));
    }
  })();
  return async () => {
    over = true;
    await done;
    return { times, bad503 };
  };
}

try {
  for (let i = 0; i < 200; i++) await (await ask(large.bodies[i % large.bodies.length])).arrayBuffer();
  const megabytes = async () => ((await scrape(server.url)).get('process_resident_memory_bytes') ?? 0) / 1e6;
  const before = await megabytes();
  const stopCalls = probe(() => ask(small.bodies[0]));
  const stopReady = probe(() => fetch(`${server.url}/readyz`));
  const requests = large.bodies.map(body => ({
    method: 'POST' as const,
    body,
    headers: { 'content-type': 'application/json' },
  }));
  const load = await autocannon({ url, connections: CONNECTIONS, duration: seconds, requests, workers: 1 });
  const calls = await stopCalls();
  const ready = await stopReady();
  const start = performance.now();
  const recovered = await ask(small.bodies[0]);
  await recovered.arrayBuffer();
  const recoveredMs = performance.now() - start;

  const offered = CONNECTIONS * large.sequencesPerRequest;
  const accepted = calls.times.get(200) ?? [];
  const readiness = [...ready.times.values()].flat();
  console.log(`${offered} sequences offered at any time to a queue of ${CAPACITY}, for ${seconds} s`);
  console.log(
    'replies under load:',
    load.statusCodeStats,
    'errors:',
    load.errors,
    '503 without Retry-After:',
    calls.bad503,
  );
  console.log(
    `accepted probe calls: ${accepted.length}, p50 ${percentile(accepted, 0.5)?.toFixed(1)} ms, p99 ${percentile(accepted, 0.99)?.toFixed(1)} ms`,
  );
  console.log(
    `readiness: ${[...ready.times.keys()]}, p50 ${percentile(readiness, 0.5)?.toFixed(1)} ms, p99 ${percentile(readiness, 0.99)?.toFixed(1)} ms, worst ${percentile(readiness, 1)?.toFixed(1)} ms`,
  );
  console.log(`memory: ${before.toFixed(0)} MB before, ${(await megabytes()).toFixed(0)} MB after`);
  console.log(`first call afterwards: ${recovered.status} in ${recoveredMs.toFixed(1)} ms`);
} finally {
  await server.end();
}
