// The models of this repository, each in the version that is served.
import { readdirSync } from 'node:fs';
import { ROOT } from '../server/service.ts';

const numbersOf = (folder: string) =>
  readdirSync(folder)
    .filter(name => /^\d+$/.test(name))
    .map(Number);

/** Version by name, in the order of the names; folders without versions, such as kept certificates, are no models. */
export const SHIPPED: ReadonlyMap<string, string> = new Map(
  readdirSync(`${ROOT}models`, { withFileTypes: true })
    .filter(entry => entry.isDirectory())
    .map(({ name }) => [name, numbersOf(`${ROOT}models/${name}`)] as const)
    .filter(([, versions]) => versions.length > 0)
    .map(([name, versions]) => [name, `${Math.max(...versions)}`]),
);

/** The folder of a model's version. */
export const shippedFolder = (model: string): string => `${ROOT}models/${model}/${SHIPPED.get(model)}`;
