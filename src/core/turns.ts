// One thing at a time for each key, in the order of arrival.

export class Turns {
  readonly #last = new Map<string, Promise<unknown>>();

  /** Whether something of this key is under way. */
  has(key: string): boolean {
    return this.#last.has(key);
  }

  /** Acts when everything of this key that came before has ended, well or not. */
  run<T>(key: string, act: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key) ?? Promise.resolve();
    const turn = before.then(act, act);
    this.#last.set(key, turn);
    const end = () => {
      if (this.#last.get(key) === turn) this.#last.delete(key);
    };
    turn.then(end, end);
    return turn;
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    while (this.#last.size > 0) await Promise.allSettled(this.#last.values());
  }
}
