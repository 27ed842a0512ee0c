// Drives a server for a while: with wrk where it is installed, else with autocannon.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import autocannon from 'autocannon';

export interface LoadResult {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  /** With autocannon this is the 97.5th percentile: it does not tell the 95th. */
  readonly p95Ms: number;
  readonly p99Ms: number;
  /** Replies other than 200, and requests without one. */
  readonly failures: number;
}

/** A request's body, and its headers where it is not plain JSON. */
export interface Payload {
  readonly body: Buffer;
  readonly headers: Readonly<Record<string, string>>;
}

const JSON_HEADERS = { 'content-type': 'application/json' };

export const GENERATOR = spawnSync('wrk', ['-v']).error ? 'autocannon' : 'wrk';

export function drive(
  url: string,
  bodies: readonly (string | Payload)[],
  connections: number,
  seconds: number,
): Promise<LoadResult> {
  const payloads = bodies.map(body =>
    typeof body === 'string' ? { body: Buffer.from(body), headers: JSON_HEADERS } : body,
  );
  return GENERATOR === 'wrk' ? wrk(url, payloads, connections, seconds) : cannon(url, payloads, connections, seconds);
}

/** Bytes as a Lua string. */
function luaText(bytes: Buffer): string {
  return `'${Array.from(bytes, byte =>
    byte < 32 || byte > 126 || byte === 39 || byte === 92
      ? `\\${`${byte}`.padStart(3, '0')}`
      : String.fromCharCode(byte),
  ).join('')}'`;
}

async function wrk(
  url: string,
  payloads: readonly Payload[],
  connections: number,
  seconds: number,
): Promise<LoadResult> {
  const folder = mkdtempSync(path.join(tmpdir(), 'polyhead-bench-'));
  try {
    const script = path.join(folder, 'load.lua');
    writeFileSync(
      script,
      `local bodies = {${payloads.map(({ body }) => luaText(body)).join(',')}}
local headers = {${Object.entries(payloads[0].headers).map(([name, value]) => `['${name}'] = '${value}'`)}}
local requests, next_one = {}, 0
init = function()
  for i, body in ipairs(bodies) do
    requests[i] = wrk.format('POST', nil, headers, body)
  end
end
request = function()
  next_one = next_one % #requests + 1
  return requests[next_one]
end
done = function(summary, latency)
  local e = summary.errors
  io.write(string.format('RESULT %d %d %f %f %f %d\\n', summary.requests, summary.duration, latency:percentile(50),
    latency:percentile(95), latency:percentile(99), e.connect + e.read + e.write + e.status + e.timeout))
end
`,
    );
    const args = ['-t', '1', '-c', `${connections}`, '-d', `${seconds}s`, '--timeout', '10s', '-s', script, url];
    const { stdout } = spawnSync('wrk', args, { encoding: 'utf8' });
    const [requests, durationUs, p50, p95, p99, failures] = (/RESULT (.*)/.exec(stdout)?.[1] ?? '')
      .split(' ')
      .map(Number);
    const ms = 1000;
    return {
      requestsPerSecond: requests / (durationUs / 1e6),
      p50Ms: p50 / ms,
      p95Ms: p95 / ms,
      p99Ms: p99 / ms,
      failures,
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function cannon(
  url: string,
  payloads: readonly Payload[],
  connections: number,
  seconds: number,
): Promise<LoadResult> {
  const requests = payloads.map(payload => ({ method: 'POST' as const, ...payload }));
  const result = await autocannon({ url, connections, duration: seconds, requests });
  return {
    requestsPerSecond: result.requests.average,
    p50Ms: result.latency.p50,
    p95Ms: result.latency.p97_5,
    p99Ms: result.latency.p99,
    failures: result.non2xx + result.errors,
  };
}
