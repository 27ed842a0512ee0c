// npm run bench:live [-- --seconds N --streams 250,500,1000]: steps over REST streams, live connections and gRPC streams side by
// side; and how many streams of RNNoise, a frame every 10 ms each, are answered before their next frame is there.
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { WebSocket } from 'ws';
import { GrpcClient } from '../test/support/client/grpc.ts';
import { day } from './bodies.ts';
import { cpuSeconds as familySeconds } from './cpu.ts';
import { poster } from './post.ts';
import { scrape, startServer } from './processes.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '5' },
    streams: { type: 'string', default: '50,100,250,500,1000' },
  },
});
const milliseconds = 1000 * Number(values.seconds);
const CALLERS = 64;
const FRAME_MS = 10;
const FRAME = new Uint8Array(Float32Array.from({ length: 42 }, (_, i) => Math.sin(i)).buffer);

/** One stream: makes a step and waits for its answer. */
type Step = () => Promise<void>;

interface Measured {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Of the server's processes, without the client's. */
  readonly cpuUs: number;
}

/** Every stream makes its steps one after the other, all at once, until the time is over. */
async function measure(url: string, streams: readonly Step[]): Promise<Measured> {
  const times: number[] = [];
  const round = async (ms: number, note: boolean) => {
    const start = performance.now();
    await Promise.all(
      streams.map(async step => {
        while (performance.now() - start < ms) {
          const began = performance.now();
          await step();
          if (note) times.push(performance.now() - began);
        }
      }),
    );
    return (performance.now() - start) / 1000;
  };
  await round(milliseconds / 4, false); // warm
  const before = await cpuSeconds(url);
  const seconds = await round(milliseconds, true);
  const cpu = (await cpuSeconds(url)) - before;
  times.sort((a, b) => a - b);
  const at = (share: number) => times[Math.floor(share * (times.length - 1))];
  return { perSecond: times.length / seconds, p50Ms: at(0.5), p99Ms: at(0.99), cpuUs: (1e6 * cpu) / times.length };
}

const cpuSeconds = async (url: string) => (await scrape(url)).get('process_cpu_seconds_total') ?? Number.NaN;

const { post, end } = poster(CALLERS);
async function restStream(url: string): Promise<Step> {
  const { stream } = await post(`${url}/v1/models/weather/streams`);
  return async () => void (await post(`${url}/v1/models/weather/streams/${stream}/steps`, { sequence: [day()] }));
}

/** A live connection, and what it hears. */
const connected = (url: string, model: string) => opened(`${url.replace('http', 'ws')}/v1/models/${model}/live`);

async function opened(url: string): Promise<WebSocket> {
  const socket = new WebSocket(url, { perMessageDeflate: false });
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  return socket;
}

async function liveStream(url: string): Promise<Step> {
  const socket = await connected(url, 'weather');
  return () =>
    new Promise((resolve, reject) => {
      socket.once('message', data => {
        const { error } = JSON.parse(String(data));
        error ? reject(new Error(error.detail)) : resolve();
      });
      socket.send(JSON.stringify({ sequence: [day()] }));
    });
}

/** One ModelStreamInfer of its own, whose sequence goes on with every request. */
function grpcStream(client: GrpcClient, id: number): Step {
  const stream = client.stream();
  const waiting: ((reply: { error_message: string }) => void)[] = [];
  stream.on('data', reply => waiting.shift()?.(reply));
  stream.on('error', () => {}); // it ends with the server
  let begun = false;
  return () =>
    new Promise((resolve, reject) => {
      waiting.push(({ error_message }) => (error_message ? reject(new Error(error_message)) : resolve()));
      const x = Float32Array.from([0.5, 12, 5, 4.7, 4, 100, 1]);
      stream.write({
        model_name: 'weather',
        parameters: { sequence_id: { int64_param: id }, sequence_start: { bool_param: !begun } },
        inputs: [
          { name: 'x', datatype: 'FP32', shape: [1, 1, 7] },
          { name: 'lengths', datatype: 'INT64', shape: [1] },
        ],
        raw_input_contents: [Buffer.from(x.buffer), Buffer.from(BigInt64Array.of(1n).buffer)],
      });
      begun = true;
    });
}

interface Held {
  readonly frames: number;
  /** Answered later than when the next frame was due. */
  readonly late: number;
  readonly p99Ms: number;
  readonly cpuUs: number;
}

/** What a frame and its answer cost a server that does nothing else, in µs of CPU: a live connection's ceiling. */
async function bareUs(): Promise<number> {
  const server = await startServer('dist/bench/frames.js', port => [`${port}`]);
  const sockets = await Promise.all(Array.from({ length: CALLERS }, () => opened(server.url.replace('http', 'ws'))));
  let answers = 0;
  for (const socket of sockets) {
    socket.on('message', () => {
      answers++;
      socket.send(FRAME);
    });
    socket.send(FRAME);
  }
  await new Promise(resolve => setTimeout(resolve, milliseconds / 4)); // warm
  const [before, count] = [familySeconds(server.pid), answers];
  await new Promise(resolve => setTimeout(resolve, milliseconds));
  const us = (1e6 * (familySeconds(server.pid) - before)) / (answers - count);
  for (const socket of sockets) socket.terminate();
  await server.end();
  return us;
}

/** So many streams of a frame every 10 ms each, spread over those, for the time given. */
async function hold(url: string, streams: number): Promise<Held> {
  const sockets: WebSocket[] = [];
  for (let i = 0; i < streams; i += 50) {
    const some = Array.from({ length: Math.min(50, streams - i) }, () => connected(url, 'rnnoise'));
    sockets.push(...(await Promise.all(some)));
  }
  const times: number[] = [];
  const due: number[][] = sockets.map(() => []);
  sockets.forEach((socket, i) => {
    socket.on('message', () => times.push(performance.now() - (due[i].shift() as number)));
  });
  const before = await cpuSeconds(url);
  const start = performance.now();
  const sent = sockets.map(() => 0);
  const total = Math.floor(milliseconds / FRAME_MS);
  await new Promise<void>(resolve => {
    const send = () => {
      const now = performance.now() - start;
      let missing = 0;
      sockets.forEach((socket, i) => {
        // A stream's frames fall due at its own place within the 10 ms.
        const offset = (FRAME_MS * i) / sockets.length;
        for (; sent[i] < total && offset + FRAME_MS * sent[i] <= now; sent[i]++) {
          due[i].push(start + offset + FRAME_MS * sent[i]);
          socket.send(FRAME);
        }
        missing += total - sent[i];
      });
      missing > 0 ? setTimeout(send, 1) : resolve();
    };
    send();
  });
  const expected = total * streams;
  for (let waited = 0; times.length < expected && waited < 2 * milliseconds; waited += 50)
    await new Promise(resolve => setTimeout(resolve, 50));
  const cpu = (await cpuSeconds(url)) - before;
  for (const socket of sockets) socket.terminate();
  times.sort((a, b) => a - b);
  const late = expected - times.length + times.filter(ms => ms > FRAME_MS).length;
  const p99Ms = times[Math.floor(0.99 * (times.length - 1))];
  return { frames: expected, late, p99Ms, cpuUs: (1e6 * cpu) / times.length };
}

const load = existsSync('/proc/loadavg') ? readFileSync('/proc/loadavg', 'utf8').split(' ')[0] : '?';
console.log(
  `${os.cpus()[0]?.model}, ${os.availableParallelism()} cores, shared with this client; load ${load} before; one step of one day a message, ${CALLERS} streams`,
);
const grpcPort = 20_000 + Math.floor(Math.random() * 10_000);
const repository = mkdtempSync(path.join(os.tmpdir(), 'polyhead-bench-'));
for (const model of ['weather', 'rnnoise'])
  cpSync(`models/${model}/1`, path.join(repository, model, '1'), { recursive: true });
const args = ['--log-level', 'error', '--model-repository', repository, '--grpc-port', `${grpcPort}`];
const server = await startServer('dist/src/main.js', port => ['--port', `${port}`, ...args]);
const client = new GrpcClient(grpcPort);
try {
  const each = <T>(make: (i: number) => T) => Promise.all(Array.from({ length: CALLERS }, (_, i) => make(i)));
  console.log('| steps over | steps/s | p50 ms | p99 ms | CPU µs a step |\n|---|---|---|---|---|');
  for (const [name, streams] of [
    ['REST streams', await each(() => restStream(server.url))],
    ['live connections', await each(() => liveStream(server.url))],
    ['gRPC ModelStreamInfer', await each(async i => grpcStream(client, i + 1))],
  ] as const) {
    const { perSecond, p50Ms, p99Ms, cpuUs } = await measure(server.url, streams);
    console.log(
      `| ${name} | ${perSecond.toFixed(0)} | ${p50Ms.toFixed(1)} | ${p99Ms.toFixed(1)} | ${cpuUs.toFixed(0)} |`,
    );
  }
  console.log(
    '\n| streams of RNNoise, 10 ms a frame | frames | late | p99 ms | CPU µs a frame |\n|---|---|---|---|---|',
  );
  console.log(`| a bare server of frames, for comparison | | | | ${(await bareUs()).toFixed(0)} |`);
  for (const streams of values.streams.split(',').map(Number)) {
    const { frames, late, p99Ms, cpuUs } = await hold(server.url, streams);
    const share = ((100 * late) / frames).toFixed(2);
    console.log(`| ${streams} | ${frames} | ${late} (${share} %) | ${p99Ms.toFixed(1)} | ${cpuUs.toFixed(0)} |`);
  }
} finally {
  end();
  client.close();
  await server.end();
  rmSync(repository, { recursive: true });
}
process.exit(); // sockets of streams that were left open
