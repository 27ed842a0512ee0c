// Model repositories for one test file: copies of whole models in a temporary folder that goes away with the file.
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ROOT } from '../server/service.ts';

/** The weather model by itself. */
export const WEATHER = repositoryOf('models/weather');
export const BROKEN = `${ROOT}test/fixtures/broken`;

/** Every model of this repository that has golden answers, copied. */
export function ownModels(): string {
  const files = readdirSync(`${ROOT}models`, { recursive: true, encoding: 'utf8' });
  const golden = files.filter(file => /^[^/]+\/\d+\/golden\.json$/.test(file)).map(file => file.split('/')[0]);
  return repositoryOf(...[...new Set(golden)].map(name => `models/${name}`));
}

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
    cpSync(path.join(ROOT, model), path.join(repository, path.basename(model)), {
      recursive: true,
      filter: file => path.basename(file) !== 'recipe',
    });
  }
  return repository;
}
