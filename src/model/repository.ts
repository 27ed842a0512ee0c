// A model repository on disk: which versions are there, in the layouts that servers and exporters write, and that nothing in
// it leads outside.
//   <root>/<name>/<version>/model.onnx   ours, Triton's, TF Serving's; a version may be called 1 or v1
//   <root>/<name>/model.onnx             a model without versions: it is version 1
//   <root>/<version>/model.onnx          the versions of one model (OpenVINO Model Server)
//   <root>/model.onnx                    one model
import { lstat, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { LoadError } from '../core/errors.ts';

/** `stats` would be out of reach: GET /v2/models/stats is a path of its own. */
export const MODEL_NAME = /^(?!stats$)[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
export const MODEL_VERSION = /^(0|[1-9][0-9]{0,8})$/;
const VERSION_FOLDER = /^v?(0|[1-9][0-9]{0,8})$/;
/** What a file system keeps in its own root, where that is mounted as the repository. */
const OF_THE_SYSTEM = 'lost+found';
/** What makes a folder a version's: a graph, or a manifest that names one. */
const GRAPH_FILE = /^(manifest\.json|[^.].*\.onnx)$/;
const LINK = 'is a link; the repository holds plain folders only';

/** A version directory, or the reason why there is none. */
export interface VersionFolder {
  readonly model: string;
  readonly version: string;
  readonly folder: string;
  /** The repository that it belongs to. */
  readonly root: string;
  readonly fault?: string;
  /** Nobody knows what it holds now: what serves of it goes on. */
  readonly isUnread?: boolean;
}

type Found = Omit<VersionFolder, 'model' | 'root'>;

/**
 * Lists the repository, by name and then by version, oldest first. Files beside the models, hidden folders and a
 * model's other folders (its recipe) are passed over. `name` is that of a model that lies in the root itself.
 * @throws {LoadError} if the repository itself cannot be read.
 */
export async function listRepository(root: string, name?: string): Promise<VersionFolder[]> {
  const entries = await readdir(root, { withFileTypes: true }).catch(error => {
    throw new LoadError(`model repository "${root}" cannot be read (${error.code})`);
  });
  const folders = entries.filter(entry => entry.isDirectory() && MODEL_NAME.test(entry.name));
  const single = await singleModel(
    root,
    folders.map(entry => entry.name),
  );
  if (single) {
    const model = name || path.basename(path.resolve(root));
    const fault = MODEL_NAME.test(model) ? undefined : `is no model name (expected ${MODEL_NAME.source})`;
    return single.map(version => ({ model, root, ...version, fault: fault ?? version.fault }));
  }
  const found: VersionFolder[] = [];
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (entry.isFile() || entry.name.startsWith('.') || entry.name === OF_THE_SYSTEM) continue;
    const folder = path.join(root, entry.name);
    const refuse = (fault: string) => found.push({ model: entry.name, root, version: '', folder, fault });
    if (entry.isSymbolicLink()) refuse(LINK);
    else if (!MODEL_NAME.test(entry.name)) refuse(`is no model name (expected ${MODEL_NAME.source})`);
    else {
      const versions = await versionsIn(folder).catch(unreadable(folder));
      if (versions?.length === 0) refuse('has no version folder (expected for example 1/)');
      for (const version of versions ?? []) found.push({ model: entry.name, root, ...version });
    }
  }
  return found;
}

/** One model's folder that cannot be read is that model's fault; one that is gone by now, nobody's. */
function unreadable(folder: string): (error: NodeJS.ErrnoException) => Found[] | undefined {
  return ({ code }) =>
    code === 'ENOENT' ? undefined : [{ version: '', folder, fault: unreadBy(code), isUnread: true }];
}

const unreadBy = (code: string | undefined) => `cannot be read (${code})`;

/** The versions of the one model that lies in the root itself, if it does: a graph beside model folders is none. */
async function singleModel(root: string, names: readonly string[]): Promise<Found[] | undefined> {
  const versions = await versionFolders(root);
  for (const { folder, fault } of versions) if (!fault && (await holdsGraph(folder))) return versions;
  if (!(await holdsGraph(root))) return undefined;
  for (const name of names) if ((await versionsIn(path.join(root, name))).length > 0) return undefined;
  return [{ version: '1', folder: root }];
}

async function versionsIn(folder: string): Promise<Found[]> {
  const versions = await versionFolders(folder);
  return versions.length === 0 && (await holdsGraph(folder)) ? [{ version: '1', folder }] : versions;
}

async function versionFolders(folder: string): Promise<Found[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const found = entries
    .filter(entry => VERSION_FOLDER.test(entry.name) && !entry.isFile())
    .map(entry => ({
      version: entry.name.replace('v', ''),
      folder: path.join(folder, entry.name),
      fault: entry.isDirectory() ? undefined : LINK,
    }))
    .sort((a, b) => Number(a.version) - Number(b.version) || (a.folder < b.folder ? -1 : 1));
  return found.map((entry, i) =>
    entry.version === found[i - 1]?.version ? { ...entry, fault: `is version ${entry.version} a second time` } : entry,
  );
}

async function holdsGraph(folder: string): Promise<boolean> {
  const entries = await readdir(folder, { withFileTypes: true });
  return entries.some(entry => entry.isFile() && GRAPH_FILE.test(entry.name));
}

/** @throws {LoadError} if a version folder cannot be read, or holds a link or a pipe; external data is checked for hard links too (onnx/graph.ts). */
export async function checkContained(folder: string): Promise<void> {
  const names = await readdir(folder).catch(({ code }) => {
    throw new LoadError(unreadBy(code));
  });
  for (const name of names) {
    const stat = await lstat(path.join(folder, name));
    if (stat.isSymbolicLink()) throw new LoadError(name, 'is a link; a version folder holds plain files only');
    // Whoever opened a pipe would wait for ever.
    if (!stat.isFile() && !stat.isDirectory()) throw new LoadError(name, 'is neither a file nor a folder');
  }
}

/** The folder of a model's own settings: the one that holds its versions, or the only version itself. */
export function homeOf({ model, root, folder }: VersionFolder): string {
  const parent = path.dirname(folder);
  return folder === root || (parent === root && path.basename(folder) === model) ? folder : parent;
}

/** What tells one state of a version folder from another, without reading its files: their names, sizes and times. */
export async function stampOf(folder: string): Promise<string> {
  const names = (await readdir(folder).catch((): string[] => [])).sort();
  const facts = names.map(async name => {
    const found = await stat(path.join(folder, name)).catch(() => undefined);
    return `${name}:${found?.ino}:${found?.size}:${found?.mtimeMs}`;
  });
  return (await Promise.all(facts)).join('\n');
}

/** Bytes of the files in a version folder: about how long it takes to read and to prove. */
export async function bytesOf(folder: string): Promise<number> {
  const names = await readdir(folder).catch((): string[] => []);
  const sizes = names.map(async name => (await stat(path.join(folder, name)).catch(() => undefined))?.size ?? 0);
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}
