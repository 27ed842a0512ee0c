// npm run bench:observed [-- --seconds N]: what the access log and traces cost, in CPU microseconds a request, side by side.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { repositoryOf } from '../test/support/models/served-copies.ts';
import { SCENARIOS } from './bodies.ts';
import { drive, GENERATOR } from './load.ts';
import { type Server, scrape, startServer } from './processes.ts';

const ROUNDS = 5;
const CONNECTIONS = 16;
const VARIANTS: readonly { readonly name: string; readonly flags: readonly string[] }[] = [
  { name: 'neither', flags: [] },
  { name: 'access log', flags: ['--access-log', 'true'] },
  { name: 'traces on, none taken', flags: ['--traces', 'otlp', '--trace-share', '0'] },
  { name: 'traces of 1 %', flags: ['--traces', 'otlp', '--trace-share', '0.01'] },
  { name: 'traces of all', flags: ['--traces', 'otlp', '--trace-share', '1'] },
];

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '3' } } });
const seconds = Number(values.seconds);

/** Takes whatever is sent, as a collector would, in this process: its work is not counted. */
const sink = createServer((request, reply) => request.resume().on('end', () => reply.end()));
await new Promise<void>(resolve => sink.listen(0, '127.0.0.1', resolve));
process.env.OTEL_EXPORTER_OTLP_ENDPOINT = `http://127.0.0.1:${(sink.address() as AddressInfo).port}`;

const repository = repositoryOf('models/weather');
const servers: Server[] = [];
for (const { flags } of VARIANTS) {
  const given = ['--model-repository', repository, '--workers', '1', ...flags];
  servers.push(await startServer('dist/src/main.js', port => ['--port', `${port}`, ...given]));
}

/** CPU microseconds a request over one load; the collector's share of the work comes within a second of the last. */
async function cost({ url }: Server): Promise<number> {
  const cpu = async () => (await scrape(url)).get('process_cpu_seconds_total') ?? 0;
  const before = await cpu();
  const { bodies } = SCENARIOS[0];
  const start = performance.now();
  const { requestsPerSecond, failures } = await drive(`${url}/v1/models/weather/predict`, bodies, CONNECTIONS, seconds);
  const requests = (requestsPerSecond * (performance.now() - start)) / 1000;
  if (failures > 0) throw new Error(`${failures} requests failed`);
  await new Promise(resolve => setTimeout(resolve, 1500));
  return (((await cpu()) - before) / requests) * 1e6;
}

const costs: number[][] = VARIANTS.map(() => []);
try {
  for (const server of servers) await cost(server); // warm
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, server] of servers.entries()) costs[i].push(await cost(server));
  }
} finally {
  await Promise.all(servers.map(server => server.end()));
  sink.close();
}

const median = (numbers: readonly number[]) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
const [plain] = costs.map(median);
console.log(
  `${cpus().length} x ${cpus()[0].model.trim()}, Node ${process.version}, ${CONNECTIONS} connections by ${GENERATOR}, ${SCENARIOS[0].name}, medians of ${ROUNDS} rounds of ${seconds} s\n`,
);
console.log('| | CPU µs a request | more than neither |\n|---|---|---|');
VARIANTS.forEach(({ name }, i) => {
  const more = median(costs[i].map((us, round) => us - costs[0][round]));
  console.log(
    `| ${name} | ${median(costs[i]).toFixed(0)} | ${i === 0 ? '' : `${more.toFixed(0)} (${((100 * more) / plain).toFixed(0)} %)`} |`,
  );
});
