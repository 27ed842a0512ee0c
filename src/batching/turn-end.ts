// When batches are cut: at the end of a turn of the event loop, so that requests read in one turn share a run; later while
// new connections keep coming. Node accepts one of them a turn, so turns must be short then: with a run and its answers in
// each, the last of two thousand callers would wait for two thousand runs.

/** New connections of this process, as far as they were accepted. */
export interface Arrivals {
  readonly count: number;
}

/** How many turns batches wait at most while connections come: such a turn takes about 0.1 ms, and a busy machine takes none away. */
const MOST_TURNS = 100;

export class TurnEnd {
  readonly #act: () => void;
  readonly #arrivals: Arrivals;
  /** Connections that a look has found so far. */
  #seen = 0;
  #scheduled = false;

  constructor(act: () => void, arrivals: Arrivals = { count: 0 }) {
    this.#act = act;
    this.#arrivals = arrivals;
  }

  /** Whether connections came that no look has found yet: then a batch waits for the end of the turn, whoever is idle. */
  get crowded(): boolean {
    return this.#arrivals.count !== this.#seen;
  }

  /** Acts at the end of the first turn in which no connection came; there is never a second act under way. */
  schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    let turns = 0;
    const look = () => {
      const crowded = this.crowded;
      this.#seen = this.#arrivals.count;
      if (crowded && turns++ < MOST_TURNS) {
        setImmediate(look);
        return;
      }
      this.#scheduled = false;
      this.#act();
    };
    setImmediate(look);
  }
}
