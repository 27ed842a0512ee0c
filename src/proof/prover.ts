// Proves models in processes of their own, bounded in time and memory: a graph that never ends or crashes fails alone.
import { type ChildProcess, fork, type StdioOptions } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { environmentWith } from '../core/environment.ts';
import { LoadError } from '../core/errors.ts';
import { Slots } from '../core/slots.ts';
import type { SessionOptions } from '../runtime/messages.ts';
import type { Finding } from './finding.ts';
import type { Candidate } from './prove.ts';
import type { Reach } from './reach.ts';

export interface Task extends Candidate {
  readonly session: SessionOptions;
  /** How many CPU workers would serve the model. */
  readonly workers: number;
  /** The most memory that a run may take. */
  readonly runBytes: number;
  /** What an earlier proof found of that. */
  readonly reach?: Reach;
}

export type FromProver =
  | { readonly type: 'proved'; readonly finding: Finding }
  | { readonly type: 'refused'; readonly file?: string; readonly what: string; readonly expected: boolean };

export interface ProverOptions {
  /** Proofs that go on at once; those that take long let as many others go beside them. */
  readonly processes: number;
  /** Longest proof of one model. */
  readonly timeoutMs: number;
  /** Most resident memory of a proof; looked at where the system tells it (Linux). */
  readonly memoryBytes: number;
}

const CHILD_FILE = new URL('./prover-child.js', import.meta.url);
/** How long a proof goes before those that wait. */
const PATIENCE_MS = 5000;
const MEMORY_EVERY_MS = 200;
/** How long a process waits for another model before it ends. */
const IDLE_MS = 2000;
const MIB = 1024 * 1024;
/** To glibc: what was freed goes back to the system, so that what the next model takes is seen although the process is the same. */
const GIVES_BACK = { MALLOC_MMAP_THRESHOLD_: String(MIB) };

export class Prover {
  readonly #options: ProverOptions;
  #idle: ChildProcess[] = [];
  readonly #slots: Slots;
  /** For proofs that take long: they let others go before, but not any number of them. */
  readonly #long: Slots;
  readonly #busy = new Set<ChildProcess>();
  #closed = false;

  constructor(options: ProverOptions) {
    this.#options = options;
    this.#slots = new Slots(options.processes);
    this.#long = new Slots(options.processes);
  }

  /** @throws {LoadError} one readable line: what does not hold, or how the process ended. */
  async prove(task: Task): Promise<Finding> {
    const free = await this.#slots.take();
    if (this.#closed) {
      free();
      throw new LoadError('not proved: the server ends');
    }
    const yields = this.#yieldLater(free);
    let child: ChildProcess | undefined;
    try {
      child = this.#idle.findLast(({ connected }) => connected) ?? startChild();
      this.#idle = this.#idle.filter(other => other !== child && other.connected);
      this.#busy.add(child);
      return await this.#proveIn(child, task);
    } finally {
      if (child) this.#busy.delete(child);
      yields();
      free();
    }
  }

  /** A graph that takes long, perhaps for ever, does not keep the others waiting. Gives the way to end that. */
  #yieldLater(free: () => void): () => void {
    let freeLong = () => {};
    let ended = false;
    const patience = setTimeout(async () => {
      freeLong = await this.#long.take();
      if (ended) freeLong();
      else free();
    }, PATIENCE_MS);
    return () => {
      ended = true;
      clearTimeout(patience);
      freeLong();
    };
  }

  /** Ends every process; what is being proved or waits for its turn fails. */
  close(): void {
    this.#closed = true;
    for (const child of [...this.#idle.splice(0), ...this.#busy]) child.kill('SIGKILL');
  }

  async #proveIn(child: ChildProcess, task: Task): Promise<Finding> {
    child.ref();
    const end = new AbortController();
    let verdict: string | undefined;
    const kill = (why: string) => {
      verdict = why;
      child.kill('SIGKILL');
    };
    const { timeoutMs, memoryBytes } = this.#options;
    const clock = setTimeout(() => kill(`not proved within ${timeoutMs} ms (POLYHEAD_LOAD_TIMEOUT_MS)`), timeoutMs);
    const scale = setInterval(() => {
      if (residentBytes(child.pid) > memoryBytes)
        kill(`needs more than ${Math.round(memoryBytes / MIB)} MiB (POLYHEAD_LOAD_MEMORY_BYTES)`);
    }, MEMORY_EVERY_MS);
    try {
      if (!child.connected) throw new LoadError('not proved: no process could be started');
      child.send(task);
      const message = (await Promise.race([
        once(child, 'message', end).then(([said]) => said),
        once(child, 'exit', end).then(([code, signal]) => ended(verdict, code, signal)),
      ])) as FromProver;
      if (message.type === 'proved') {
        this.#keep(child);
        return message.finding;
      }
      if (child.connected) this.#keep(child);
      throw refusal(message);
    } finally {
      end.abort();
      clearTimeout(clock);
      clearInterval(scale);
    }
  }

  /** The next model may have this process; it does not keep ours alive. */
  #keep(child: ChildProcess): void {
    child.unref();
    child.channel?.unref();
    this.#idle.push(child);
    setTimeout(() => {
      const place = this.#idle.indexOf(child);
      if (place < 0) return;
      this.#idle.splice(place, 1);
      child.kill('SIGKILL');
    }, IDLE_MS).unref();
  }
}

/** A process that was not to be had, for want of files or processes, has no channel and says so later: that must not end this one. */
function startChild(): ChildProcess {
  const env = environmentWith(GIVES_BACK);
  return fork(CHILD_FILE, { serialization: 'advanced', execArgv: [], stdio: STDIO, env }).on('error', () => {});
}

/** What a runtime prints on its way down is no line of ours. */
const STDIO: StdioOptions = ['ignore', 'ignore', 'ignore', 'ipc'];

/** No graph sends them: they came before the process heard signals. */
const FROM_OUTSIDE = new Set(['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT']);

function ended(verdict: string | undefined, code: number | null, signal: string | null): FromProver {
  const how = signal ? `signal ${signal}` : `code ${code}`;
  const why =
    signal !== null && FROM_OUTSIDE.has(signal)
      ? `not proved: its process was told to end (${how})`
      : `the graph makes the process that tries it end (${how})`;
  return { type: 'refused', what: verdict ?? why, expected: true };
}

/** Pages in memory, from /proc; 0 where that is not told. */
function residentBytes(pid: number | undefined): number {
  try {
    return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * 4096;
  } catch {
    return 0;
  }
}

function refusal({ file, what, expected }: Extract<FromProver, { type: 'refused' }>): Error {
  if (!expected) return new Error(what);
  return file === undefined ? new LoadError(what) : new LoadError(file, what);
}
