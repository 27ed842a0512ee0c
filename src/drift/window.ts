// Sums of the last while in constant memory: a ring of slots, each the sums of one stretch of time.

export class RollingSums {
  readonly #width: number;
  readonly #slots: number;
  readonly #slotMs: number;
  readonly #sums: Float64Array;
  readonly #now: () => number;
  #slot = 0;

  /** `width` sums over the last `windowMs`, forgotten in `slots` steps. */
  constructor(width: number, windowMs: number, slots = 12, now: () => number = () => performance.now()) {
    this.#width = width;
    this.#slots = slots;
    this.#slotMs = windowMs / slots;
    this.#sums = new Float64Array(width * slots);
    this.#now = now;
    this.#slot = Math.floor(now() / this.#slotMs);
  }

  add(index: number, amount = 1): void {
    this.#advance();
    this.#sums[(this.#slot % this.#slots) * this.#width + index] += amount;
  }

  /** The sums of the window, oldest slot to newest. */
  read(): Float64Array {
    this.#advance();
    const total = new Float64Array(this.#width);
    for (let i = 0; i < this.#sums.length; i++) total[i % this.#width] += this.#sums[i];
    return total;
  }

  /** Empties the slots whose time has come again. */
  #advance(): void {
    const slot = Math.floor(this.#now() / this.#slotMs);
    if (slot === this.#slot) return;
    const passed = Math.min(slot - this.#slot, this.#slots);
    for (let i = 0; i < passed; i++) {
      const start = ((slot - i) % this.#slots) * this.#width;
      this.#sums.fill(0, start, start + this.#width);
    }
    this.#slot = slot;
  }
}
