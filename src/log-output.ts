// The log on standard output, which never holds the process up: where nobody reads what is written, a full pipe would stop every
// request, and the end itself. Lines wait for a reader up to a bound; beyond it they are left out, and counted.
import { writeSync } from 'node:fs';

const MOST_BYTES = 1 << 20;
const RETRY_MS = 100;
const WARN = 40;

/** What Node keeps of a pipe or socket; nothing of a file. */
interface PipeHandle {
  setBlocking?(on: boolean): unknown;
}

/** Writes some of the bytes and says how many; throws EAGAIN where there is no room. */
export type Write = (bytes: Buffer) => number;

export class LogOutput {
  readonly #write: Write;
  #waiting: Buffer[] = [];
  #bytes = 0;
  #leftOut = 0;
  /** Whether the other end is closed: nobody will ever read. */
  #gone = false;
  #retry: NodeJS.Timeout | undefined;

  constructor(write: Write) {
    this.#write = write;
  }

  /** Of this process. */
  static standard(): LogOutput {
    const { fd, _handle: pipe } = process.stdout as typeof process.stdout & { _handle?: PipeHandle };
    const output = new LogOutput(bytes => {
      // A full pipe is to refuse instead of waiting. Every process that is started with it sets it back, so each time anew.
      pipe?.setBlocking?.(false);
      return writeSync(fd, bytes);
    });
    process.on('exit', () => output.flush());
    return output;
  }

  write(line: string): void {
    if (this.#gone) return;
    if (this.#bytes > MOST_BYTES) {
      this.#leftOut++;
      return;
    }
    this.#add(line);
    this.flush();
  }

  /** Writes what there is room for. */
  flush(): void {
    for (let next = this.#waiting[0]; next; next = this.#waiting[0]) {
      const written = this.#try(next);
      if (written === undefined) return;
      this.#bytes -= written;
      if (written < next.length) this.#waiting[0] = next.subarray(written);
      else this.#waiting.shift();
      if (this.#waiting.length === 0 && this.#leftOut > 0) this.#tellLeftOut();
    }
  }

  #try(bytes: Buffer): number | undefined {
    try {
      return this.#write(bytes);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') {
        clearTimeout(this.#retry);
        this.#retry = setTimeout(() => this.flush(), RETRY_MS).unref();
      } else {
        this.#gone = true;
        this.#waiting = [];
      }
      return undefined;
    }
  }

  #add(line: string): void {
    const bytes = Buffer.from(line);
    this.#waiting.push(bytes);
    this.#bytes += bytes.length;
  }

  #tellLeftOut(): void {
    const msg = `${this.#leftOut} lines were left out: nobody read the log in time`;
    this.#leftOut = 0;
    this.#add(`${JSON.stringify({ level: WARN, time: Date.now(), pid: process.pid, msg })}\n`);
  }
}
