// A progress bar on a terminal; on anything else it is silent.
import { grouped, styled } from '../../core/terminal.ts';

const BAR = 30;
const EVERY_MS = 100;
const CLEAR_LINE = '\r\u001b[K';

/** One line: how far, how many answers, how many a second. Without a total, only how many. */
export function progressText(doneBytes: number, totalBytes: number | undefined, count: number, ms: number): string {
  const rate = ms > 0 ? ` (${grouped(Math.round((count * 1000) / ms))}/s)` : '';
  const answers = `${grouped(count)} ${count === 1 ? 'prediction' : 'predictions'}${rate}`;
  if (!totalBytes) return answers;
  const share = Math.min(1, doneBytes / totalBytes);
  const full = Math.floor(share * BAR);
  return `[${'#'.repeat(full)}${'.'.repeat(BAR - full)}] ${String(Math.floor(share * 100)).padStart(3)} %  ${answers}`;
}

export class Progress {
  readonly #stream: NodeJS.WriteStream;
  readonly #totalBytes: number | undefined;
  readonly #startMs = performance.now();
  #drawnMs = Number.NEGATIVE_INFINITY;

  constructor(stream: NodeJS.WriteStream, totalBytes: number | undefined) {
    this.#stream = stream;
    this.#totalBytes = totalBytes;
  }

  update(doneBytes: number, count: number): void {
    const now = performance.now();
    if (!this.#stream.isTTY || now - this.#drawnMs < EVERY_MS) return;
    this.#drawnMs = now;
    const text = progressText(doneBytes, this.#totalBytes, count, now - this.#startMs);
    this.#stream.write(`${CLEAR_LINE}${styled(this.#stream, 'dim', text)}`);
  }

  /** Takes the bar away, so that what follows starts on an empty line. */
  end(): void {
    if (this.#stream.isTTY) this.#stream.write(CLEAR_LINE);
  }
}
