// The log as people read it on a terminal: a short line for each thing, and below it how far the start has come.
import { printable, type Style, styled } from './core/terminal.ts';
import type { Progress } from './service/shelves.ts';

const BAR = 24;
const EVERY_MS = 100;
const CLEAR_LINE = '\r\u001b[K';
/** Said by the sentence itself, or of use to programs only. */
const UNSAID = new Set(['level', 'time', 'pid', 'hostname', 'msg', 'page', 'docs', 'document']);
/** From this level on. */
const LEVELS: readonly (readonly [level: number, word: string, style: Style])[] = [
  [50, 'error', 'red'],
  [40, 'warning', 'yellow'],
  [0, '', 'dim'],
];

interface Entry {
  readonly level: number;
  readonly time: number;
  readonly msg?: string;
  readonly err?: { readonly stack?: string; readonly message?: string };
}

/** Where pino writes its lines of JSON. */
export class TerminalLog {
  readonly #stream: NodeJS.WriteStream;
  #progress: () => Progress | undefined = () => undefined;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  write(line: string): void {
    this.#stream.write(`${CLEAR_LINE}${this.#told(line)}\n`);
    this.#draw();
  }

  /** Keeps a bar below the lines until what is returned is called. */
  follow(progress: () => Progress | undefined): () => void {
    this.#progress = progress;
    const timer = setInterval(() => this.#draw(), EVERY_MS);
    this.#draw();
    return () => {
      clearInterval(timer);
      this.#progress = () => undefined;
      this.#stream.write(CLEAR_LINE);
    };
  }

  #told(line: string): string {
    let entry: Entry;
    try {
      entry = JSON.parse(line);
    } catch {
      return printable(line.trimEnd());
    }
    const { level, time, msg = '', err } = entry;
    const [, word, style] = LEVELS.find(([least]) => level >= least) ?? LEVELS[2];
    const clock = styled(this.#stream, 'dim', new Date(time).toLocaleTimeString('en-GB'));
    const marked = word === '' ? '' : `${styled(this.#stream, style, word)}: `;
    const more = Object.entries(entry).flatMap(([name, value]) =>
      UNSAID.has(name) || typeof value === 'object' || msg.includes(`${value}`)
        ? []
        : [`${name}=${printable(String(value))}`],
    );
    const rest = more.length === 0 ? '' : `  ${styled(this.#stream, 'dim', more.join(' '))}`;
    const fault = err ? `\n${err.stack ?? err.message}` : '';
    return `${clock}  ${marked}${printable(msg)}${rest}${fault}`;
  }

  #draw(): void {
    const progress = this.#progress();
    if (progress)
      this.#stream.write(`${CLEAR_LINE}${styled(this.#stream, 'dim', progressText(progress, this.#stream.columns))}`);
  }
}

/** One line: how many of the models, and which ones are still to come, as far as the terminal is wide. */
export function progressText({ done, of, loading }: Progress, columns = 80): string {
  const full = Math.floor((done / of) * BAR);
  const text = `[${'#'.repeat(full)}${'.'.repeat(BAR - full)}] ${done} of ${of} models  ${loading.map(printable).join(', ')}`;
  return text.length < columns ? text : `${text.slice(0, columns - 2)}…`;
}
