// npm run bench:explain [-- --seconds N]: what explanations take alone and beside 64 callers of the same model, and what those
// callers notice. The two sides of the callers' times are taken in turns, since the machine may be busy.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import autocannon from 'autocannon';
import { shippedFolder } from '../test/support/models/shipped.ts';
import { startServer } from './processes.ts';

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '4' } } });
const seconds = Number(values.seconds);
const TURNS = 3;
const CONNECTIONS = 64;
const PLANS: [model: string, head: string, methods: readonly string[]][] = [
  ['weather', 'rain', ['occlusion', 'shapley', 'integratedGradients']],
  ['storms', 'status', ['occlusion', 'shapley', 'integratedGradients']],
  ['tagger', 'upos', ['occlusion', 'shapley']],
];
const JSON_TYPE = { 'content-type': 'application/json' };

const server = await startServer('dist/src/main.js', port => ['--port', `${port}`, '--log-level', 'error']);
const median = (times: number[]) => times.sort((a, b) => a - b)[Math.floor(times.length / 2)];
const exampleOf = (model: string) => {
  const { sequences } = JSON.parse(readFileSync(`${shippedFolder(model)}/example.json`, 'utf8'));
  return JSON.stringify({ sequences: sequences.slice(0, 1) });
};

interface Explained {
  readonly ms: number;
  readonly rows: number;
  readonly partial: boolean;
}

async function explain(model: string, head: string, method: string): Promise<Explained> {
  const body = JSON.stringify({ ...JSON.parse(exampleOf(model)), heads: [head], method });
  const start = performance.now();
  const reply = await fetch(`${server.url}/v1/models/${model}/explain`, { method: 'POST', headers: JSON_TYPE, body });
  const { explanations } = (await reply.json()) as {
    explanations: { heads: Record<string, { convergence: Omit<Explained, 'ms'> }> }[];
  };
  return { ms: performance.now() - start, ...explanations[0].heads[head].convergence };
}

/** The callers' p99, while `beside` goes on if there is one. */
async function callers(model: string, beside?: () => Promise<void>): Promise<autocannon.Result> {
  let over = false;
  const others = (async () => {
    while (beside && !over) await beside();
  })();
  const url = `${server.url}/v1/models/${model}/predict`;
  const options = { url, method: 'POST', headers: JSON_TYPE, body: exampleOf(model) } as const;
  const result = await autocannon({ ...options, connections: CONNECTIONS, duration: seconds, workers: 1 });
  over = true;
  await others;
  if (result['2xx'] === 0) throw new Error(`no caller of ${model} was answered in ${seconds} s; give --seconds more`);
  return result;
}

try {
  console.log(
    '| model | method | rows | alone, ms | beside 64 callers, ms | callers p99 alone, ms | beside it | ratio |',
  );
  console.log('|---|---|---|---|---|---|---|---|');
  for (const [model, head, methods] of PLANS) {
    await callers(model);
    for (const method of methods) {
      const alone: Explained[] = [];
      for (let i = 0; i < 5; i++) alone.push(await explain(model, head, method));
      const beside: Explained[] = [];
      const quiet: number[] = [];
      const busy: number[] = [];
      for (let turn = 0; turn < TURNS; turn++) {
        quiet.push((await callers(model)).latency.p99);
        const crowd = await callers(model, async () => {
          beside.push(await explain(model, head, method));
        });
        busy.push(crowd.latency.p99);
      }
      const cut = beside.some(({ partial }) => partial) ? ' (partial)' : '';
      const [p99, p99Beside] = [median(quiet), median(busy)];
      const times = [alone, beside].map(all => median(all.map(({ ms }) => ms)).toFixed(0));
      console.log(
        `| ${model} | ${method} | ${alone[0].rows} | ${times[0]} | ${times[1]}${cut} | ${p99} | ${p99Beside} | ${(p99Beside / p99).toFixed(2)} |`,
      );
    }
  }
} finally {
  await server.end();
}
