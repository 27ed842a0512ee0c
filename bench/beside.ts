// npm run bench:beside [-- --turns N]: 8 callers with 10 steps alone, and beside 2 callers with 5,000, turn by turn. Prints the short
// ones' times, and how long the thread that reads requests waited for a core meanwhile: on a crowded machine that is what they wait for.
import { readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { parseArgs } from 'node:util';
import { repositoryOf } from '../test/support/models/served-copies.ts';
import { startProcess } from '../test/support/server/process.ts';
import { type Answer, ask, askOn, tookMs } from './ask.ts';
import { day } from './bodies.ts';

const { values } = parseArgs({ options: { turns: { type: 'string', default: '5' } } });
const TURN_MS = 2000;
const LONG_STEPS = 5000;
const SHORT = { callers: 8, steps: 10 };
const LONG = { callers: 2, steps: LONG_STEPS };

const repository = repositoryOf('models/weather');
const file = `${repository}/weather/1/manifest.json`;
writeFileSync(file, readFileSync(file, 'utf8').replace('"maximum": 365', `"maximum": ${LONG_STEPS}`));
const server = await startProcess({ env: { POLYHEAD_MODEL_REPOSITORY: repository } });
const pid = Number(/"pid":(\d+)/.exec(server.log())?.[1]);
const agent = new http.Agent({ keepAlive: true, maxSockets: SHORT.callers + LONG.callers });

/** Milliseconds that the server's main thread ran, and waited for a core; Linux tells. */
function threadMs(): readonly number[] {
  if (process.platform !== 'linux') return [Number.NaN, Number.NaN];
  return readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'utf8')
    .split(' ')
    .map(ns => Number(ns) / 1e6);
}

function load({ callers, steps }: typeof SHORT): Promise<Answer[]> {
  const bodies = Array.from({ length: 16 }, () =>
    Buffer.from(JSON.stringify({ sequences: [Array.from({ length: steps }, day)] })),
  );
  const endMs = performance.now() + TURN_MS;
  const url = `${server.origin}/v1/models/weather/predict`;
  return askOn(
    callers,
    turn => ask(agent, url, bodies[turn % bodies.length]),
    () => performance.now() >= endMs,
  );
}

const row = (cells: readonly (string | number)[]) => console.log(`| ${cells.join(' | ')} |`);
const times = (answers: readonly Answer[]) => [0.5, 0.99].map(share => tookMs(answers, share).toFixed(1));
try {
  await load(SHORT);
  row([
    'alone: p50 ms',
    'p99',
    'beside: p50 ms',
    'p99',
    'long ones: p50 ms',
    'thread ran ms',
    'waited for a core ms',
    'failed',
  ]);
  row(new Array(8).fill('---'));
  for (let turn = 0; turn < Number(values.turns); turn++) {
    const alone = await load(SHORT);
    const before = threadMs();
    const [short, long] = await Promise.all([load(SHORT), load(LONG)]);
    const [ran, waited] = threadMs().map((ms, i) => (ms - before[i]).toFixed(0));
    const failed = [...alone, ...short, ...long].filter(({ status }) => status !== 200).length;
    row([...times(alone), ...times(short), times(long)[0], ran, waited, failed]);
  }
} finally {
  agent.destroy();
  await server.stop();
}
