// npm run bench:recurrence: LSTM and GRU operators against minGRU and minLSTM in chunks, of equal parameters, through the server:
// one sequence a request and 64, of 16 to 1,024 steps. Turn by turn, so that a busy machine is busy for all.
import { parseArgs } from 'node:util';
import { startServer } from './processes.ts';

const FIXTURES = 'bench/fixtures/recurrence';
const KINDS = ['lstm', 'gru', 'mingru', 'minlstm', 'mingru-scan'];
const STEPS = [16, 64, 256, 1024];
const TOGETHER = [1, 64];
const FEATURES = 4;

const { values } = parseArgs({ options: { turns: { type: 'string', default: '15' } } });
const turns = Number(values.turns);
const median = (numbers: number[]) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];

function bodyOf(count: number, steps: number): string {
  const value = (i: number) => Math.round(100 * Math.sin(i)) / 100;
  const sequence = (s: number) =>
    Array.from({ length: steps }, (_, t) => Array.from({ length: FEATURES }, (_, f) => value(7 * s + 3 * t + f)));
  return JSON.stringify({ sequences: Array.from({ length: count }, (_, s) => sequence(s)) });
}

const server = await startServer('dist/src/main.js', port => [
  ...['--port', `${port}`, '--log-level', 'error', '--model-repository', FIXTURES, '--certificate-cache', 'false'],
  ...['--workers', '1'],
]);
try {
  const timed = async (kind: string, body: string): Promise<number> => {
    const headers = { 'content-type': 'application/json' };
    const start = performance.now();
    const reply = await fetch(`${server.url}/v1/models/${kind}/predict`, { method: 'POST', headers, body });
    const text = await reply.text();
    if (reply.status !== 200) throw new Error(`${kind}: ${reply.status} ${text.slice(0, 300)}`);
    return performance.now() - start;
  };
  console.log(`ms a request, median of ${turns} turns; in brackets: times the LSTM's, median of the turns' ratios`);
  console.log(`| sequences | steps | ${KINDS.join(' | ')} |`);
  console.log(`|---|---|${'---|'.repeat(KINDS.length)}`);
  for (const count of TOGETHER) {
    for (const steps of STEPS) {
      const body = bodyOf(count, steps);
      const taken: Record<string, number[]> = Object.fromEntries(KINDS.map(kind => [kind, []]));
      for (const kind of KINDS) await timed(kind, body); // warm
      for (let turn = 0; turn < turns; turn++) {
        for (const kind of KINDS) taken[kind].push(await timed(kind, body));
      }
      const cells = KINDS.map(kind => {
        const ratio = median(taken[kind].map((ms, turn) => ms / taken.lstm[turn]));
        return `${median(taken[kind]).toFixed(2)} (${ratio.toFixed(2)})`;
      });
      console.log(`| ${count} | ${steps} | ${cells.join(' | ')} |`);
    }
  }
} finally {
  await server.end();
}
