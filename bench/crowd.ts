// npm run bench:crowd [-- --connections N --seconds N --processes N]: so many callers connect at once and go on asking. Prints how
// long /livez took meanwhile, each time on a new connection, on the port and on that of operations; and how long callers waited for
// their answers, from the connection on. On a crowded machine, read how much of a core the serving thread had meanwhile. Callers, health
// checks and server are processes of their own.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { repositoryOf } from '../test/support/models/served-copies.ts';
import { until } from '../test/support/runner/until.ts';
import { startProcess } from '../test/support/server/process.ts';
import { cpuSeconds } from './cpu.ts';
import { freePort } from './processes.ts';

const { values } = parseArgs({
  options: {
    connections: { type: 'string', default: '2000' },
    seconds: { type: 'string', default: '8' },
    processes: { type: 'string', default: '1' },
    spares: { type: 'string', default: '0' },
  },
});
const BEFORE_S = 1;

/** A process of callers, which tells at its end what it saw. */
interface Child {
  readonly seen: Promise<Record<string, number[]>>;
}
function start(...args: string[]): Child {
  const child: ChildProcess = fork(new URL('./crowd-caller.js', import.meta.url), args);
  return { seen: once(child, 'message').then(([seen]) => seen) };
}

const operations = await freePort();
const server = await startProcess({
  env: {
    POLYHEAD_MODEL_REPOSITORY: repositoryOf('models/weather'),
    POLYHEAD_PROCESSES: values.processes,
    POLYHEAD_SPARE_PROCESSES: values.spares,
    POLYHEAD_OPERATIONS_PORT: `${operations}`,
  },
});
const served = () => [...server.log().matchAll(/"pid":(\d+)[^\n]*the page is at/g)].map(([, pid]) => pid);
const standing = () => /a spare process is ready/.test(server.log()) || values.spares === '0';
await until('all serve', () => served().length === Number(values.processes) && standing());
const pids = served().join();
const pid = Number(/"pid":(\d+)[^\n]*Operations listening/.exec(server.log())?.[1]);
const { port } = new URL(server.origin);

const share = (some: number[], of: number) => {
  const sorted = some.toSorted((a, b) => a - b);
  return (sorted[Math.min(sorted.length - 1, Math.floor(of * sorted.length))] ?? Number.NaN).toFixed(0);
};
const told = (some: number[]) => `p50 ${share(some, 0.5)}, p99 ${share(some, 0.99)}, longest ${share(some, 1)} ms`;

try {
  const seconds = Number(values.seconds);
  const probes = start('health', `${BEFORE_S + seconds}`, port, pids, `${operations}`);
  await new Promise(resolve => setTimeout(resolve, 1000 * BEFORE_S));
  const before = cpuSeconds(pid);
  const [crowd, health] = await Promise.all([
    start('crowd', values.seconds, port, pids, values.connections).seen,
    probes.seen,
  ]);
  const cpu = cpuSeconds(pid) - before;
  const answers = crowd.first.length + crowd.later.length;
  console.log(`${values.connections} connections at once, ${values.processes} serving processes, ${seconds} s`);
  console.log(
    `answered ${answers}, refused ${crowd.refused.length}, failed ${crowd.failed.length}; ${((1e6 * cpu) / answers).toFixed(0)} us of CPU an answer`,
  );
  console.log(
    `first answers, of ${crowd.first.length} connections: ${told(crowd.first)}; of a core, p99 ${share(crowd.firstCore, 0.99)} ms`,
  );
  console.log(`later answers: ${told(crowd.later)}`);
  console.log(
    `/livez on the port: ${told(health.port)}; of a core, longest ${share(health.cores, 1)} ms; ${health.port.length} asked`,
  );
  console.log(`/livez for operations: ${told(health.operations)}; ${health.operations.length} asked`);
} finally {
  await server.stop();
}
