// A graph's weights: where they lie, that they lie within the version's folder, and which are not finite numbers.
import { createHash } from 'node:crypto';
import { type FileHandle, lstat, open } from 'node:fs/promises';
import path from 'node:path';
import { LoadError } from '../../core/errors.ts';
import type { Constant } from './constants.ts';
import { externalEntry, INSIDE, scan } from './file.ts';
import { isFloatType, worse, worstOf } from './float-types.ts';
import type { TensorProto } from './proto.ts';
import type { Spoilt } from './spoilt.ts';

const EXTERNAL = 1;

/** A file of weights beside the graph. */
export interface ExternalFile {
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** What was found out about the constants of a graph. */
export interface Weights {
  /** Floating-point values in all of them. */
  readonly parameters: number;
  readonly externalData: readonly ExternalFile[];
  /** Those that are not finite, by what holds them in the graph. */
  readonly spoilt: ReadonlyMap<object, Spoilt>;
}

/** Reads every constant of the graph in `file`. @throws {LoadError} naming the one whose values lie where they must not. */
export async function readWeights(file: string, constants: readonly Constant[]): Promise<Weights> {
  const base = path.basename(file);
  const folder = path.dirname(file);
  const handles = new Map<string, FileHandle>();
  const handleOf = async (name: string) => {
    const handle = handles.get(name) ?? (await open(name));
    handles.set(name, handle);
    return handle;
  };
  try {
    let parameters = 0;
    const spoilt = new Map<object, Spoilt>();
    for (const { tensor, words, holder: held } of constants) {
      const location = externalEntry(tensor, 'location');
      const external = tensor.dataLocation === EXTERNAL;
      const holder = external
        ? await containedFile(base, folder, tensor, words)
        : location === INSIDE
          ? file
          : undefined;
      if (holder) await handleOf(holder);
      if (!isFloatType(tensor.dataType)) continue;
      parameters += tensor.dims.reduce((product, dim) => product * Number(dim), 1);
      const inside = worstOf(tensor, tensor.rawData);
      const value = holder ? worse(inside, await worstInFile(base, tensor, words, await handleOf(holder))) : inside;
      if (value !== undefined && !Number.isNaN(spoilt.get(held)?.value)) spoilt.set(held, { words, value });
    }
    const names = [...handles.keys()].filter(name => name !== file).sort();
    return { parameters, spoilt, externalData: await Promise.all(names.map(digestFile)) };
  } finally {
    await Promise.all([...handles.values()].map(handle => handle.close()));
  }
}

/** The sha256 of a file as hexadecimal digits, and its size. */
export async function digestFile(file: string): Promise<ExternalFile> {
  const handle = await open(file);
  try {
    const { size } = await handle.stat();
    const hash = createHash('sha256');
    await scan(handle, 0, size, chunk => hash.update(chunk));
    return { file: path.basename(file), bytes: size, sha256: hash.digest('hex') };
  } finally {
    await handle.close();
  }
}

async function containedFile(base: string, folder: string, tensor: TensorProto, words: string): Promise<string> {
  const location = externalEntry(tensor, 'location') ?? '';
  const file = path.resolve(folder, location);
  const fault = `: external data "${location}" of ${words}`;
  if (location === '' || path.isAbsolute(location) || path.dirname(file) !== path.resolve(folder)) {
    throw new LoadError(base, `${fault} must be a file beside the graph`);
  }
  const stat = await lstat(file).catch(() => undefined);
  if (!stat) throw new LoadError(base, `${fault} is missing`);
  if (!stat.isFile() || stat.nlink > 1) throw new LoadError(base, `${fault} must be a plain file, not a link`);
  return file;
}

async function worstInFile(
  base: string,
  tensor: TensorProto,
  words: string,
  handle: FileHandle,
): Promise<number | undefined> {
  const { size } = await handle.stat();
  const offset = Number(externalEntry(tensor, 'offset') ?? 0);
  const length = Number(externalEntry(tensor, 'length') ?? size - offset);
  if (!(offset >= 0 && length >= 0 && offset + length <= size)) {
    throw new LoadError(base, `: external data of ${words} ends beyond its file`);
  }
  let worst: number | undefined;
  await scan(handle, offset, length, chunk => {
    const values = { dataType: tensor.dataType, floatData: [], doubleData: [], int32Data: [] };
    if (!Number.isNaN(worst)) worst = worse(worst, worstOf(values, chunk));
  });
  return worst;
}
