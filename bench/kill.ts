// npm run bench:kill [-- --kills N --spares N]: 64 callers keep two serving processes busy; one of the two is killed (SIGKILL),
// again and again. Prints how many requests failed, how long others took meanwhile, and when two processes served again.
import http from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { until } from '../test/support/runner/until.ts';
import { startProcess } from '../test/support/server/process.ts';
import { ROOT } from '../test/support/server/service.ts';
import { type Answer, ask, askOn, tookMs } from './ask.ts';
import { SCENARIOS } from './bodies.ts';

const { values } = parseArgs({
  options: { kills: { type: 'string', default: '5' }, spares: { type: 'string', default: 'auto' } },
});
const CALLERS = 64;
const QUIET_MS = 2000;
const [{ bodies }] = SCENARIOS;

const server = await startProcess({
  env: {
    POLYHEAD_MODEL_REPOSITORY: `${ROOT}models/weather`,
    POLYHEAD_PROCESSES: '2',
    POLYHEAD_SPARE_PROCESSES: values.spares,
    POLYHEAD_CERTIFICATE_CACHE: 'true',
  },
});
const agent = new http.Agent({ keepAlive: true, maxSockets: CALLERS });

const answers: Answer[] = [];

/** The supervisor's and the processes' own lines, with the clock that all processes share. */
function lines(of: RegExp): { pid: number; time: number }[] {
  return server
    .log()
    .split('\n')
    .filter(line => of.test(line))
    .map(line => JSON.parse(line));
}
const served = () => lines(/the page is at/);
const spares = () => lines(/a spare process is ready/).length;

let over = false;
const url = `${server.origin}/v1/models/weather/predict`;
async function next(turn: number): Promise<Answer> {
  const answer = await ask(agent, url, Buffer.from(bodies[turn % bodies.length]));
  answers.push(answer);
  return answer;
}

/** Kills the one that has served longest. */
async function kill(round: number): Promise<void> {
  const quietMs = performance.now();
  await delay(2 * QUIET_MS);
  const before = served().length;
  const fromMs = performance.now();
  const killedAt = Date.now();
  process.kill(served()[round].pid, 'SIGKILL');
  await until('two serve again', () => served().length > before);
  const backMs = (served().at(-1)?.time ?? 0) - killedAt;
  if (values.spares !== '0') await until('another spare is ready', () => spares() === round + 2);
  await delay(QUIET_MS);
  const longestOf = (some: readonly Answer[]) => tookMs(some, 1).toFixed(0);
  const undisturbed = answers.filter(({ atMs, tookMs }) => atMs >= quietMs && atMs + tookMs < fromMs);
  const meanwhile = answers.filter(({ atMs, tookMs }) => atMs + tookMs >= fromMs);
  const answered = meanwhile.filter(({ status }) => status === 200);
  console.log(
    `killed ${round + 1}: two serve again after ${backMs} ms; failed ${meanwhile.length - answered.length} of ${meanwhile.length}; longest of the others ${longestOf(answered)} ms, in the ${(2 * QUIET_MS) / 1000} s before ${longestOf(undisturbed)} ms`,
  );
}

try {
  await until('two serve', () => served().length === 2);
  if (values.spares !== '0') await until('a spare is ready', () => spares() === 1);
  const calling = askOn(CALLERS, next, () => over);
  for (let round = 0; round < Number(values.kills); round++) await kill(round);
  over = true;
  await calling;
} finally {
  agent.destroy();
  await server.stop();
}
