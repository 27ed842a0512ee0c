// npm run faithfulness: deletion curves. Cells of test sequences are replaced by the baseline, those first that a method
// holds for the most important, and the answer is watched as it falls: the sooner, the more faithful the method. Random orders stand
// beside it. Test sequences: 2015 for weather, storms from 2013 on; the tagger's are its golden sentences.
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { pino } from 'pino';
import { readInvocation } from '../src/config.ts';
import { randomNumbers } from '../src/proof/samples.ts';
import { patient } from '../src/service/caller.ts';
import { baselineOf, typicalOf } from '../src/service/explain/baseline.ts';
import { Cells } from '../src/service/explain/cells.ts';
import { type ExplainRequest, explain, type Method } from '../src/service/explain.ts';
import type { Model } from '../src/service/model.ts';
import { readSamples } from '../src/service/papers.ts';
import { Service } from '../src/service/service.ts';
import { VERSION } from '../src/version.ts';

const SEQUENCES = 40;
const POINTS = 10;
const RANDOM_ORDERS = 5;
/** Answers that hardly differ from the baseline's tell nothing. */
const LEAST = 0.1;
const METHODS: readonly Method[] = ['occlusion', 'shapley', 'integratedGradients'];
const random = randomNumbers(11);

type Cell = string | number;
const rowsOf = (text: string) =>
  text
    .trim()
    .split('\n')
    .slice(1)
    .map(line => line.replaceAll('"', '').split(','));
const dayOfYear = (date: Date) => 1 + Math.floor((date.getTime() - Date.UTC(date.getUTCFullYear())) / 86_400_000);

/** Fourteen days before days of 2015, in both cities. */
function weatherTest(): Cell[][][] {
  const rows = rowsOf(readFileSync('models/weather/recipe/weather.csv', 'utf8'));
  const days = rows.map(([city, date, ...rest]): Cell[] => {
    const numbers = rest.slice(0, 4).map(Number);
    return [...numbers, rest[4], dayOfYear(new Date(`${date}T00:00:00Z`)), city];
  });
  const ends = rows.flatMap(([, date], i) => (date.startsWith('2015') ? [i] : []));
  return everyNth(ends, SEQUENCES).map(end => days.slice(end - 14, end));
}

/** The first fixes of storms from 2013 on. */
function stormsTest(): Cell[][][] {
  const text = gunzipSync(readFileSync('models/storms/recipe/storms.csv.gz')).toString();
  const storms = new Map<string, Cell[][]>();
  for (const [, name, year, month, day, hour, lat, long, status, , wind, pressure] of rowsOf(text)) {
    if (Number(year) < 2013 || Number(hour) % 6 !== 0) continue;
    const date = new Date(Date.UTC(Number(year), Number(month) - 1, Number(day)));
    const numbers = [lat, long, wind, pressure].map(Number);
    const fixes = storms.get(`${name} ${year}`) ?? [];
    storms.set(`${name} ${year}`, [...fixes, [...numbers, status, dayOfYear(date)]]);
  }
  return everyNth(
    [...storms.values()].filter(fixes => fixes.length >= 12),
    SEQUENCES,
  ).map(fixes => fixes.slice(0, 12));
}

function everyNth<T>(all: readonly T[], count: number): T[] {
  const step = Math.max(1, Math.floor(all.length / count));
  return all.filter((_, i) => i % step === 0).slice(0, count);
}

/** The mean part of the answer that is left while cells are deleted in an order, from all of it to none. */
async function deletion(model: Model, cells: Cells, order: readonly number[], read: (answers: never) => number) {
  const points = Array.from({ length: POINTS + 1 }, (_, p) => {
    const point = new Float64Array(cells.count).fill(1);
    for (const cell of order.slice(0, Math.round((p / POINTS) * order.length))) point[cell] = 0;
    return cells.at(point);
  });
  const rows = await model.batcher.submit(points).rows;
  const outputs = rows.map(row => read(row as never));
  const [whole, none] = [outputs[0], outputs[POINTS]];
  return outputs.reduce((sum, value) => sum + (value - none) / (whole - none), 0) / outputs.length;
}

/** Areas by method, and of random orders, for one head of one model. */
async function measure(model: Model, head: string, sequences: readonly unknown[]) {
  const samples = (await readSamples(model)).map(({ sequence }, i) => model.parse(sequence, ['samples', i]));
  const typical = typicalOf(model.signature, samples);
  const areas: Record<string, number[]> = { random: [] };
  for (const value of sequences) {
    const sequence = model.parse(value, ['sequences', 0]);
    const cells = new Cells(model.signature, sequence, baselineOf(model.signature, sequence, 'reference', typical));
    const asked = (method: Method): ExplainRequest => ({
      sequences: [value],
      heads: [head],
      method,
      baseline: 'reference',
      budget: 4096,
    });
    const [{ heads }] = await explain(model, asked('occlusion'), patient(60_000));
    const [{ target, output, baselineOutput }] = heads;
    if (output - baselineOutput < LEAST) continue;
    const read = (row: never) => target.read(model.decoders[target.index](row));
    const all = [...Array(cells.count).keys()].filter(cell => cells.differs(cell));
    for (const method of METHODS) {
      if (method === 'integratedGradients' && model.signature.inputs.every(({ spec }) => spec.kind !== 'numeric'))
        continue;
      const [{ attributions }] = (await explain(model, asked(method), patient(60_000)))[0].heads;
      const order = all.toSorted((a, b) => attributions[b] - attributions[a]);
      areas[method] ??= [];
      areas[method].push(await deletion(model, cells, order, read));
    }
    const orders = Array.from({ length: RANDOM_ORDERS }, () => shuffled(all));
    const found = [];
    for (const order of orders) found.push(await deletion(model, cells, order, read));
    areas.random.push(mean(found));
  }
  return areas;
}

function shuffled(cells: readonly number[]): number[] {
  return cells
    .map(cell => ({ cell, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ cell }) => cell);
}
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
function withError(values: readonly number[]): string {
  const middle = mean(values);
  const variance = values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (values.length - 1);
  return `${middle.toFixed(2)} ± ${Math.sqrt(variance / values.length).toFixed(2)}`;
}

const invocation = readInvocation([], { POLYHEAD_EXECUTION_PROVIDER: 'cpu', POLYHEAD_WORKERS: '1' });
if (!('config' in invocation)) throw new Error('the default configuration cannot be printed');
const { config } = invocation;
const service = await Service.start({ ...config, version: VERSION, models: config }, pino({ level: 'error' }));
try {
  const tagger = service.models.get('tagger');
  const sentences = (await readSamples(tagger)).map(({ sequence }) => sequence as string[]);
  const plans: [string, string, readonly unknown[]][] = [
    ['weather', 'rain', weatherTest()],
    ['weather', 'weather', weatherTest()],
    ['storms', 'status', stormsTest()],
    ['tagger', 'genre', sentences.filter(words => words.length >= 3 && words.length <= 60)],
    ['tagger', 'upos', sentences.filter(words => words.length >= 3 && words.length <= 60)],
  ];
  console.log('| model, head | sequences | random | occlusion | shapley | integrated gradients |');
  console.log('|---|---|---|---|---|---|');
  for (const [name, head, sequences] of plans) {
    const areas = await measure(service.models.get(name), head, sequences);
    const cells = ['random', ...METHODS].map(method => (areas[method] ? withError(areas[method]) : '–'));
    console.log(`| ${name}, ${head} | ${areas.random.length} | ${cells.join(' | ')} |`);
  }
} finally {
  await service.close();
}
