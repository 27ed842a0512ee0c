// models/<name>/<version>/ on disk: what is there, and that nothing in it leads outside.
import { lstat, readdir } from 'node:fs/promises';
import path from 'node:path';
import { LoadError } from '../core/errors.ts';

export const MODEL_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
export const MODEL_VERSION = /^(0|[1-9][0-9]{0,8})$/;

/** A version directory, or the reason why there is none. */
export interface VersionFolder {
  readonly model: string;
  readonly version: string;
  readonly folder: string;
  readonly fault?: string;
}

/**
 * Lists the repository, by name and then by version, oldest first. Files beside the models, hidden folders and a
 * model's other folders (its recipe) are passed over.
 * @throws {LoadError} if the repository itself cannot be read.
 */
export async function listRepository(root: string): Promise<VersionFolder[]> {
  const entries = await readdir(root, { withFileTypes: true }).catch(error => {
    throw new LoadError(`model repository "${root}" cannot be read (${error.code})`);
  });
  const found: VersionFolder[] = [];
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (entry.isFile() || entry.name.startsWith('.')) continue;
    const folder = path.join(root, entry.name);
    const refuse = (fault: string) => found.push({ model: entry.name, version: '', folder, fault });
    if (entry.isSymbolicLink()) refuse('is a link; the repository holds plain folders only');
    else if (!MODEL_NAME.test(entry.name)) refuse(`is no model name (expected ${MODEL_NAME.source})`);
    else {
      const versions = await versionFolders(entry.name, folder);
      if (versions.length === 0) refuse('has no version folder (expected for example 1/)');
      found.push(...versions);
    }
  }
  return found;
}

async function versionFolders(model: string, folder: string): Promise<VersionFolder[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  return entries
    .filter(entry => MODEL_VERSION.test(entry.name) && !entry.isFile())
    .sort((a, b) => Number(a.name) - Number(b.name))
    .map(entry => ({
      model,
      version: entry.name,
      folder: path.join(folder, entry.name),
      fault: entry.isDirectory() ? undefined : 'is a link; the repository holds plain folders only',
    }));
}

/** @throws {LoadError} if a version folder holds a link; external data is checked for hard links too (graph.ts). */
export async function checkContained(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const stat = await lstat(path.join(folder, name));
    if (stat.isSymbolicLink()) throw new LoadError(`${name} is a link; a version folder holds plain files only`);
  }
}
