// npm run bench [-- --seconds N]: the built server against two ceilings measured in the same run, as ratios.
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { SCENARIOS, type Scenario } from './bodies.ts';
import { drive, GENERATOR, type LoadResult } from './load.ts';
import { scrape, startServer } from './processes.ts';
import { protocolTable } from './protocol.ts';
import { rawSequencesPerSecond } from './raw-session.ts';

const CONNECTIONS = [1, 16, 64, 256];
const MODEL = 'models/weather/1';
const PATH = '/v1/models/weather/predict';

const ROUNDS = 3;

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '3' } } });
const seconds = Number(values.seconds);

interface Cell {
  readonly scenario: Scenario;
  readonly connections: number;
  readonly ours: LoadResult;
  readonly echo: LoadResult;
  readonly ratio: number;
  readonly failures: number;
  readonly batch: number;
  readonly padding: number;
  readonly lagMs: number;
  readonly cores: number;
  /** CPU microseconds of all the server's processes a request: on a shared machine the figure that moves least. */
  readonly cpuUs: number;
  readonly megabytes: number;
}

/** Ours and the echo in turn, round by round: the machine's speed drifts, and only neighbours in time compare. */
async function measure(scenario: Scenario, connections: number, url: string, echoUrl: string): Promise<Cell> {
  const load = (base: string, time: number) => drive(base + PATH, scenario.bodies, connections, time);
  await load(url, 1);
  await load(echoUrl, 1);
  const ours: LoadResult[] = [];
  const echo: LoadResult[] = [];
  const before = await scrape(url);
  let elapsed = 0;
  let lagSeconds = 0;
  for (let round = 0; round < ROUNDS; round++) {
    await scrape(url); // the lag metric begins anew with each reading
    const start = performance.now();
    ours.push(await load(url, seconds));
    elapsed += (performance.now() - start) / 1000;
    lagSeconds = Math.max(lagSeconds, (await scrape(url)).get('nodejs_eventloop_lag_p99_seconds') ?? 0);
    echo.push(await load(echoUrl, seconds));
  }
  const after = await scrape(url);
  const grown = (name: string) => (after.get(name) ?? 0) - (before.get(name) ?? 0);
  return {
    scenario,
    connections,
    ours: middle(ours),
    echo: middle(echo),
    ratio: median(ours.map((result, i) => result.requestsPerSecond / echo[i].requestsPerSecond)),
    failures: [...ours, ...echo].reduce((sum, result) => sum + result.failures, 0),
    batch: grown('polyhead_batch_size_sum') / grown('polyhead_batch_size_count'),
    padding: 1 - grown('polyhead_steps_total') / grown('polyhead_padded_steps_total'),
    // The metric is the time between two 10 ms timers; what is above 10 ms is lag.
    lagMs: Math.max(0, 1000 * lagSeconds - 10),
    cores: grown('process_cpu_seconds_total') / elapsed,
    cpuUs: (grown('process_cpu_seconds_total') / elapsed / middle(ours).requestsPerSecond) * 1e6,
    megabytes: (after.get('process_resident_memory_bytes') ?? 0) / 1e6,
  };
}

const median = (values: number[]) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
const middle = (results: LoadResult[]) =>
  [...results].sort((a, b) => a.requestsPerSecond - b.requestsPerSecond)[Math.floor(results.length / 2)];

// The weather model by itself: the metrics of several could not be told apart.
const repository = mkdtempSync(path.join(tmpdir(), 'polyhead-bench-'));
cpSync(MODEL, path.join(repository, 'weather/1'), { recursive: true });
const flags = ['--log-level', 'warn', '--model-repository', repository];
const server = await startServer('dist/src/main.js', port => ['--port', `${port}`, ...flags]);
const echoServer = await startServer('dist/bench/echo.js', port => [`${port}`]);
const cells: Cell[] = [];
let protocol: string[];
try {
  for (const scenario of SCENARIOS) {
    for (const connections of CONNECTIONS) cells.push(await measure(scenario, connections, server.url, echoServer.url));
  }
  protocol = await protocolTable(server.url, ROUNDS, seconds);
} finally {
  await Promise.all([server.end(), echoServer.end()]);
  rmSync(repository, { recursive: true });
}
const raw = await rawSequencesPerSecond(
  MODEL,
  cells.map(({ batch, scenario }) => ({ batchSize: Math.max(1, Math.round(batch)), length: scenario.meanLength })),
  1,
);

const number = (value: number, digits = 0) => value.toFixed(digits);
console.log(
  `${cpus().length} x ${cpus()[0].model.trim()}, Node ${process.version}, load by ${GENERATOR} on the same cores, medians of ${ROUNDS} rounds of ${seconds} s`,
);
console.log(
  'echo: bare Fastify, same JSON parsed into a Float32Array, real reply shape. raw: one session, one thread, batches ready.\n',
);
const header = [
  'scenario',
  'conn',
  'req/s',
  'echo',
  '/echo',
  'raw seq/s',
  '/raw',
  'p50 ms',
  'p95',
  'p99',
  'batch',
  'padding',
  'lag p99 ms',
  'cores',
  'CPU us',
  'MB',
  'failed',
];
console.log(`| ${header.join(' | ')} |\n|${header.map(() => '---').join('|')}|`);
cells.forEach((cell, i) => {
  const { scenario, connections, ours, echo } = cell;
  const row = [
    scenario.name,
    connections,
    number(ours.requestsPerSecond),
    number(echo.requestsPerSecond),
    `**${number(cell.ratio, 2)}**`,
    number(raw[i]),
    number((ours.requestsPerSecond * scenario.sequencesPerRequest) / raw[i], 2),
    number(ours.p50Ms, 2),
    number(ours.p95Ms, 2),
    number(ours.p99Ms, 2),
    number(cell.batch, 1),
    `${number(cell.padding * 100)} %`,
    number(cell.lagMs, 1),
    number(cell.cores, 2),
    number(cell.cpuUs),
    number(cell.megabytes),
    cell.failures,
  ];
  console.log(`| ${row.join(' | ')} |`);
});
console.log(`\n${protocol.join('\n')}`);
