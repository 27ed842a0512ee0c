// Runs a file of JSON Lines through a model in full batches, and hands over each line with its row, in order.
import { createReadStream } from 'node:fs';
import type { Config } from '../config.ts';
import { LoadError, messageOf } from '../core/errors.ts';
import type { Row } from '../sequence/collate.ts';
import type { Sequence } from '../sequence/sequence.ts';
import { call } from '../service/call.ts';
import type { Model } from '../service/model.ts';
import { NOBODY_WAITS } from './predict/answer-all.ts';
import { linesOf } from './predict/lines.ts';

/**
 * `sequenceOf` finds the sequence in what a line holds. How many lines there were.
 * @throws {LoadError} naming the line that is wrong, or the file if it is empty.
 */
export async function answerFile(
  model: Model,
  file: string,
  { maxBodyBytes }: Config,
  sequenceOf: (line: unknown) => unknown,
  take: (row: Row, line: unknown) => void,
): Promise<number> {
  const batch: { readonly number: number; readonly line: unknown; readonly sequence: Sequence }[] = [];
  let count = 0;
  const at = (number: number, act: () => void) => {
    try {
      act();
    } catch (error) {
      throw new LoadError(`line ${number}: ${messageOf(error)}`);
    }
  };
  const flush = async () => {
    const lines = batch.splice(0);
    const { rows } = await call(
      model,
      lines.map(({ sequence }) => sequence),
      NOBODY_WAITS,
    );
    for (const [i, { number, line }] of lines.entries()) at(number, () => take(rows[i], line));
  };
  for await (const { number, text } of linesOf(createReadStream(file), maxBodyBytes)) {
    if (text.trim() === '') continue;
    at(number, () => {
      const line: unknown = JSON.parse(text);
      batch.push({ number, line, sequence: model.parse(sequenceOf(line), ['sequence']) });
    });
    count++;
    if (batch.length >= model.limits.batchSize) await flush();
  }
  if (batch.length > 0) await flush();
  if (count === 0) throw new LoadError(file, 'holds no sequence');
  return count;
}
