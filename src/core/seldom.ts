// Lines of a log held to a bound by kind: a fault that comes with every request must not fill a disk.

const MOST = 20;
const WINDOW_MS = 60_000;

interface Window {
  startMs: number;
  lines: number;
  left: number;
}

export class Seldom {
  readonly #now: () => number;
  readonly #windows = new Map<string, Window>();

  constructor(now = () => performance.now()) {
    this.#now = now;
  }

  /**
   * How many lines of this kind were left out since the last one, if another one may be written; undefined if not: so many in a
   * minute are enough. Kinds come from a closed list.
   */
  next(kind: string): number | undefined {
    const now = this.#now();
    let window = this.#windows.get(kind);
    if (!window || now - window.startMs >= WINDOW_MS) {
      window = { startMs: now, lines: 0, left: window?.left ?? 0 };
      this.#windows.set(kind, window);
    }
    if (window.lines === MOST) {
      window.left++;
      return undefined;
    }
    window.lines++;
    const { left } = window;
    window.left = 0;
    return left;
  }
}
