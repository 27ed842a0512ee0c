// How long a start takes and how much memory it leaves, with 1, 8 and 50 models: cold, and with the certificates of an earlier
// start. CPU seconds stand beside the clock's, for a machine that does other things too.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const ROOT = path.resolve(import.meta.dirname, '../..');
const MODELS = [
  'weather',
  'lstm-stack',
  'recurrent',
  'storms',
  'tagger',
  'two-cities',
  'weather-gru',
  'weather-quantised',
];
/** The clock of /proc/<pid>/stat. */
const TICKS_A_SECOND = 100;
/** When processes that proved have ended, and their time is counted. */
const SETTLE_MS = 4000;
const MIB = 1024 * 1024;

interface Start {
  readonly listensMs: number;
  readonly readyMs: number;
  readonly cpuSeconds: number;
  readonly mebibytes: number;
}

function repositoryOf(count: number, folder: string): string {
  const repository = path.join(folder, `${count}`);
  for (let i = 0; i < count; i++) {
    const name = MODELS[i % MODELS.length];
    const as = i < MODELS.length ? name : `${name}-${Math.floor(i / MODELS.length)}`;
    cpSync(path.join(ROOT, 'models', name), path.join(repository, as), {
      recursive: true,
      filter: file => path.basename(file) !== 'recipe',
    });
  }
  return repository;
}

async function start(repository: string): Promise<Start> {
  const beginMs = performance.now();
  const server = spawn(process.execPath, [path.join(ROOT, 'dist/src/main.js'), '--port', '0'], {
    env: { PATH: process.env.PATH, POLYHEAD_MODEL_REPOSITORY: repository, POLYHEAD_EXECUTION_PROVIDER: 'cpu' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let log = '';
  let listensMs = Number.NaN;
  const readyMs = await new Promise<number>((resolve, reject) => {
    server.once('exit', code => reject(new Error(`the server ended with ${code}`)));
    server.stdout.setEncoding('utf8').on('data', text => {
      log += text;
      if (Number.isNaN(listensMs) && log.includes('Server listening')) listensMs = performance.now() - beginMs;
      if (log.includes('ready: the page')) resolve(performance.now() - beginMs);
    });
  });
  await delay(SETTLE_MS);
  const stat = readFileSync(`/proc/${server.pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  const ticks = stat.slice(11, 15).reduce((sum, field) => sum + Number(field), 0); // its own and its children's, user and system
  const resident = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, 'utf8'))?.[1];
  server.kill('SIGTERM');
  await once(server, 'exit');
  return { listensMs, readyMs, cpuSeconds: ticks / TICKS_A_SECOND, mebibytes: (Number(resident) * 1024) / MIB };
}

const counts = process.argv.length > 2 ? process.argv.slice(2).map(Number) : [1, 8, 50];
const folder = mkdtempSync(path.join(tmpdir(), 'polyhead-starts-'));
const seconds = (ms: number) => (ms / 1000).toFixed(2);
try {
  console.log(`${cpus()[0]?.model}, ${cpus().length} cores, Node ${process.version}\n`);
  console.log('| models | certificates | listens, s | ready, s | CPU, s | memory, MiB |');
  console.log('|---|---|---|---|---|---|');
  for (const count of counts) {
    const repository = repositoryOf(count, folder);
    for (const certificates of ['none', 'kept']) {
      const { listensMs, readyMs, cpuSeconds, mebibytes } = await start(repository);
      const cells = [
        count,
        certificates,
        seconds(listensMs),
        seconds(readyMs),
        cpuSeconds.toFixed(1),
        Math.round(mebibytes),
      ];
      console.log(`| ${cells.join(' | ')} |`);
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
