// Where answers go: JSON Lines or CSV as text, Parquet to a file.
import { PassThrough } from 'node:stream';
import { fileWriter, parquetWriteRows } from 'hyparquet-writer';
import type { Item, Sink } from './answer-all.ts';
import type { Cell, TableOut } from './table-out.ts';

/** Rows of a group in a Parquet file: as many are in memory. */
const GROUP_ROWS = 10_000;

/** What text is written to, and told after every answer. */
export interface TextTarget {
  write(text: string): Promise<void>;
  end(whole: boolean): Promise<void>;
}

/** Writes and waits until the text is on its way, so that a slow reader slows us down. */
export async function write(stream: NodeJS.WriteStream, text: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    stream.write(text, error => (error ? reject(error) : resolve()));
  });
}

export const STANDARD_OUTPUT: TextTarget = { write: text => write(process.stdout, text), end: async () => {} };

export function lineSink(target: TextTarget): Sink {
  return { write: (_, prediction) => target.write(`${prediction}\n`), end: whole => target.end(whole) };
}

/** With the line of names first, unless the text goes on from before. */
export function csvSink(target: TextTarget, table: TableOut, goesOn: boolean): Sink {
  let head = goesOn ? '' : csvLine(table.columns.map(({ name }) => name));
  return {
    write: async ({ id }, prediction) => {
      const text = head + table.rows(id, JSON.parse(prediction)).map(csvLine).join('');
      head = '';
      await target.write(text);
    },
    end: async whole => {
      if (whole && head) await target.write(head);
      await target.end(whole);
    },
  };
}

/** RFC 4180: what holds a comma, a quote or a line break is quoted. */
function csvLine(cells: readonly Cell[]): string {
  const texts = cells.map(cell => {
    const text = cell === null ? '' : String(cell);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  });
  return `${texts.join(',')}\r\n`;
}

export function parquetSink(file: string, table: TableOut): Sink {
  const rows = new PassThrough({ objectMode: true, highWaterMark: 1024 });
  const names = table.columns.map(({ name }) => name);
  const columns = table.columns.map(column => ({ ...column, nullable: true }));
  const written = Promise.resolve(
    parquetWriteRows({ writer: fileWriter(file), rows, columns, rowGroupSize: GROUP_ROWS }),
  );
  written.catch(error => rows.destroy(error));
  return {
    write: async ({ id }: Item, prediction) => {
      for (const cells of table.rows(id, JSON.parse(prediction))) {
        const row = Object.fromEntries(names.map((name, i) => [name, cells[i]]));
        if (!rows.write(row)) await Promise.race([new Promise(resolve => rows.once('drain', resolve)), written]);
      }
    },
    end: async () => {
      rows.end(); // a table that ends early is a table all the same
      await written;
    },
  };
}
