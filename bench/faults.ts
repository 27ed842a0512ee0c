// npm run bench:faults [-- --seconds N]: mixed load of 64 callers while processes are killed, Redis stops or dies, models are loaded
// again, rows are poison, answers too large and callers leave. Counts every status, and what was acknowledged and then lost;
// prints memory over the second half. Fails on a status that no caller should see.
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { repositoryOf } from '../test/support/models/served-copies.ts';
import { type ServerProcess, startProcess } from '../test/support/server/process.ts';
import { Redis, redisMissing } from '../test/support/server/redis.ts';

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '600' } } });
const SECONDS = Number(values.seconds);
const CALLERS = 64;
const MOST_ANSWER = 65_536;
const KILL_S = 20;
const REDIS_S = 15;
const SWAP_S = 5;
const SAMPLE_S = 5;
const LSTM = '/v1/models/lstm';

const redis = redisMissing() ? undefined : await Redis.start();
const server: ServerProcess = await startProcess({
  env: {
    POLYHEAD_MODEL_REPOSITORY: repositoryOf(
      'test/fixtures/models/lstm',
      'test/fixtures/models/steps',
      'models/weather',
    ),
    POLYHEAD_MODEL_CONTROL: 'explicit',
    POLYHEAD_PROCESSES: '2',
    POLYHEAD_CERTIFICATE_CACHE: 'true',
    POLYHEAD_MAX_ANSWER_BYTES: String(MOST_ANSWER),
    POLYHEAD_STATE_KEY: 'ab'.repeat(32),
    POLYHEAD_QUEUE_CAPACITY: '512',
    ...(redis ? { POLYHEAD_STREAM_STORE: redis.emptyUrl() } : {}),
  },
});
const agent = new http.Agent({ keepAlive: true, maxSockets: CALLERS + 8 });
const random = () => Math.random();
const upTo = (most: number) => 1 + Math.floor(random() * most);

interface Answer {
  /** 0: the connection ended without one, as it does when its process is killed. */
  readonly status: number;
  readonly text: string;
}

/** A call; after `leaveMs` its caller leaves. */
function ask(method: string, path: string, body?: unknown, leaveMs?: number): Promise<Answer> {
  return new Promise(resolve => {
    const request = http.request(`${server.origin}${path}`, { method, agent });
    if (body !== undefined) request.setHeader('content-type', 'application/json');
    const none = () => resolve({ status: 0, text: '' });
    request.once('error', none).once('close', none);
    request.once('response', response => {
      let text = '';
      response.setEncoding('utf8').on('data', chunk => {
        text += chunk;
      });
      response.once('error', none);
      response.once('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    request.end(body === undefined ? undefined : JSON.stringify(body));
    if (leaveMs !== undefined) setTimeout(() => request.destroy(), leaveMs);
  });
}

const sequence = (steps: number) => Array.from({ length: steps }, () => [random(), random(), random()]);
const sequences = () => Array.from({ length: upTo(8) }, () => sequence(upTo(20)));
const poison = () => [...sequences(), [[1, 2, 1e300]], ...sequences()];

/** Statuses that each kind of call may get; 0 where its process was killed, or its caller left. */
const EXPECTED: Record<string, readonly number[]> = {
  predict: [0, 200, 503, 504],
  poison: [0, 422, 503],
  huge: [0, 413, 503, 504],
  leave: [0, 200, 503],
  infer: [0, 200, 503, 504],
  stream: [0, 200, 201, 204, 404, 409, 503, 504],
  swap: [0, 200, 503],
  live: [0, 200],
};
const counts = new Map<string, number>();
const unexpected: string[] = [];
const lost: string[] = [];

function count(kind: string, { status, text }: Answer): Answer {
  const key = `${kind} ${status}`;
  counts.set(key, (counts.get(key) ?? 0) + 1);
  if (!EXPECTED[kind].includes(status)) unexpected.push(`${key}: ${text.slice(0, 200)}`);
  return { status, text };
}

/** A stream of its own from beginning to end: whatever was acknowledged is there afterwards. */
async function follow(): Promise<void> {
  const opened = count('stream', await ask('POST', `${LSTM}/streams`));
  if (opened.status !== 201) return;
  const at = `${LSTM}/streams/${JSON.parse(opened.text).stream}`;
  let acknowledged = 0;
  for (let step = 0; step < 10; step++) {
    const { status, text } = count('stream', await ask('POST', `${at}/steps`, { sequence: sequence(upTo(3)) }));
    if (status === 200) {
      const { length } = JSON.parse(text);
      if (length <= acknowledged) lost.push(`${at} answered ${length} after ${acknowledged}`);
      acknowledged = length;
    }
  }
  const last = count('stream', await ask('GET', at));
  if (last.status === 404 && acknowledged > 0) lost.push(`${at} is gone with ${acknowledged} steps`);
  if (last.status === 200 && JSON.parse(last.text).length < acknowledged) lost.push(`${at} lost steps: ${last.text}`);
  count('stream', await ask('DELETE', at));
}

const tensor = (rows: number) => ({
  inputs: [
    { name: 'x', shape: [rows, 2, 3], datatype: 'FP32', data: Array.from({ length: rows * 6 }, random) },
    { name: 'lengths', shape: [rows], datatype: 'INT64', data: new Array(rows).fill(2) },
  ],
});
const huge = () => ({ sequences: Array.from({ length: 400 }, () => sequence(8)), probabilities: 'all' });

async function callUntil(endMs: number): Promise<void> {
  while (performance.now() < endMs) {
    const which = random();
    if (which < 0.4) count('predict', await ask('POST', `${LSTM}/predict`, { sequences: sequences() }));
    else if (which < 0.5) count('poison', await ask('POST', `${LSTM}/predict`, { sequences: poison() }));
    else if (which < 0.55) count('huge', await ask('POST', `${LSTM}/predict`, huge()));
    else if (which < 0.7) count('leave', await ask('POST', `${LSTM}/predict`, { sequences: sequences() }, upTo(5)));
    else if (which < 0.85) count('infer', await ask('POST', '/v2/models/lstm/infer', tensor(upTo(8))));
    else if (which < 0.9) count('live', await ask('GET', '/livez'));
    else await follow();
  }
}

/** Resident memory; 0 of a process that is gone. */
function megabytesOf(pid: number): number {
  try {
    return (Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * 4096) / 1e6;
  } catch {
    return 0;
  }
}

const pids = () => [...server.log().matchAll(/"pid":(\d+)[^\n]*the page is at/g)].map(([, pid]) => Number(pid));
const alive = () => pids().filter(pid => megabytesOf(pid) > 0);

async function every(
  seconds: number,
  endMs: number,
  act: (round: number) => Promise<unknown> | unknown,
): Promise<void> {
  for (let round = 0; ; round++) {
    await delay(1000 * seconds);
    if (performance.now() >= endMs) return;
    await act(round);
  }
}

async function disturbRedis(store: Redis, round: number): Promise<void> {
  if (round % 2 === 0) {
    store.freeze();
    await delay(2000);
    store.thaw();
  } else {
    await store.kill();
    await delay(2000);
    await store.start();
  }
}

const endMs = performance.now() + 1000 * SECONDS;
let killed = 0;
let swaps = 0;
const memory: number[] = [];
try {
  await Promise.all([
    ...Array.from({ length: CALLERS }, () => callUntil(endMs)),
    every(KILL_S, endMs, () => {
      const [oldest, ...others] = alive();
      if (others.length === 0) return; // the one before has not been replaced yet
      process.kill(oldest, 'SIGKILL');
      killed++;
    }),
    every(SWAP_S, endMs, async () => {
      if (count('swap', await ask('POST', '/v2/repository/models/weather/load', {})).status === 200) swaps++;
    }),
    every(SAMPLE_S, endMs, () => memory.push(alive().reduce((sum, pid) => sum + megabytesOf(pid), 0))),
    ...(redis ? [every(REDIS_S, endMs, round => disturbRedis(redis, round))] : []),
  ]);
  const after = await ask('POST', `${LSTM}/predict`, { sequences: sequences() });
  const half = memory.slice(Math.floor(memory.length / 2));
  const mean = (some: readonly number[]) => some.reduce((sum, value) => sum + value, 0) / some.length;
  const middle = Math.floor(half.length / 2);
  console.log(
    `${SECONDS} s, ${CALLERS} callers; processes killed: ${killed}; models loaded again: ${swaps}; Redis: ${redis ? 'stopped or killed every 15 s' : 'none here'}`,
  );
  for (const [key, value] of [...counts].sort()) console.log(`  ${key.padEnd(14)} ${value}`);
  console.log(
    `memory of the serving processes, last half: ${mean(half.slice(0, middle)).toFixed(0)} MB, then ${mean(half.slice(middle)).toFixed(0)} MB; least ${Math.min(...half).toFixed(0)}, most ${Math.max(...half).toFixed(0)}`,
  );
  console.log(
    `first call afterwards: ${after.status}; acknowledged and lost: ${lost.length}; unexpected: ${unexpected.length}`,
  );
  for (const line of [...lost, ...unexpected].slice(0, 20)) console.log(`  ${line}`);
  if (after.status !== 200 || lost.length > 0 || unexpected.length > 0) process.exitCode = 1;
} finally {
  agent.destroy();
  await server.stop();
  await redis?.end();
}
