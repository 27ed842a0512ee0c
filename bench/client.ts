// npm run bench:client: where the client's bytes begin to be faster than its JSON, one call after the other, by how many
// numbers a call holds. The figure behind BINARY_FROM_NUMBERS of client/src/model.ts.
import { connect, type Model } from '../client/src/client.ts';
import { day } from './bodies.ts';
import { startServer } from './processes.ts';

const ROUNDS = 40;
const SIZES = [[1, 10], [8, 10], [32, 10], [64, 10], [256, 10], [1, 60], [1, 365], [8, 365]] as const; // biome-ignore format: pairs

const median = (values: number[]) => values.sort((a, b) => a - b)[values.length >> 1];

async function time(model: Model, sequences: unknown[][][]): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now();
    await model.predict(sequences[round % sequences.length]);
    times.push(performance.now() - start);
  }
  return median(times);
}

const server = await startServer('dist/src/main.js', port => ['--port', `${port}`, '--log-level', 'error']);
try {
  const at = (transport: 'json' | 'binary') => connect(server.url, { transport }).model('weather');
  const [json, binary] = await Promise.all([at('json'), at('binary')]);
  console.log('| sequences | steps | numbers | JSON ms | bytes ms | JSON / bytes |\n|---|---|---|---|---|---|');
  for (const [count, length] of SIZES) {
    const bodies = Array.from({ length: 8 }, () => Array.from({ length: count }, () => Array.from({ length }, day)));
    const pairs: [number, number][] = [];
    for (let i = 0; i < 4; i++) pairs.push([await time(json, bodies), await time(binary, bodies)]);
    const [text, bytes] = [0, 1].map(which => median(pairs.slice(1).map(pair => pair[which])));
    const numbers = count * length * day().length;
    console.log(
      `| ${count} | ${length} | ${numbers} | ${text.toFixed(2)} | ${bytes.toFixed(2)} | ${(text / bytes).toFixed(2)} |`,
    );
  }
} finally {
  await server.end();
}
