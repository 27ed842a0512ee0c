// Registries over temporary repositories; importing this closes and removes them when the file's tests are done.
import { after } from 'node:test';
import { Metrics } from '../../../src/service/metrics.ts';
import type { ModelOptions } from '../../../src/service/model.ts';
import { Registry } from '../../../src/service/registry.ts';
import { configOf, log } from '../server/service.ts';
import { assertReadable } from './refusal.ts';
import { TemporaryRepository } from './repository.ts';

const repositories: TemporaryRepository[] = [];
const registries: Registry[] = [];
after(async () => {
  await Promise.all(registries.map(registry => registry.close()));
  for (const repository of repositories) repository.remove();
});

export function repositoryOf(fixtures: Record<string, string>): TemporaryRepository {
  const repository = new TemporaryRepository();
  repositories.push(repository);
  for (const [as, fixture] of Object.entries(fixtures)) repository.copy(fixture, as);
  return repository;
}

export async function load(root: string, options: Partial<ModelOptions> = {}): Promise<Registry> {
  const registry = new Registry(
    root,
    { ...configOf(), workers: 1, executionProvider: 'cpu', ...options },
    new Metrics('0'),
    log,
  );
  registries.push(registry);
  await registry.loadAll();
  for (const { reason } of registry.refused) assertReadable(reason);
  return registry;
}

/** The reasons by `<model>/<version>`. */
export const reasonsOf = ({ refused }: Registry) =>
  Object.fromEntries(refused.map(r => [`${r.model}/${r.version}`, r.reason]));
export const threads = () => process.getActiveResourcesInfo().filter(kind => kind === 'MessagePort').length;
