// The compiled command as a process of its own, as people run it.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { ROOT } from '../server/service.ts';

export interface Result {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Invocation {
  /** What is written to its standard input, which then ends. */
  readonly input?: string;
  readonly env?: Record<string, string>;
  /** What runs it, if not this Node alone: such as an emulator, and Node. */
  readonly node?: readonly string[];
}

/** When a run is taken to hang. */
const HANGS_MS = 3_600_000;

/** Runs `polyhead <args>` in the repository's root to its end. */
export async function polyhead(
  args: readonly string[],
  { input = '', env = {}, node = [process.execPath] }: Invocation = {},
): Promise<Result> {
  const child = spawn(node[0], [...node.slice(1), `${ROOT}dist/src/cli/polyhead.js`, ...args], {
    cwd: ROOT,
    env: {
      PATH: process.env.PATH,
      POLYHEAD_EXECUTION_PROVIDER: 'cpu',
      POLYHEAD_WORKERS: '1',
      POLYHEAD_CERTIFICATE_CACHE: 'false',
      ...env,
    },
    timeout: HANGS_MS,
    killSignal: 'SIGKILL',
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', text => {
    output.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', text => {
    output.stderr += text;
  });
  child.stdin.on('error', () => {}); // it may end before it has read everything
  child.stdin.end(input);
  const [code] = await once(child, 'close');
  return { code, ...output };
}

/** Standard output of a run that must succeed without a word on standard error. */
export async function answerOf(args: readonly string[], invocation?: Invocation): Promise<string> {
  const { code, stdout, stderr } = await polyhead(args, invocation);
  assert.deepEqual([code, stderr], [0, ''], args.join(' '));
  return stdout;
}

/** The sentence with which a run must fail: one line, no stack, nothing on standard output but `stdout`. */
export async function faultOf(args: readonly string[], invocation?: Invocation, code = 1): Promise<string> {
  const result = await polyhead(args, invocation);
  assert.equal(result.code, code, result.stderr);
  assert.match(result.stderr, /^polyhead: /);
  assert.doesNotMatch(result.stderr, /\n\s+at |Error:/);
  const lines = result.stderr.trimEnd().split('\n');
  assert.equal(lines.length, code === 2 ? 2 : 1, result.stderr);
  return result.stderr;
}
