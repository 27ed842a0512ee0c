// From a file of sequences to a file of answers, each in its format.
import { LoadError } from '../../core/errors.ts';
import { type Asked, answerAll, type Item, type Sink, type Source } from './answer-all.ts';
import { openOutput } from './checkpoint.ts';
import { csvSink, lineSink, parquetSink, STANDARD_OUTPUT } from './sinks.ts';
import { csvSource, lineSource, parquetSource, streamOf } from './sources.ts';
import { type InputColumns, tableInput } from './table-in.ts';
import { type HeadColumns, tableOut } from './table-out.ts';

export interface Files {
  readonly file: string;
  readonly format: string;
  /** Bytes of the file; undefined for standard input. */
  readonly size: number | undefined;
  readonly column?: string;
  readonly out?: string;
  readonly resume: boolean;
  /** What the answers are answers to. */
  readonly of: string;
}

/** Who answers, and what it takes and says. */
export interface Answering {
  readonly inputs: readonly InputColumns[];
  readonly heads: readonly HeadColumns[];
  /** Sequences under way at once. */
  readonly most: number;
  answer(item: Item, asked: Asked): Promise<string>;
}

/** A file's format by its name. */
export function formatOf(file: string, otherwise: string): string {
  return /\.(jsonl|csv|parquet)$/.exec(file)?.[1] ?? otherwise;
}

export async function answerFile(
  { inputs, heads, most, answer }: Answering,
  files: Files,
  asked: Asked,
  mostBytes: number,
): Promise<void> {
  const { out } = files;
  const format = out === undefined ? 'jsonl' : formatOf(out, 'jsonl');
  // A table's columns must be known before the first answer.
  const detail = asked.probabilities ?? 'top';
  const wanted = format === 'jsonl' ? asked : { ...asked, probabilities: detail };
  const named = asked.heads?.map(name => heads.find(head => head.name === name) as HeadColumns) ?? heads;
  const table = tableOut(named, detail);
  const source = await sourceOf(files, inputs, mostBytes);
  let sink: Sink;
  let skip = 0;
  if (format === 'parquet') {
    if (files.resume) throw new LoadError('Parquet cannot be gone on with: write CSV or JSON Lines');
    sink = parquetSink(out as string, table);
  } else {
    const output = out === undefined ? undefined : await openOutput(out, files.of, files.resume);
    skip = output?.answered ?? 0;
    const target = output?.target ?? STANDARD_OUTPUT;
    sink = format === 'csv' ? csvSink(target, table, skip > 0) : lineSink(target);
  }
  await answerAll(source, item => answer(item, wanted), sink, most, skip);
}

async function sourceOf(
  { file, format, size, column }: Files,
  inputs: readonly InputColumns[],
  mostBytes: number,
): Promise<Source> {
  if (format === 'jsonl') return lineSource(streamOf(file), size, mostBytes);
  const input = tableInput(inputs, column);
  if (format === 'csv') return csvSource(streamOf(file), size, input, mostBytes);
  if (file === '-') throw new LoadError('Parquet is read from its end: give a file, not standard input');
  return parquetSource(file, input);
}
