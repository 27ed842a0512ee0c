// Whether files are still what was read of them: before a worker opens a graph, at the start and after a crash.
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { LoadError } from '../core/errors.ts';
import { digestFile } from './onnx/weights.ts';

/** A check that files still have the digests they had; a file that was not touched is not read again. */
export function unchangedFiles(files: readonly string[]): (digests: readonly string[]) => Promise<void> {
  const seen = new Map<string, string>();
  return async digests => {
    for (const [i, file] of files.entries()) {
      const stamp = await stampOf(file);
      if (seen.get(file) === stamp) continue;
      const { sha256 } = await digestFile(file);
      if (sha256 !== digests[i]) throw new LoadError(path.basename(file), 'has changed since it was proved');
      seen.set(file, stamp);
    }
  };
}

async function stampOf(file: string): Promise<string> {
  const { ino, size, mtimeMs, ctimeMs } = await stat(file);
  return [ino, size, mtimeMs, ctimeMs].join();
}
