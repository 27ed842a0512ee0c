// polyhead bench: the same loads against any server of REST version 1 or the Open Inference Protocol v2, several in turn.
import { SHAPES } from './bench/bodies.ts';
import { drive, type Measured } from './bench/load.ts';
import { type Asked, requestsOf } from './bench/requests.ts';
import { type Command, readArguments, UsageError } from './command.ts';
import { table } from './text.ts';

export const benchCommand: Command = {
  name: 'bench',
  usage:
    'polyhead bench URL... [--loads W1,W2,W3] [--connections 1,16,64] [--seconds N] [--rounds N] [--body FILE] [--binary] [--key KEY] [--json]',
  summary: 'Requests a second, latency and CPU of servers under the same loads.',
  details: [
    ['URL', 'where requests go: …/v1/models/NAME/predict, or …/v2/models/NAME/infer of any server of that protocol'],
    ['', 'several are measured turn by turn, and compared with the first: only neighbours in time compare'],
    [
      '--loads',
      Object.entries(SHAPES)
        .map(([key, { name }]) => `${key}: ${name}`)
        .join('; '),
    ],
    ['--connections', 'callers at once, each with its next request as soon as it has an answer'],
    ['--seconds', 'how long each turn takes; 3 if left out'],
    ['--rounds', 'turns of each, of which the medians are told; 3 if left out'],
    ['--body FILE', 'this request, in place of the loads'],
    ['--binary', 'tensors as bytes behind the JSON (v2)'],
    ['--key KEY', 'sent as Authorization: Bearer'],
    ['--json', 'the figures of every turn as JSON'],
  ],
  run,
};

interface Options extends Asked {
  readonly loads: readonly string[];
  readonly connections: readonly number[];
  readonly seconds: number;
  readonly rounds: number;
}

interface Turn extends Measured {
  /** CPU microseconds a request of all processes of the server, where it tells them; the load itself is not in it. */
  readonly cpuUs?: number;
}

interface Cell {
  readonly url: string;
  readonly load: string;
  readonly connections: number;
  readonly turns: readonly Turn[];
}

async function run(args: readonly string[]): Promise<void> {
  const { values, positionals } = readArguments(benchCommand, args, [1, 16], {
    loads: { type: 'string', default: 'W1,W2,W3' },
    connections: { type: 'string', default: '1,16,64' },
    seconds: { type: 'string', default: '3' },
    rounds: { type: 'string', default: '3' },
    body: { type: 'string' },
    binary: { type: 'boolean', default: false },
    key: { type: 'string' },
    json: { type: 'boolean', default: false },
  });
  const number = (name: string, text: string, least: number, most: number) => {
    const value = Number(text);
    if (value >= least && value <= most) return value;
    throw new UsageError(`--${name} is "${text}", expected a number from ${least} to ${most}`, benchCommand.usage);
  };
  const urls = positionals.map(urlOf);
  const loads = values.body === undefined ? values.loads.split(',') : [values.body];
  const unknown = loads.find(load => values.body === undefined && !Object.hasOwn(SHAPES, load));
  if (unknown !== undefined) {
    const known = Object.keys(SHAPES).join(', ');
    throw new UsageError(`--loads: there is no load "${unknown}", only ${known}`, benchCommand.usage);
  }
  const options: Options = {
    loads,
    connections: values.connections.split(',').map(text => number('connections', text, 1, 100_000)),
    seconds: number('seconds', values.seconds, 0.01, 3600),
    rounds: number('rounds', values.rounds, 1, 1000),
    file: values.body,
    binary: values.binary,
    key: values.key,
  };
  const cells: Cell[] = [];
  for (const load of loads) {
    const requests = await Promise.all(urls.map(url => requestsOf(url, SHAPES[load], options)));
    for (const connections of options.connections) {
      cells.push(...(await measure(urls, load, connections, requests, options)));
    }
  }
  console.log(values.json ? JSON.stringify(cells, null, 2) : tableOf(cells, urls[0].href).join('\n'));
}

/** @throws {UsageError} */
function urlOf(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url && /^https?:$/.test(url.protocol) && /\/(predict|infer)$/.test(url.pathname)) return url;
  throw new UsageError(`"${text}" is no URL that ends in /predict or /infer`, benchCommand.usage);
}

/** Every target in turn, round by round. */
async function measure(
  urls: readonly URL[],
  load: string,
  connections: number,
  requests: readonly (readonly Buffer[])[],
  { seconds, rounds }: Options,
): Promise<Cell[]> {
  const turns: Turn[][] = urls.map(() => []);
  for (let round = 0; round <= rounds; round++) {
    for (const [i, url] of urls.entries()) {
      const before = await cpuSeconds(url);
      const measured = await drive({ url, requests: requests[i], connections, seconds });
      const spent = (await cpuSeconds(url)) - before;
      if (round === 0) continue; // warms up
      const answered = measured.requestsPerSecond * measured.elapsedS;
      turns[i].push({ ...measured, ...(spent >= 0 ? { cpuUs: (1e6 * spent) / answered } : {}) });
    }
  }
  return urls.map((url, i) => ({ url: url.href, load, connections, turns: turns[i] }));
}

/** What the server's metrics tell of its processes; NaN where it tells nothing. */
async function cpuSeconds(url: URL): Promise<number> {
  const reply = await fetch(new URL('/metrics', url)).catch(() => undefined);
  const text = reply ? await reply.text() : '';
  return Number(/^process_cpu_seconds_total(?:\{[^}]*\})? (\S+)$/m.exec(text)?.[1] ?? Number.NaN);
}

const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

function tableOf(cells: readonly Cell[], first: string): string[] {
  const header = [
    'load',
    'callers',
    'url',
    'requests/s',
    'ratio',
    'CPU us',
    'p50 ms',
    'p95',
    'p99',
    'first p99',
    'failed',
  ];
  const rows = cells.map(cell => {
    const { url, load, connections, turns } = cell;
    const base = cells.find(c => c.url === first && c.load === load && c.connections === connections) as Cell;
    const of = (read: (turn: Turn) => number, digits: number) => median(turns.map(read)).toFixed(digits);
    const ratio = median(turns.map((turn, i) => turn.requestsPerSecond / base.turns[i].requestsPerSecond));
    const failures: Record<string, number> = {};
    for (const [reason, count] of turns.flatMap(turn => Object.entries(turn.failures)))
      failures[reason] = (failures[reason] ?? 0) + count;
    const failed = Object.entries(failures).map(([reason, count]) => `${count} x ${reason}`);
    return [
      load,
      `${connections}`,
      url,
      of(turn => turn.requestsPerSecond, 0),
      ratio.toFixed(2),
      turns.every(turn => turn.cpuUs === undefined) ? '-' : of(turn => turn.cpuUs ?? Number.NaN, 0),
      of(turn => turn.p50Ms, 2),
      of(turn => turn.p95Ms, 2),
      of(turn => turn.p99Ms, 2),
      of(turn => turn.firstP99Ms, 2),
      failed.join(', ') || '0',
    ];
  });
  return table([header, ...rows], { right: [1, 3, 4, 5, 6, 7, 8, 9] });
}
