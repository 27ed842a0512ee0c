// The real server as a process of its own, started on a free port.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { until } from '../runner/until.ts';
import { FIXTURES, PATIENCE_MS, ROOT } from './service.ts';

export interface Outcome {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ServerProcess {
  readonly origin: string;
  readonly outcome: Promise<Outcome>;
  /** Standard output so far, which is the log. */
  log(): string;
  kill(signal: NodeJS.Signals): void;
  /** Ends it at once if it still runs: for the end of a test. */
  readonly stop: () => Promise<Outcome>;
}

export interface Launch {
  readonly args?: readonly string[];
  readonly env?: Record<string, string>;
  /** The script to run, from the compiled root. */
  readonly script?: string;
  /** What runs it, if not this Node alone: such as an emulator, and Node. */
  readonly node?: readonly string[];
}

/** When a start is taken to hang: far beyond what a slow machine needs to prove every model. */
const HANGS_MS = 3_600_000;

const DEFAULTS = {
  LOG_LEVEL: 'info',
  POLYHEAD_MODEL_REPOSITORY: FIXTURES,
  POLYHEAD_EXECUTION_PROVIDER: 'cpu',
  POLYHEAD_WORKERS: '1',
  POLYHEAD_CERTIFICATE_CACHE: 'false',
  POLYHEAD_REQUEST_TIMEOUT_MS: PATIENCE_MS,
};

function launch({ args = [], env = {}, script = 'src/main.js', node = [process.execPath] }: Launch) {
  const child = spawn(node[0], [...node.slice(1), `${ROOT}dist/${script}`, ...args], {
    cwd: ROOT,
    env: { PATH: process.env.PATH, ...DEFAULTS, ...env },
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', text => {
    output.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', text => {
    output.stderr += text;
  });
  process.once('exit', () => child.kill('SIGKILL')); // in case no test stopped it
  const outcome: Promise<Outcome> = once(child, 'close').then(([code, signal]) => ({ code, signal, ...output }));
  return { child, output, outcome };
}

/** Runs it to its own end: for starts that fail and for texts it prints. */
export function runProcess(options: Launch): Promise<Outcome> {
  return launch(options).outcome;
}

/** Starts it on a free port and waits until it says that its models are loaded. */
export function startProcess(options: Launch = {}): Promise<ServerProcess> {
  return start(options, /the page is at (https?:\/\/127\.0\.0\.1:\d+)/);
}

/** Starts it on a free port and waits only until it listens: models may still be loading. */
export function listening(options: Launch = {}): Promise<ServerProcess> {
  return start(options, /Server listening at (https?:\/\/127\.0\.0\.1:\d+)/);
}

async function start(options: Launch, sign: RegExp): Promise<ServerProcess> {
  const { child, output, outcome } = launch({ ...options, args: ['--port', '0', ...(options.args ?? [])] });
  const stop = () => {
    child.kill('SIGKILL');
    return outcome;
  };
  const origin = await until(
    `the server says ${sign.source}`,
    () => {
      if (child.exitCode !== null) throw new Error(`the server ended: ${output.stderr}${output.stdout}`);
      return sign.exec(output.stdout)?.[1];
    },
    HANGS_MS,
  ).catch(async error => {
    await stop();
    throw error;
  });
  return { origin, outcome, stop, log: () => output.stdout, kill: signal => child.kill(signal) };
}
