// npm run bench:targets [-- --seconds N --rounds N]: what the server reaches of its goals, as ratios to a bare echo of the same
// JSON, turn by turn in one sitting: in one process, and in as many as `auto` takes.
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { SCENARIOS } from './bodies.ts';
import { cpuSeconds, residentMiB } from './cpu.ts';
import { drive, GENERATOR, type LoadResult, type Payload } from './load.ts';
import { type Server, scrape, startServer } from './processes.ts';
import { HEADS, INFER, payload } from './protocol.ts';
import { rawSequencesPerSecond } from './raw-session.ts';

interface Goal {
  readonly name: string;
  readonly connections: number;
  readonly path: string;
  readonly bodies: readonly (string | Payload)[];
  /** What the echo is asked meanwhile. */
  readonly echoed: readonly string[];
  /** Sequences of a request, and their mean length. */
  readonly rows: number;
  readonly length: number;
  /** Least requests/s and most CPU a request, against the echo's. */
  readonly rate: number;
  readonly cpu: number;
}

interface Turn extends LoadResult {
  readonly cpuUs: number;
  readonly lagMs: number;
  /** Mean sequences a run. */
  readonly batchSize: number;
}

const PREDICT = '/v1/models/weather/predict';
const [W1, , W3] = SCENARIOS.map(({ bodies }) => bodies);
const rest = (name: string, scenario: number, connections: number, rate: number, cpu: number): Goal => {
  const { bodies, sequencesPerRequest: rows, meanLength: length } = SCENARIOS[scenario];
  return { name, connections, path: PREDICT, bodies, echoed: bodies, rows, length, rate, cpu };
};
const tensors = (
  name: string,
  rows: number,
  binary: boolean,
  connections: number,
  rate: number,
  cpu: number,
): Goal => ({
  ...{ name, connections, path: INFER, rows, length: 10, rate, cpu, echoed: rows === 1 ? W1 : W3 },
  bodies: Array.from({ length: 16 }, () => payload(rows, binary, HEADS)),
});
const GOALS: readonly Goal[] = [
  rest('W1', 0, 1, 0.55, 2),
  rest('W1', 0, 16, 1.15, 1.3),
  rest('W1', 0, 64, 1.3, 1.1),
  rest('W2', 1, 64, 0.95, 1.8),
  rest('W3', 2, 16, 0.85, 2),
  tensors('v2 binary W3', 32, true, 16, 1.05, 1.15),
  tensors('v2 JSON W1', 1, false, 64, 1.3, 1.1),
  tensors('v2 binary W1', 1, true, 64, 1.3, 1.1),
];

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '1' }, rounds: { type: 'string', default: '5' } },
});
const [seconds, rounds] = [Number(values.seconds), Number(values.rounds)];
const processes = availableParallelism();

async function turn(server: Server, { path: to, bodies, connections }: Goal, isEcho: boolean): Promise<Turn> {
  const earlier = isEcho ? undefined : await scrape(server.url); // the lag metric begins anew with each reading
  const before = cpuSeconds(server.pid);
  const result = await drive(server.url + to, bodies, connections, seconds);
  const spent = cpuSeconds(server.pid) - before;
  const after = isEcho ? undefined : await scrape(server.url);
  const lag = after?.get('nodejs_eventloop_lag_p99_seconds') ?? 0;
  const more = (name: string) => (after?.get(name) ?? 0) - (earlier?.get(name) ?? 0);
  // The metric is the time between two 10 ms timers; what is above 10 ms is lag.
  return {
    ...result,
    cpuUs: (1e6 * spent) / (result.requestsPerSecond * seconds),
    lagMs: Math.max(0, 1000 * lag - 10),
    batchSize: more('polyhead_batch_size_sum') / more('polyhead_batch_size_count'),
  };
}

/** Until its code is compiled: cold code costs ten times as much, whatever else the machine does. */
async function warm({ url }: Server, isEcho: boolean): Promise<void> {
  for (const goal of isEcho ? GOALS.slice(2, 5) : GOALS.slice(2)) {
    const most = goal.connections === 64 ? 3000 : 300;
    for (let asked = 0; asked < most; ) {
      const { requestsPerSecond } = await drive(url + goal.path, goal.bodies, goal.connections, 2);
      asked += 2 * requestsPerSecond;
    }
  }
}

const median = (list: readonly number[]) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];

/** What a request would cost that is echoed and run, with nothing in between: runs are as large as they were. */
async function ceilingUs({ rows, length }: Goal, echo: readonly Turn[], told: readonly Turn[]): Promise<number> {
  const batchSize = Math.round(median(told.map(one => one.batchSize))) || 1;
  const [perSecond] = await rawSequencesPerSecond('models/weather/1', [{ batchSize, length }], seconds);
  return median(echo.map(one => one.cpuUs)) + (rows * 1e6) / perSecond;
}

const repository = mkdtempSync(path.join(tmpdir(), 'polyhead-bench-'));
cpSync('models/weather/1', path.join(repository, 'weather/1'), { recursive: true });
const flags = (n: number) => (port: number) =>
  `--port ${port} --log-level warn --processes ${n} --model-repository ${repository}`.split(' ');
const servers: { name: string; server: Server }[] = [];
try {
  servers.push(
    { name: 'echo', server: await startServer('dist/bench/echo.js', port => [`${port}`]) },
    {
      name: `echo, ${processes} processes`,
      server: await startServer('dist/bench/echo.js', p => [`${p}`, `${processes}`]),
    },
    { name: '1 process', server: await startServer('dist/src/main.js', flags(1)) },
    { name: `${processes} processes`, server: await startServer('dist/src/main.js', flags(processes)) },
  );
  for (const { name, server } of servers) await warm(server, name.startsWith('echo'));
  console.log(
    `${cpus().length} x ${cpus()[0].model.trim()}, Node ${process.version}, load by ${GENERATOR} on the same cores, medians of ${rounds} turns of ${seconds} s\n`,
  );
  console.log(
    '| load | callers | goal: requests/s, CPU against the echo | server | requests/s | /echo | CPU us | /echo | echo + run | batch | p50 ms | p99 | lag p99 | failed | others |',
  );
  console.log(`|${'---|'.repeat(15)}`);
  for (const goal of GOALS) {
    const asked = servers.map(({ name }) =>
      name.startsWith('echo') ? { ...goal, path: PREDICT, bodies: goal.echoed } : goal,
    );
    const turns: Turn[][] = servers.map(() => []);
    for (let round = -1; round < rounds; round++) {
      for (const [i, { name, server }] of servers.entries()) {
        const told = await turn(server, asked[i], name.startsWith('echo'));
        if (round >= 0) turns[i].push(told);
      }
    }
    const ceilings: number[] = [];
    for (const told of turns.slice(2)) ceilings.push(await ceilingUs(goal, turns[0], told));
    servers.forEach(({ name }, i) => {
      const of = (read: (one: Turn) => number, digits: number) => median(turns[i].map(read)).toFixed(digits);
      const against = (read: (one: Turn) => number) =>
        median(turns[i].map((one, r) => read(one) / read(turns[0][r]))).toFixed(2);
      const cells = [
        ...(i === 0 ? [goal.name, goal.connections, `≥ ${goal.rate}, ≤ ${goal.cpu}`] : ['', '', '']),
        ...[name, of(one => one.requestsPerSecond, 0), against(one => one.requestsPerSecond)],
        ...[of(one => one.cpuUs, 0), against(one => one.cpuUs)],
        ...(i < 2 ? ['', ''] : [ceilings[i - 2].toFixed(0), of(one => one.batchSize, 1)]),
        ...[of(one => one.p50Ms, 2), of(one => one.p99Ms, 1)],
        ...[
          of(one => one.lagMs, 1),
          turns[i].reduce((sum, { failures }) => sum + failures, 0),
          loadavg()[0].toFixed(0),
        ],
      ];
      console.log(`| ${cells.join(' | ')} |`);
    });
  }
  const memory = servers.map(({ name, server }) => `${name} ${residentMiB(server.pid).join(' + ')}`);
  console.log(`\nResident MiB: ${memory.join('; ')}`);
} finally {
  await Promise.all(servers.map(({ server }) => server.end()));
  rmSync(repository, { recursive: true });
}
