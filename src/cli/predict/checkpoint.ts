// How far a long run has come, kept beside its output, so that it can go on after whatever ended it.
import { open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { LoadError } from '../../core/errors.ts';
import type { TextTarget } from './sinks.ts';

const EVERY_MS = 1000;

interface Mark {
  /** What is answered, and asked of it. */
  readonly of: string;
  /** Sequences whose answers are whole, and the bytes of these. */
  readonly sequences: number;
  readonly bytes: number;
}

export interface Checkpointed {
  readonly target: TextTarget;
  /** Sequences that were answered before. */
  readonly answered: number;
}

/** `of`: what the answers are answers to; only the same run is gone on with. @throws {LoadError} */
export async function openOutput(file: string, of: string, resume: boolean): Promise<Checkpointed> {
  const markFile = `${file}.progress`;
  const newMark = `${markFile}.new`;
  const mark = resume ? await readMark(file, markFile, of) : undefined;
  const handle = await open(file, mark ? 'r+' : 'w').catch(error => {
    throw new LoadError(file, `cannot be written (${error.code})`);
  });
  let { sequences, bytes } = mark ?? { sequences: 0, bytes: 0 };
  await handle.truncate(bytes); // what was written after the mark is written again
  let markedMs = Number.NEGATIVE_INFINITY;
  const save = async () => {
    await handle.datasync(); // the answers first, then the word that they are there
    await writeFile(newMark, JSON.stringify({ of, sequences, bytes } satisfies Mark));
    await rename(newMark, markFile); // whatever ends the run, one mark or the other is whole
    markedMs = performance.now();
  };
  const target: TextTarget = {
    write: async text => {
      const data = Buffer.from(text);
      await handle.write(data, 0, data.length, bytes);
      bytes += data.length;
      sequences++;
      if (performance.now() - markedMs > EVERY_MS) await save();
    },
    end: async whole => {
      if (!whole) await save();
      await handle.close();
      if (whole) await rm(markFile, { force: true });
    },
  };
  return { target, answered: sequences };
}

async function readMark(file: string, markFile: string, of: string): Promise<Mark | undefined> {
  const text = await readFile(markFile, 'utf8').catch(() => undefined);
  const size = await stat(file).then(
    found => found.size,
    () => undefined,
  );
  if (text === undefined && size === undefined) return undefined; // nothing was begun
  if (text === undefined) throw new LoadError(`${file} is whole: there is nothing to resume`);
  const mark = JSON.parse(text) as Mark;
  if (mark.of !== of) throw new LoadError(`${file} holds answers to something else (${mark.of}), not to ${of}`);
  if ((size ?? 0) < mark.bytes) throw new LoadError(`${file} is shorter than ${markFile} says`);
  return mark;
}
