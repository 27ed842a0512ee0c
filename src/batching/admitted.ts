// What a model has admitted and not yet answered, held to a bound: sequences, and the bytes of their numbers.
import { ServiceError } from '../core/errors.ts';

export interface Capacity {
  /** Most sequences admitted and not yet answered, and most bytes of their numbers. */
  readonly sequences: number;
  readonly bytes: number;
}

export class Admitted {
  readonly #capacity: Capacity;
  readonly #onReleased: () => void;
  #sequences = 0;
  #bytes = 0;
  #shares = 0;

  constructor(capacity: Capacity, onReleased: () => void) {
    this.#capacity = capacity;
    this.#onReleased = onReleased;
  }

  get sequences(): number {
    return this.#sequences;
  }

  /** Takes no room, and keeps the model from ending until the returned function is called. */
  hold(): () => void {
    return this.take(0, 0);
  }

  /** Whether nobody has taken room or holds it. */
  get idle(): boolean {
    return this.#shares === 0;
  }

  /** @throws {ServiceError} OVERLOADED unless there is room for so many sequences. */
  check(sequences: number): void {
    if (this.#sequences + sequences > this.#capacity.sequences) throw overloaded();
  }

  /** Takes room until the function that it gives is called, once. @throws {ServiceError} OVERLOADED, and then takes none. */
  take(sequences: number, bytes: number): () => void {
    this.check(sequences);
    if (this.#bytes + bytes > this.#capacity.bytes) throw overloaded();
    this.#sequences += sequences;
    this.#bytes += bytes;
    this.#shares++;
    let taken = true;
    return () => {
      if (!taken) return;
      taken = false;
      this.#sequences -= sequences;
      this.#bytes -= bytes;
      this.#shares--;
      this.#onReleased();
    };
  }
}

function overloaded(): ServiceError {
  return new ServiceError('OVERLOADED', 'the queue has no room for this request; try again shortly');
}
