// The text files of a version folder.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { LoadError, messageOf, oneLine } from '../core/errors.ts';

/** @throws {LoadError} if the file is missing or not JSON. */
export async function readJson(file: string): Promise<unknown> {
  return parseJson(await readText(file), path.basename(file));
}

/** @param name what the text is called in the error. @throws {LoadError} if it is not JSON. */
export function parseJson(text: string, name: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new LoadError(name, `is not JSON: ${oneLine(messageOf(error))}`);
  }
}

/** @throws {LoadError} if the file cannot be read. */
export async function readText(file: string): Promise<string> {
  return readFile(file, 'utf8').catch(error => {
    throw LoadError.unreadable(path.basename(file), error);
  });
}

/** @throws {LoadError} if the file is there and cannot be read. */
export async function readTextIfThere(file: string): Promise<string | undefined> {
  return readFile(file, 'utf8').catch(error => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw LoadError.unreadable(path.basename(file), error);
  });
}
