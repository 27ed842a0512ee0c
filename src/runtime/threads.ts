// The worker threads of this process. A thread takes more memory than a small session, so models share them: as few as
// serve, and more of them once one model would wait for another's run.
import { Thread } from './thread.ts';

const WORKER_FILE = new URL('./worker.js', import.meta.url);
/** A thread whose run takes longer is not given further sessions. */
const LONG_MS = 1000;

export class Threads {
  readonly #most: number;
  readonly #workerFile: URL;
  readonly #threads = new Set<Thread>();

  /** At most `most` are shared, unless a model has more sessions than that. */
  constructor(most: number, workerFile = WORKER_FILE) {
    this.#most = most;
    this.#workerFile = workerFile;
  }

  /** How many there are. */
  get size(): number {
    return this.#threads.size;
  }

  /** For a session that shall not live beside `others`: a thread with few sessions, or a new one. */
  take(others: ReadonlySet<Thread>): Thread {
    const candidates = this.#shared(others);
    const [best] = candidates.sort((a, b) => a.sessions - b.sessions).filter(({ runningMs }) => runningMs < LONG_MS);
    return best ?? (this.#full ? candidates[0] : undefined) ?? this.#start(true);
  }

  /** A thread that nobody wants anything of, for a session that would wait elsewhere; a new one if there may be more. */
  spare(others: ReadonlySet<Thread>): Thread | undefined {
    return this.#shared(others).find(({ idle }) => idle) ?? (this.#full ? undefined : this.#start(true));
  }

  /** A thread that no other session comes to. */
  own(): Thread {
    return this.#start(false);
  }

  #shared(others: ReadonlySet<Thread>): Thread[] {
    return [...this.#threads].filter(thread => thread.shared && !others.has(thread));
  }

  get #full(): boolean {
    return [...this.#threads].filter(({ shared }) => shared).length >= this.#most;
  }

  #start(shared: boolean): Thread {
    const thread: Thread = new Thread(this.#workerFile, shared, () => this.#threads.delete(thread));
    this.#threads.add(thread);
    return thread;
  }
}
