// A Runner on its caller's thread: nobody is woken, and while it runs nothing else does. For runs that are soon over.
import type { Tensors } from '../core/tensor.ts';
import type { SessionOptions } from './messages.ts';
import { RunClock } from './run-clock.ts';
import type { Runner, RunResult } from './runner.ts';
import { openSession, type Session } from './session.ts';

export class InlineRunner implements Runner {
  onFree = () => {};
  readonly ahead = 0;
  readonly #session: Session;
  readonly #clock = new RunClock();
  /** The run that was begun and not yet told; never two, so that who begins batches in a row begins one. */
  #running?: Promise<RunResult>;
  #closed?: Promise<void>;

  private constructor(session: Session) {
    this.#session = session;
  }

  /** @throws {Error} the runtime's own, if the graph cannot be opened. */
  static async open(options: SessionOptions): Promise<InlineRunner> {
    return new InlineRunner(await openSession(options));
  }

  get idle(): number {
    return this.#running || this.#closed ? 0 : 1;
  }

  wanted(): void {}

  /** Runs as soon as its caller pauses, in the same turn of the event loop. */
  async run(feeds: Tensors, fetches: readonly string[], expectedMs?: number): Promise<RunResult> {
    if (this.idle === 0) throw new Error('this thread runs a batch already');
    this.#running = this.#run(feeds, fetches, expectedMs);
    try {
      return await this.#running;
    } finally {
      this.#running = undefined;
    }
  }

  close(): Promise<void> {
    const release = () => this.#session.release();
    this.#closed ??= (this.#running ?? Promise.resolve()).then(release, release);
    return this.#closed;
  }

  async #run(feeds: Tensors, fetches: readonly string[], expectedMs?: number): Promise<RunResult> {
    await undefined;
    const elapsed = this.#clock.start(expectedMs);
    const outputs = this.#session.runNow(feeds, fetches);
    return { outputs, ...elapsed() };
  }
}
