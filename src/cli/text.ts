// Text for terminals: aligned tables, headings, numbers and shapes.
import { printable, styled } from '../core/terminal.ts';

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

export function heading(text: string): string {
  return styled(process.stdout, 'bold', text);
}

export function shapeText(dims: readonly (number | string | null)[]): string {
  return `[${dims.map(dim => (dim === null ? '?' : printable(String(dim)))).join(', ')}]`;
}
