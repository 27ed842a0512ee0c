// Who waits for a thread that works for others, and whose turn it is.

interface Waiting {
  readonly tenant: { onTurn(): void };
}

export class Line<T extends Waiting> {
  /** Longest waiting first. */
  #waiting: T[] = [];
  #turn?: T;

  get length(): number {
    return this.#waiting.length;
  }

  isTurnOf(one: T): boolean {
    return this.#turn === one;
  }

  join(one: T): void {
    if (!this.#waiting.includes(one)) this.#waiting.push(one);
  }

  leave(one: T): void {
    this.#waiting = this.#waiting.filter(other => other !== one);
  }

  clear(): void {
    this.#waiting = [];
  }

  /** Gives turns while the thread is free: whoever has nothing to run any more lets the next one go. */
  give(isFree: () => boolean): void {
    while (isFree()) {
      this.#turn = this.#waiting.shift();
      if (!this.#turn) return;
      this.#turn.tenant.onTurn();
      this.#turn = undefined;
    }
  }
}
