// Text for terminals: aligned tables, colours where the terminal has them, and names that cannot steer the terminal.
import { styleText } from 'node:util';

export interface TableOptions {
  readonly indent?: number;
  /** Columns whose cells end at the same place: numbers. */
  readonly right?: readonly number[];
}

/** Rows as lines, the cells of each column as wide as its widest; the last column is not padded. */
export function table(rows: readonly (readonly string[])[], { indent = 0, right = [] }: TableOptions = {}): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, c) => {
      widths[c] = Math.max(widths[c] ?? 0, widthOf(cell));
    });
  }
  return rows.map(row => {
    const cells = row.map((cell, c) => {
      const space = ' '.repeat(widths[c] - widthOf(cell));
      return right.includes(c) ? space + cell : cell + space;
    });
    return `${' '.repeat(indent)}${cells.join('  ')}`.trimEnd();
  });
}

function widthOf(text: string): number {
  return [...text].length;
}

/** A name out of a file, without control characters: what a graph says must not move the cursor. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, c => `\\u{${(c.codePointAt(0) as number).toString(16)}}`);
}

export type Style = Parameters<typeof styleText>[0];

/** Styles text if the stream is a terminal with colours (NO_COLOR is heard). */
export function styled(stream: NodeJS.WriteStream, style: Style, text: string): string {
  return stream.isTTY && stream.hasColors() ? styleText(style, text, { validateStream: false }) : text;
}

export function heading(text: string): string {
  return styled(process.stdout, 'bold', text);
}

/** A whole number with its thousands set apart. */
export function grouped(value: number): string {
  return value.toLocaleString('en-GB');
}

export function shapeText(dims: readonly (number | string | null)[]): string {
  return `[${dims.map(dim => (dim === null ? '?' : printable(String(dim)))).join(', ')}]`;
}
