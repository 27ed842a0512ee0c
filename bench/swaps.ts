// npm run bench:swaps [-- --swaps N]: new versions of a model are published one after another while 64 callers ask it. Counts
// every status, says how long each version took from its rename to its first answer, and prints memory before and after.
import { cpSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import http from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { send } from '../test/support/client/exchange.ts';
import { temporaryFolder } from '../test/support/models/served-copies.ts';
import { startProcess } from '../test/support/server/process.ts';
import { ROOT } from '../test/support/server/service.ts';

const { values } = parseArgs({ options: { swaps: { type: 'string', default: '50' } } });
const SWAPS = Number(values.swaps);
const CALLERS = 64;
const PATH = '/v1/models/m/predict';
const body = { sequences: [[[0.1, 0.2, 0.3]], Array.from({ length: 20 }, () => [0.3, -0.2, 0.1])] };
const root = temporaryFolder();

/** Whole, by a rename. */
function publish(version: number): void {
  const draft = `${root}/.draft`;
  cpSync(`${ROOT}test/fixtures/models/lstm/1`, draft, { recursive: true });
  mkdirSync(`${root}/m`, { recursive: true });
  renameSync(draft, `${root}/m/${version}`);
}

publish(1);
const server = await startProcess({
  env: { POLYHEAD_MODEL_REPOSITORY: root, POLYHEAD_RELOAD: 'watch', POLYHEAD_VERSIONS: 'latest:1' },
});
const pid = Number(/"pid":(\d+)[^\n]*the page is at/.exec(server.log())?.[1]);
const megabytes = () => (Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * 4096) / 1e6;
const statuses = new Map<number, number>();
const answeredBy = new Set<string>();
const seconds: number[] = [];
const memory: number[] = [];
let ended = false;

async function caller(): Promise<void> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  while (!ended) {
    const { status, text } = await send(server.origin, PATH, { body, agent });
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
    if (status === 200) answeredBy.add(JSON.parse(text).version);
  }
  agent.destroy();
}

try {
  const callers = Array.from({ length: CALLERS }, caller);
  for (let version = 2; version <= SWAPS + 1; version++) {
    const start = performance.now();
    publish(version);
    while (!answeredBy.has(`${version}`)) await delay(20);
    seconds.push((performance.now() - start) / 1000);
    memory.push(megabytes());
  }
  ended = true;
  await Promise.all(callers);
  const told = [...statuses].map(([status, count]) => `${count} × ${status}`).join(', ');
  const sorted = seconds.toSorted((a, b) => a - b);
  console.log(`${SWAPS} versions under ${CALLERS} callers: ${told}; ${answeredBy.size} versions answered`);
  console.log(
    `from rename to first answer: median ${sorted[SWAPS >> 1].toFixed(1)} s, most ${sorted.at(-1)?.toFixed(1)} s`,
  );
  const at = (share: number) => memory[Math.min(SWAPS - 1, Math.floor(SWAPS * share))].toFixed(0);
  console.log(
    `memory: ${at(0)} MB after the first, ${at(0.2)} after a fifth, ${at(0.5)} after half, ${at(1)} after the last`,
  );
  if (statuses.size !== 1 || !statuses.has(200)) process.exitCode = 1;
} finally {
  ended = true;
  await server.stop();
}
