// A few of the sequences that a model was asked lately, so that its successor can be tried on them before it takes over.
import { type Sequence, sequenceBytes } from '../sequence/sequence.ts';

const KEPT = 16;
const MOST_BYTES = 64 * 1024;

export class Recent {
  readonly #kept: Sequence[] = [];
  #next = 0;

  /** Keeps a sequence in place of the oldest one, unless it is large. */
  note(sequence: Sequence): void {
    if (sequenceBytes(sequence) > MOST_BYTES) return;
    this.#kept[this.#next] = sequence;
    this.#next = (this.#next + 1) % KEPT;
  }

  sequences(): readonly Sequence[] {
    return this.#kept;
  }
}
