// Bytes that lie in memory for callers, held to one bound over all of them, whichever way they came.

/** A caller with little goes on where others fill the room, up to as much again as the bound. */
const LITTLE_BYTES = 16 * 1024;

export class Held {
  readonly mostBytes: number;
  bytes = 0;

  constructor(mostBytes: number) {
    this.mostBytes = mostBytes;
  }

  open(): Share {
    return new Share(this);
  }
}

/** What is held for one caller. */
export class Share {
  readonly #held: Held;
  #bytes = 0;
  #closed = false;

  constructor(held: Held) {
    this.#held = held;
  }

  /** Whether there is room; if not, or once closed, nothing is held any more and the caller is to be refused. */
  take(bytes: number): boolean {
    if (this.#closed) return false;
    this.#bytes += bytes;
    this.#held.bytes += bytes;
    const { bytes: all, mostBytes } = this.#held;
    if (all <= (this.#bytes > LITTLE_BYTES ? mostBytes : 2 * mostBytes)) return true;
    this.close();
    return false;
  }

  give(bytes: number): void {
    if (this.#closed) return;
    this.#bytes -= bytes;
    this.#held.bytes -= bytes;
  }

  /** Gives back all of it; may be called more than once. */
  close(): void {
    this.give(this.#bytes);
    this.#closed = true;
  }
}
