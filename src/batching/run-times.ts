// How long a run will take, by its rows and steps: measured when the model is loaded, corrected by every run since.

/** What runs of about one size were like: the rows, steps and milliseconds of a typical one. */
interface Cell {
  rows: number;
  steps: number;
  ms: number;
}

/** A faster run counts at once, a slower one little by little: it may only have waited for a core. */
const FASTER_SHARE = 0.5;
const SLOWER_SHARE = 0.05;
/** Above any class of a size that fits a float64. */
const CLASSES = 64;

export class RunTimes {
  /** Known sizes, by the binary orders of rows and of steps. */
  readonly #cells = new Map<number, Cell>();

  observe(rows: number, steps: number, ms: number): void {
    const key = keyOf(rows, steps);
    const cell = this.#cells.get(key);
    if (!cell) {
      this.#cells.set(key, { rows, steps, ms });
      return;
    }
    const share = ms < scaled(cell, rows * steps) ? FASTER_SHARE : SLOWER_SHARE;
    cell.rows += share * (rows - cell.rows);
    cell.steps += share * (steps - cell.steps);
    cell.ms += share * (ms - cell.ms);
  }

  /**
   * Milliseconds; Infinity while nothing is known. A size that never ran is taken to cost no more than a known one times
   * what it has more of rows and of steps. Where that is wrong, as for attention over long sequences, its first run tells.
   */
  predict(rows: number, steps: number): number {
    const own = this.#cells.get(keyOf(rows, steps));
    if (own) return scaled(own, rows * steps);
    let least = Infinity;
    for (const cell of this.#cells.values()) {
      least = Math.min(least, cell.ms * Math.max(1, rows / cell.rows) * Math.max(1, steps / cell.steps));
    }
    return least;
  }
}

/** A cell's time for so many padded steps. Within a cell they differ by four at most, so the fixed part of a run may be left out. */
function scaled({ rows, steps, ms }: Cell, paddedSteps: number): number {
  return (ms * paddedSteps) / (rows * steps);
}

function keyOf(rows: number, steps: number): number {
  return (32 - Math.clz32(rows - 1)) * CLASSES + (32 - Math.clz32(steps - 1));
}
