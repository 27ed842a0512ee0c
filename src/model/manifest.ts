// manifest.json: what a graph means. The zod schema is the contract; models/manifest.schema.json is printed from it.
import path from 'node:path';
import { z } from 'zod';
import { nearestWord } from '../core/edits.ts';
import { LoadError } from '../core/errors.ts';
import { PROVIDER_CHOICES } from '../core/providers.ts';
import { readJson, readText } from './files.ts';
import { control } from './manifest-controls.ts';
import { axis, byName, digest, name, plainFile, positive, text } from './manifest-fields.ts';
import { head } from './manifest-heads.ts';
import { type feature, input } from './manifest-inputs.ts';
import { MIXINGS } from './mixing.ts';

export const manifestSchema = z.strictObject({
  $schema: z.string().optional(),
  formatVersion: z.literal(1),
  description: text,
  graph: z.strictObject({
    file: plainFile,
    sha256: digest.optional(),
    externalData: z.record(plainFile, digest).optional().describe('Digests of the external data files.'),
  }),
  inputs: z.array(input).min(1).refine(byName, 'input names must differ from each other'),
  heads: z.array(head).min(1).refine(byName, 'head names must differ from each other'),
  state: z
    .array(z.strictObject({ input: name, output: name, batchAxis: axis.nullable().default(1) }))
    .default([])
    .describe('Recurrent state: graph inputs paired by name with the graph outputs that continue them.'),
  controls: z
    .array(control)
    .default([])
    .describe('Inputs that tell the graph where in its sequence a call stands; the server fills them in.'),
  limits: z
    .strictObject({
      batchSize: positive.optional().describe('Most sequences in one run.'),
      paddedSteps: positive.optional().describe('Most of batch size x longest length in one run.'),
      mixing: z
        .enum(MIXINGS)
        .optional()
        .describe(
          'What may share a run. It narrows what the server finds out; a manifest that claims more is refused.',
        ),
    })
    .default({}),
  executionProvider: z.enum(PROVIDER_CHOICES).optional(),
  deviceId: z.number().int().min(0).max(999).optional().describe('The CUDA device that this model runs on.'),
});

export type Manifest = z.infer<typeof manifestSchema>;
export type ManifestInput = Manifest['inputs'][number];
export type SideInput = Extract<ManifestInput, { kind: 'side' }>;
/** An input of which every sequence brings its own. */
export type RowInput = Exclude<ManifestInput, SideInput>;
export type ManifestHead = Manifest['heads'][number];
export type ManifestControl = Manifest['controls'][number];
export type Feature = z.infer<typeof feature>;

/** Reads and checks a manifest, the files of its heads included. @throws {LoadError} naming every fault (at most eight). */
export async function readManifest(file: string): Promise<Manifest> {
  const json = await readJson(file);
  await readHeadFiles(path.dirname(file), json);
  return parseManifest(json);
}

/** @param from the file at fault, where it is no manifest that somebody wrote. @throws {LoadError} */
export function parseManifest(json: unknown, from = 'manifest.json'): Manifest {
  const parsed = manifestSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map(issue => {
    const hint = issue.code === 'unrecognized_keys' ? meant(issue.keys) : '';
    return `${issue.path.join('.') || 'manifest'}: ${issue.message}${hint}`;
  });
  const more = faults.length > 8 ? `; and ${faults.length - 8} more` : '';
  throw new LoadError(from, `: ${faults.slice(0, 8).join('; ')}${more}`);
}

let known: readonly string[] | undefined;

/** What unknown keys may have been meant to be. */
function meant(keys: readonly string[]): string {
  known ??= [...keysOf(z.toJSONSchema(manifestSchema, { io: 'input', unrepresentable: 'any' }))];
  const near = keys.flatMap(key => (known?.includes(key) ? [] : (nearestWord(key, known ?? []) ?? [])));
  return near.length === 0 ? '' : ` (did you mean ${near.map(key => JSON.stringify(key)).join(', ')}?)`;
}

/** Every key that a schema knows, wherever it may stand. */
function keysOf(schema: unknown, found = new Set<string>()): Set<string> {
  if (typeof schema !== 'object' || schema === null) return found;
  for (const [name, value] of Object.entries(schema)) {
    if (name === 'properties') for (const key of Object.keys(value)) found.add(key);
    keysOf(value, found);
  }
  return found;
}

/** Puts what a head's files hold where its labels and transitions would stand. */
async function readHeadFiles(folder: string, json: unknown): Promise<void> {
  const heads = (json as { heads?: unknown } | null)?.heads;
  if (!Array.isArray(heads)) return;
  for (const head of heads) {
    if (plainFile.safeParse(head?.transitionsFile).success) {
      if (head.transitions !== undefined)
        throw new LoadError('manifest.json', `: head "${head.name}" has transitions and a transitionsFile`);
      head.transitions = await readJson(path.join(folder, head.transitionsFile));
    }
    if (!plainFile.safeParse(head?.labelsFile).success) continue;
    if (head.labels !== undefined)
      throw new LoadError('manifest.json', `: head "${head.name}" has labels and a labelsFile`);
    const content = await readText(path.join(folder, head.labelsFile));
    head.labels = content.replace(/\r?\n$/, '').split(/\r?\n/);
  }
}
