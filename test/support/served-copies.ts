// Model repositories for one test file: copies of whole models in a temporary folder that goes away with the file.
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ROOT } from './service.ts';

export const WEATHER = `${ROOT}models`;
export const BROKEN = `${ROOT}test/fixtures/broken`;

/** An empty folder, removed when the process ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'polyhead-e2e-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A repository of these models, each given from the root of the sources, such as `test/fixtures/models/lstm`. */
export function repositoryOf(...models: string[]): string {
  const repository = temporaryFolder();
  for (const model of models) {
    cpSync(path.join(ROOT, model), path.join(repository, path.basename(model)), { recursive: true });
  }
  return repository;
}
