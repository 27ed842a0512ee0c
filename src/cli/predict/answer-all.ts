// Sequences in, answers out, in order: so many are under way at once that batches are full, and no more.
import { LoadError, messageOf } from '../../core/errors.ts';
import type { Detail } from '../../http/codec/predictions.ts';
import { patient } from '../../service/caller.ts';
import { Progress } from './progress.ts';

/** What is wanted of every prediction. */
export interface Asked {
  readonly heads?: readonly string[];
  readonly probabilities?: Detail;
}

/** One sequence of a file. */
export interface Item {
  readonly value: unknown;
  /** Where it stands, for people. */
  readonly where: string;
  /** What a table calls it; else its place, from 0. */
  readonly id: string | number;
  /** How much of the source was read when it was whole, in the units of the source's total. */
  readonly done: number;
  /** What it takes of memory, nearly. */
  readonly bytes: number;
}
export interface Source {
  readonly items: AsyncIterable<Item>;
  readonly total?: number;
  /** Ends it for good, though a next item may never come. */
  stop(error: Error): void;
}
/** Gives a prediction as JSON text. */
export type Answer = (item: Item) => Promise<string>;
export interface Sink {
  write(item: Item, prediction: string): Promise<void>;
  /** Whatever is still to be written; `whole`: nothing went wrong. */
  end(whole: boolean): Promise<void>;
}

export const NOBODY_WAITS = patient(3_600_000);
/** Sequences under way at most, in bytes. */
const MOST_BYTES = 32 * 1024 * 1024;

/**
 * `most`: items under way at once; `skip`: items that were answered before.
 * @throws {LoadError} at the first item that cannot be answered, after everything before it was written.
 */
export async function answerAll(source: Source, answer: Answer, sink: Sink, most: number, skip = 0): Promise<void> {
  const progress = new Progress(process.stderr, source.total);
  const underWay: { readonly written: Promise<void>; readonly bytes: number }[] = [];
  let bytes = 0;
  let read = 0;
  let count = skip;
  let last = Promise.resolve();
  const oldest = async () => {
    const [entry] = underWay.splice(0, 1);
    bytes -= entry.bytes;
    await entry.written;
  };
  let whole = false;
  try {
    for await (const item of source.items) {
      if (read++ < skip) continue;
      while (underWay.length >= most || (underWay.length > 0 && bytes + item.bytes > MOST_BYTES)) await oldest();
      const answered = answer(item).catch(error => {
        throw new LoadError(`${item.where}: ${messageOf(error)}`);
      });
      answered.catch(() => {}); // told by `written`, in order
      const written = last.then(async () => {
        await sink.write(item, await answered);
        progress.update(item.done, ++count);
      });
      written.catch(error => source.stop(error)); // do not wait for a next item that may never come
      last = written;
      underWay.push({ written, bytes: item.bytes });
      bytes += item.bytes;
    }
    while (underWay.length > 0) await oldest();
    whole = true;
  } finally {
    await last.catch(() => {});
    progress.end();
    await sink.end(whole);
  }
}
