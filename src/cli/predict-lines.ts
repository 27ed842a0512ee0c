// JSON Lines in, JSON Lines out, in order: so many lines are under way at once that batches are full, and no more.
import type { Readable } from 'node:stream';
import type { Config } from '../config.ts';
import { LoadError, messageOf } from '../core/errors.ts';
import { type Detail, encodePredictions } from '../http/rest/encode.ts';
import type { LoadedModel } from '../service/loaded-model.ts';
import { predict } from '../service/predictor.ts';
import { type Line, linesOf } from './predict/lines.ts';
import { Progress } from './predict/progress.ts';

/** What is wanted of every prediction. */
export interface Asked {
  readonly heads?: readonly string[];
  readonly probabilities?: Detail;
}

/** Nobody waits at the other end. */
export const TIMEOUT_MS = 3_600_000;
/** Text of lines under way at most. */
const MOST_BYTES = 32 * 1024 * 1024;
/** Runs that could be filled with the lines under way, for each worker: enough that length classes fill too. */
const RUNS_AHEAD = 4;

/** @throws {LoadError} at the first line that cannot be answered, after everything before it was written. */
export async function predictLines(
  model: LoadedModel,
  source: Readable,
  totalBytes: number | undefined,
  asked: Asked,
  { maxBodyBytes, workers }: Config,
): Promise<void> {
  const most = RUNS_AHEAD * workers * model.limits.batchSize;
  const progress = new Progress(process.stderr, totalBytes);
  const underWay: { readonly written: Promise<void>; readonly bytes: number }[] = [];
  let bytes = 0;
  let count = 0;
  let last = Promise.resolve();
  const oldest = async () => {
    const [entry] = underWay.splice(0, 1);
    bytes -= entry.bytes;
    await entry.written;
  };
  try {
    for await (const line of linesOf(source, maxBodyBytes)) {
      if (line.text.trim() === '') continue;
      while (underWay.length >= most || (underWay.length > 0 && bytes + line.text.length > MOST_BYTES)) await oldest();
      const answer = answerLine(model, line, asked);
      answer.catch(() => {}); // told by `written`, in order
      const written = last.then(async () => {
        await write(process.stdout, `${await answer}\n`);
        progress.update(line.endBytes, ++count);
      });
      written.catch(error => source.destroy(error)); // do not wait for a next line that may never come
      last = written;
      underWay.push({ written, bytes: line.text.length });
      bytes += line.text.length;
    }
    while (underWay.length > 0) await oldest();
  } finally {
    await last.catch(() => {});
    progress.end();
  }
}

async function answerLine(
  model: LoadedModel,
  { number, text }: Line,
  { heads, probabilities }: Asked,
): Promise<string> {
  try {
    const { done } = predict(model, { sequences: [parse(text)], heads, timeoutMs: TIMEOUT_MS });
    const result = await done;
    // The prediction is what the reply has that one without predictions has not.
    const reply = encodePredictions(model, result, probabilities);
    const empty = encodePredictions(model, { ...result, predictions: [] }, probabilities);
    const end = ']}';
    return reply.slice(empty.length - end.length, -end.length);
  } catch (error) {
    throw new LoadError(`line ${number}: ${messageOf(error).replace(/^sequences\[0\]/, 'sequence')}`);
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new LoadError(`not JSON: ${messageOf(error).replace(/\s+/g, ' ')}`);
  }
}

/** Writes and waits until the text is on its way, so that a slow reader slows us down. */
export async function write(stream: NodeJS.WriteStream, text: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    stream.write(text, error => (error ? reject(error) : resolve()));
  });
}
