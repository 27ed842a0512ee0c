// Files of sequences, read as they are asked for: JSON Lines, and tables as CSV or Parquet.
import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { parse as parseCsv } from 'csv-parse';
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { LoadError, messageOf, oneLine } from '../../core/errors.ts';
import type { Item, Source } from './answer-all.ts';
import { linesOf } from './lines.ts';
import { type Row, sequencesOf, type TableInput } from './table-in.ts';

/** A line each; blank ones are none. `stream` is the file's, or standard input. */
export function lineSource(stream: Readable, total: number | undefined, mostBytes: number): Source {
  async function* items(): AsyncGenerator<Item> {
    let id = 0;
    for await (const { number, text, endBytes } of linesOf(stream, mostBytes)) {
      if (text.trim() === '') continue;
      const where = `line ${number}`;
      yield { value: parse(text, where), where, id: id++, done: endBytes, bytes: text.length };
    }
  }
  return { items: items(), total, stop: error => stream.destroy(error) };
}

function parse(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new LoadError(`${where}: not JSON: ${oneLine(messageOf(error))}`);
  }
}

/** A time step each row, under a line of names (RFC 4180). */
export function csvSource(stream: Readable, total: number | undefined, input: TableInput, mostBytes: number): Source {
  const parser = parseCsv({ columns: true, bom: true, skip_empty_lines: true, info: true, max_record_size: mostBytes });
  stream.on('error', error => parser.destroy(error));
  async function* rows(): AsyncGenerator<Row> {
    try {
      for await (const { record, info } of stream.pipe(parser))
        yield { cells: record, where: `line ${info.lines}`, done: info.bytes };
    } catch (error) {
      throw error instanceof LoadError ? error : new LoadError(`not CSV: ${oneLine(messageOf(error))}`);
    }
  }
  return { items: sequencesOf(rows(), input), total, stop: error => parser.destroy(error) };
}

/** A time step each row; one group of rows is in memory at a time. */
export async function parquetSource(file: string, input: TableInput): Promise<Source> {
  const buffer = await asyncBufferFromFile(file);
  const metadata = await parquetMetadataAsync(buffer).catch(error => {
    throw new LoadError(file, `is not Parquet: ${oneLine(messageOf(error))}`);
  });
  let stopped: Error | undefined;
  async function* rows(): AsyncGenerator<Row> {
    let rowStart = 0;
    for (const group of metadata.row_groups) {
      const rowEnd = rowStart + Number(group.num_rows);
      for (const [i, cells] of (
        await parquetReadObjects({ file: buffer, metadata, rowStart, rowEnd, compressors })
      ).entries()) {
        if (stopped) throw stopped;
        yield { cells, where: `row ${rowStart + i + 1}`, done: rowStart + i + 1 };
      }
      rowStart = rowEnd;
    }
  }
  return {
    items: sequencesOf(rows(), input),
    total: Number(metadata.num_rows),
    stop: error => {
      stopped = error;
    },
  };
}

export const streamOf = (file: string): Readable => (file === '-' ? process.stdin : createReadStream(file));
