// npm run scale [-- --http-us 51 --run-us 300 --row-us 5.4 --p99-ms 10 --price 0.0816]: how many replicas a load needs and what a
// million answers cost, by simulation. The defaults are docs/benchmark.md's machine with the weather model.
import { parseArgs } from 'node:util';
import { capacity, type Replica, simulate } from './queueing.ts';

const number = (fallback: string) => ({ type: 'string', default: fallback }) as const;
const { values } = parseArgs({
  options: {
    'http-us': number('51'),
    'run-us': number('300'),
    'row-us': number('5.4'),
    batch: number('64'),
    'p99-ms': number('10'),
    /** Of a machine with two cores, an hour. */
    price: number('0.0816'),
  },
});
const replica: Replica = {
  httpUs: Number(values['http-us']),
  runUs: Number(values['run-us']),
  rowUs: Number(values['row-us']),
  mostRows: Number(values.batch),
};
const within = Number(values['p99-ms']);
const price = Number(values.price);
const ceiling = 1e6 / replica.httpUs;
const most = capacity(replica, within);
const round = (value: number, digits = 0) =>
  value.toLocaleString('en', { maximumFractionDigits: digits, minimumFractionDigits: digits });

console.log('| load of the HTTP thread | requests/s | p50 ms | p99 ms | sequences in a run |\n|---|---|---|---|---|');
for (const share of [0.1, 0.3, 0.6, 0.8, 0.9, 0.95]) {
  const { p50Ms, p99Ms, meanRows } = simulate(replica, share * ceiling);
  const row = [`${share * 100} %`, round(share * ceiling), round(p50Ms, 2), round(p99Ms, 2), round(meanRows, 1)];
  console.log(`| ${row.join(' | ')} |`);
}
console.log(`\nA replica takes ${round(most)} requests/s with a p99 within ${within} ms.\n`);
console.log('| load, requests/s | replicas, and one to lose |\n|---|---|');
for (const load of [1000, 10_000, 100_000]) console.log(`| ${round(load)} | ${Math.ceil(load / most) + 1} |`);
for (const [name, perSecond] of [
  ['at that rate', most],
  ['at 60 %', 0.6 * ceiling],
] as const) {
  console.log(
    `\nA million answers ${name} take ${round(1e6 / perSecond, 0)} s of a replica: $${((price / 3600) * (1e6 / perSecond)).toFixed(4)} at $${price} an hour.`,
  );
}
