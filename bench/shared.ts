// npm run bench:shared: five answers from one shared graph against five graphs of one head each, through the server.
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { SCENARIOS } from './bodies.ts';
import { drive, GENERATOR } from './load.ts';
import { startServer } from './processes.ts';

const SINGLES = 'bench/fixtures/weather-single';
const CONNECTIONS = [1, 64];
const ROUNDS = 3;

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '2' } } });
const seconds = Number(values.seconds);
const median = (numbers: number[]) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];

const repository = mkdtempSync(path.join(tmpdir(), 'polyhead-shared-'));
cpSync('models/weather', path.join(repository, 'weather'), { recursive: true });
const heads = readdirSync(SINGLES);
for (const head of heads)
  cpSync(path.join(SINGLES, head), path.join(repository, `single-${head}`), { recursive: true });

const server = await startServer('dist/src/main.js', port => [
  ...['--port', `${port}`, '--log-level', 'warn', '--model-repository', repository],
]);
try {
  console.log(`${GENERATOR}, ${ROUNDS} rounds of ${seconds} s, all six models in one process`);
  console.log('| scenario | conn | shared, req/s | five singles, answers of all five/s | ratio |');
  console.log('|---|---|---|---|---|');
  for (const scenario of SCENARIOS.filter(({ sequencesPerRequest }) => sequencesPerRequest === 1)) {
    for (const connections of CONNECTIONS) {
      const rate = async (model: string) => {
        const url = `${server.url}/v1/models/${model}/predict`;
        return (await drive(url, scenario.bodies, connections, seconds)).requestsPerSecond;
      };
      await rate('weather'); // warm
      const shared: number[] = [];
      const five: number[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        shared.push(await rate('weather'));
        let perAnswer = 0;
        for (const head of heads) perAnswer += 1 / (await rate(`single-${head}`));
        five.push(1 / perAnswer);
      }
      const ratio = median(shared.map((value, i) => value / five[i]));
      console.log(
        `| ${scenario.name} | ${connections} | ${median(shared).toFixed(0)} | ${median(five).toFixed(0)} | **${ratio.toFixed(2)}** |`,
      );
    }
  }
} finally {
  await server.end();
  rmSync(repository, { recursive: true });
}
