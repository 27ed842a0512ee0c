// The Open Inference Protocol in the benchmark: one sequence as JSON, and 32 as JSON against the same 32 as bytes.
import { day } from './bodies.ts';
import { drive, type LoadResult, type Payload } from './load.ts';

export const INFER = '/v2/models/weather/infer';
export const HEADS = ['rain', 'weather', 'temp_max', 'temp_min', 'wind'];
const STEPS = 10;
const STATE = ['hn', 'cn'];

interface Form {
  readonly name: string;
  readonly connections: number;
  readonly payloads: readonly Payload[];
}

interface Row {
  readonly form: Form;
  readonly results: LoadResult[];
}

/** Lines of a Markdown table: each form's rate, and of bytes the ratio to JSON, round by round side by side. */
export async function protocolTable(url: string, rounds: number, seconds: number): Promise<string[]> {
  const { outputs } = (await (await fetch(`${url}/v2/models/weather`)).json()) as { outputs: { name: string }[] };
  const heads = outputs.map(({ name }) => name).filter(name => !STATE.includes(name));
  const payloads = (rows: number, binary: boolean) => Array.from({ length: 16 }, () => payload(rows, binary, heads));
  const single: Form = { name: 'v2 JSON, one sequence of 10 steps', connections: 64, payloads: payloads(1, false) };
  const json: Form = { name: 'v2 JSON, 32 sequences of 10 steps', connections: 16, payloads: payloads(32, false) };
  const bytes: Form = { name: 'v2 binary, 32 sequences of 10 steps', connections: 16, payloads: payloads(32, true) };
  const rows = [single, json, bytes].map((form): Row => ({ form, results: [] }));
  const load = ({ form }: Row, time: number) => drive(url + INFER, form.payloads, form.connections, time);
  for (const row of rows) await load(row, 1);
  for (let round = 0; round < rounds; round++) for (const row of rows) row.results.push(await load(row, seconds));
  const rates = rows.map(row => row.results.map(result => result.requestsPerSecond));
  const ratio = median(rates[2].map((rate, round) => rate / rates[1][round]));
  const lines = rows.map(({ form, results }, r) => {
    const of = (read: (result: LoadResult) => number, digits: number) => median(results.map(read)).toFixed(digits);
    const failures = results.reduce((sum, result) => sum + result.failures, 0);
    const against = r === 2 ? `**${ratio.toFixed(2)}**` : '';
    const rate = median(rates[r]).toFixed(0);
    return [form.name, form.connections, rate, against, of(x => x.p50Ms, 2), of(x => x.p99Ms, 2), failures];
  });
  const header = ['protocol', 'conn', 'req/s', '/JSON', 'p50 ms', 'p99', 'failed'];
  return [header, header.map(() => '---'), ...lines].map(cells => `| ${cells.join(' | ')} |`);
}

export function payload(rows: number, binary: boolean, heads: readonly string[]): Payload {
  const days = Array.from({ length: rows * STEPS }, day);
  const x = days.flat();
  const lengths = new Array<number>(rows).fill(STEPS);
  const shapes = [
    { name: 'x', datatype: 'FP32', shape: [rows, STEPS, days[0].length] },
    { name: 'lengths', datatype: 'INT64', shape: [rows] },
  ];
  const outputs = heads.map(name => ({ name, parameters: { binary_data: binary } }));
  if (!binary) {
    const inputs = [x, lengths].map((data, i) => ({ ...shapes[i], data }));
    return { body: Buffer.from(JSON.stringify({ inputs, outputs })), headers: { 'content-type': 'application/json' } };
  }
  const parts = [Float32Array.from(x), BigInt64Array.from(lengths, BigInt)].map(data => Buffer.from(data.buffer));
  const inputs = parts.map((part, i) => ({ ...shapes[i], parameters: { binary_data_size: part.length } }));
  const json = Buffer.from(JSON.stringify({ inputs, outputs }));
  return {
    body: Buffer.concat([json, ...parts]),
    headers: { 'content-type': 'application/octet-stream', 'inference-header-content-length': `${json.length}` },
  };
}

const median = (values: number[]) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
