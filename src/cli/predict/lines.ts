// Lines of a stream, one at a time: nothing is read ahead of what is asked for, and no line may be endless.
import { LoadError } from '../../core/errors.ts';

export interface Line {
  /** Counted from 1. */
  readonly number: number;
  readonly text: string;
  /** Bytes of the stream up to the end of this line. */
  readonly endBytes: number;
}

const NEWLINE = 0x0a;

/** @throws {LoadError} at a line that is too long or is not UTF-8. */
export async function* linesOf(source: AsyncIterable<Buffer>, mostBytes: number): AsyncGenerator<Line> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let parts: Buffer[] = [];
  let length = 0;
  let number = 0;
  let endBytes = 0;
  const take = (): Line => {
    number++;
    try {
      return { number, text: decoder.decode(Buffer.concat(parts, length)), endBytes };
    } catch {
      throw new LoadError(`line ${number} is not UTF-8 text`);
    } finally {
      parts = [];
      length = 0;
    }
  };
  for await (const chunk of source) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      add(chunk.subarray(start, end));
      endBytes++;
      yield take();
      start = end + 1;
    }
    add(chunk.subarray(start));
  }
  if (length > 0) yield take();

  function add(part: Buffer): void {
    length += part.length;
    endBytes += part.length;
    if (length > mostBytes) throw new LoadError(`line ${number + 1} has more than ${mostBytes} bytes`);
    if (part.length > 0) parts.push(part);
  }
}
