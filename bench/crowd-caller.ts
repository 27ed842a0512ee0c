// The callers of bench:crowd, or its health checks: `crowd SECONDS PORT PIDS CONNECTIONS`, `health SECONDS PORT PIDS
// OPERATIONS-PORT`.
// They speak HTTP by hand over bare sockets, so that they take as little of the machine as they can.
import { readFileSync } from 'node:fs';
import net from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { SCENARIOS } from './bodies.ts';

const PAUSE_MS = 50;
const [what, seconds, port, pids, more] = process.argv.slice(2);
const endMs = performance.now() + 1000 * Number(seconds);
const [body] = SCENARIOS[0].bodies;
const PREDICT = `POST /v1/models/weather/predict HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
const LIVEZ = 'GET /livez HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n';

/** Milliseconds of a core that the busiest of the serving processes' main threads has had; Linux tells. */
function coreMs(): number {
  if (process.platform !== 'linux') return Number.NaN;
  const had = (pid: string) => Number(readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'utf8').split(' ')[0]) / 1e6;
  return Math.max(...pids.split(',').map(had));
}

/** Where a whole answer ends in the text, if it does. */
function endOfAnswer(text: string): boolean {
  const head = text.indexOf('\r\n\r\n');
  const length = /content-length: (\d+)/i.exec(text)?.[1];
  return head >= 0 && text.length >= head + 4 + Number(length ?? 0);
}

/** Milliseconds of first and later answers, of refusals and of connections that failed. */
async function crowd(connections: number): Promise<Record<string, number[]>> {
  const seen = {
    first: [] as number[],
    firstCore: [] as number[],
    later: [] as number[],
    refused: [] as number[],
    failed: [] as number[],
  };
  const fromCoreMs = coreMs();
  const sockets = Array.from({ length: connections }, () => {
    let fromMs = performance.now();
    let text = '';
    let answered = false;
    const socket = net.connect(Number(port), '127.0.0.1').setEncoding('latin1').setNoDelay();
    socket.on('data', chunk => {
      text += chunk;
      if (!endOfAnswer(text)) return;
      const nowMs = performance.now();
      const well = text.startsWith('HTTP/1.1 200');
      (!well ? seen.refused : answered ? seen.later : seen.first).push(nowMs - fromMs);
      if (well && !answered) seen.firstCore.push(coreMs() - fromCoreMs);
      answered = true;
      text = '';
      fromMs = nowMs;
      if (nowMs < endMs) socket.write(PREDICT);
    });
    socket.on('error', () => seen.failed.push(performance.now() - fromMs));
    socket.write(PREDICT);
    return socket;
  });
  await delay(endMs - performance.now());
  for (const socket of sockets) socket.destroy();
  return seen;
}

/** Milliseconds of each, from the connection to the end of the answer. One that never comes counts until the end. */
function livez(at: number): Promise<number> {
  const fromMs = performance.now();
  return new Promise(resolve => {
    const done = () => resolve(performance.now() - fromMs);
    const socket = net.connect(at, '127.0.0.1').once('error', done).once('close', done);
    socket.resume().end(LIVEZ);
  });
}

async function health(ports: Readonly<Record<string, number>>): Promise<Record<string, number[]>> {
  const cores: number[] = [];
  const look = async ([name, at]: [string, number]) => {
    const times: number[] = [];
    while (performance.now() < endMs) {
      const fromCoreMs = coreMs();
      times.push(await Promise.race([livez(at), delay(endMs - performance.now() + 5000, Infinity)]));
      if (name === 'port') cores.push(coreMs() - fromCoreMs);
      await delay(PAUSE_MS);
    }
    return [name, times] as const;
  };
  return { ...Object.fromEntries(await Promise.all(Object.entries(ports).map(look))), cores };
}

const seen =
  what === 'crowd' ? await crowd(Number(more)) : await health({ port: Number(port), operations: Number(more) });
process.send?.(seen, () => process.exit(0));
