// manifest.json: what a graph means. The zod schema is the contract; models/manifest.schema.json is printed from it.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { LoadError, messageOf } from '../core/errors.ts';

const name = z
  .string()
  .min(1)
  .max(256)
  .refine(value => value !== '__proto__', 'the name __proto__ is not allowed');
const labels = z.array(z.string().min(1).max(256)).min(2).refine(distinct, 'labels must differ from each other');
const text = z.string().max(2000).optional();
const positive = z.number().int().positive();
const axis = z.number().int().min(0).max(7);
const plainFile = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'a plain file name in the version directory');
const digest = z.string().regex(/^[0-9a-f]{64}$/, '64 lower-case hexadecimal digits');

const feature = z
  .strictObject({
    name,
    description: text,
    unit: z.string().max(64).optional(),
    minimum: z.number().optional(),
    maximum: z.number().optional(),
    integer: z.boolean().optional().describe('Only whole numbers are accepted.'),
    categories: labels.optional().describe('Callers send one of these labels, or its index; the graph gets the index.'),
  })
  .refine(f => !f.categories || (f.minimum === undefined && f.maximum === undefined && !f.integer), {
    message: 'a feature with categories has no minimum, maximum or integer',
  })
  .refine(f => (f.minimum ?? -Infinity) <= (f.maximum ?? Infinity), 'minimum is greater than maximum');

const batchAxis = axis.nullable().default(0).describe('Where the rows lie; null: the tensor has no batch axis.');
const inputShared = {
  name: name.describe('What callers write.'),
  description: text,
  tensor: name.describe('The graph input.'),
  batchAxis,
  timeAxis: axis.default(1).describe('Where the time steps lie.'),
  lengths: name.optional().describe('Graph input [batch], int32 or int64: the valid time steps of each row.'),
  mask: name.optional().describe('Graph input [batch, time]: 1 for valid steps, 0 for padding.'),
  sameTimeAs: name.optional().describe('An earlier input whose number of time steps this one must have.'),
  time: z.strictObject({ minimum: positive.default(1), maximum: positive }).default({ minimum: 1, maximum: 4096 }),
};

const input = z
  .discriminatedUnion('kind', [
    z.strictObject({
      ...inputShared,
      kind: z.literal('numeric'),
      features: z.array(feature).min(1).refine(byName, 'feature names must differ from each other'),
    }),
    z.strictObject({ ...inputShared, kind: z.literal('index'), size: positive.describe('Ids are 0 to size - 1.') }),
    z.strictObject({ ...inputShared, kind: z.literal('token') }),
    z.strictObject({
      ...inputShared,
      kind: z.literal('tensor').describe("Callers send the row as nested arrays of the tensor's own shape and type."),
      timeAxis: axis.nullable().default(1).describe('Where the time steps lie; null: the tensor has none.'),
      openSize: positive.optional().describe('A size to try the other axes with that the graph leaves open.'),
    }),
    z.strictObject({
      name: inputShared.name,
      description: text,
      tensor: inputShared.tensor,
      kind: z.literal('side').describe('One value for a whole run; sequences with other values run apart.'),
      default: z.union([z.number(), z.string(), z.boolean()]).optional().describe('The value where callers send none.'),
      values: z
        .array(z.union([z.number(), z.string(), z.boolean()]))
        .min(1)
        .optional()
        .describe('The values accepted.'),
      example: z.union([z.number(), z.string(), z.boolean()]).optional().describe('A value to try the graph with.'),
    }),
  ])
  .refine(i => i.kind === 'side' || !(i.lengths && i.mask), 'an input names lengths or a mask, not both')
  .refine(i => i.kind === 'side' || i.time.minimum <= i.time.maximum, 'time.minimum is greater than time.maximum');

const headShared = {
  name: name.describe('What callers read.'),
  description: text,
  tensor: name.describe('The graph output.'),
  per: z.enum(['sequence', 'step']).default('sequence'),
  batchAxis,
  timeAxis: axis.default(1).describe('Where the time steps lie in a head per step.'),
  input: name.optional().describe('The input whose time steps a head per step follows; the first one if left out.'),
};
const activation = z
  .enum(['none', 'logits'])
  .default('none')
  .describe('none: the graph answers probabilities; logits: the server applies sigmoid or softmax.');
const threshold = z.number().gt(0).lt(1).default(0.5);
const manyLabels = {
  labels: z.union([labels, z.tuple([])]).default([]),
  labelsFile: plainFile
    .optional()
    .describe('A text file beside the manifest with one label a line, instead of labels.'),
};
const finite = z.number();

const head = z
  .discriminatedUnion('kind', [
    z.strictObject({
      ...headShared,
      kind: z.literal('binary'),
      labels: labels.length(2).describe('The tensor holds the probability of the second label.'),
      threshold,
      activation,
    }),
    z.strictObject({ ...headShared, kind: z.literal('multiclass'), ...manyLabels, activation }),
    z.strictObject({ ...headShared, kind: z.literal('multilabel'), ...manyLabels, threshold, activation }),
    z.strictObject({
      ...headShared,
      kind: z
        .literal('ordinal')
        .describe('Ordered labels: the tensor holds, for each label but the last, P(answer is beyond it).'),
      ...manyLabels,
      activation,
    }),
    z.strictObject({
      ...headShared,
      kind: z.literal('regression'),
      unit: z.string().max(64).optional(),
      scale: finite.default(1).describe("The value is the graph's number x scale + offset."),
      offset: finite.default(0),
      interval: z
        .strictObject({ lower: name, upper: name, coverage: z.number().gt(0).lt(1).optional() })
        .optional()
        .describe('Graph outputs that bound the value.'),
    }),
    z.strictObject({
      ...headShared,
      kind: z.literal('tensor').describe("The answer is the row as nested arrays of the tensor's own shape and type."),
    }),
  ])
  .refine(h => !('labels' in h) || h.labels.length >= 2, 'labels: expected two or more, here or in labelsFile')
  .refine(h => h.kind !== 'regression' || h.scale !== 0, 'scale must not be 0');

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
    .array(z.strictObject({ input: name, output: name, batchAxis: axis.default(1) }))
    .default([])
    .describe('Recurrent state: graph inputs paired by name with the graph outputs that continue them.'),
  limits: z
    .strictObject({
      batchSize: positive.optional().describe('Most sequences in one run.'),
      paddedSteps: positive.optional().describe('Most of batch size x longest length in one run.'),
      mixing: z
        .enum(['classes', 'equal', 'alone'])
        .optional()
        .describe(
          'What may share a run. It narrows what the server finds out; a manifest that claims more is refused.',
        ),
    })
    .default({}),
  executionProvider: z.enum(['auto', 'cpu', 'cuda']).optional(),
});

export type Manifest = z.infer<typeof manifestSchema>;
export type ManifestInput = Manifest['inputs'][number];
export type SideInput = Extract<ManifestInput, { kind: 'side' }>;
/** An input of which every sequence brings its own. */
export type RowInput = Exclude<ManifestInput, SideInput>;
export type ManifestHead = Manifest['heads'][number];
export type Feature = z.infer<typeof feature>;

/** Reads and checks a manifest, label files included. @throws {LoadError} naming every fault (at most eight). */
export async function readManifest(file: string): Promise<Manifest> {
  const json = await readJson(file);
  await readLabelFiles(path.dirname(file), json);
  return parseManifest(json);
}

/** @throws {LoadError} */
export function parseManifest(json: unknown): Manifest {
  const parsed = manifestSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map(issue => `${issue.path.join('.') || 'manifest'}: ${issue.message}`);
  const more = faults.length > 8 ? `; and ${faults.length - 8} more` : '';
  throw new LoadError(`manifest.json: ${faults.slice(0, 8).join('; ')}${more}`);
}

/** @throws {LoadError} if the file is missing or not JSON. */
export async function readJson(file: string): Promise<unknown> {
  const content = await readText(file);
  try {
    return JSON.parse(content);
  } catch (error) {
    throw new LoadError(`${path.basename(file)} is not JSON: ${messageOf(error).replace(/\s+/g, ' ')}`);
  }
}

async function readText(file: string): Promise<string> {
  const base = path.basename(file);
  return readFile(file, 'utf8').catch(error => {
    throw new LoadError(error.code === 'ENOENT' ? `${base} is missing` : `${base} cannot be read (${error.code})`);
  });
}

/** Puts the lines of each head's label file where its labels would stand. */
async function readLabelFiles(folder: string, json: unknown): Promise<void> {
  const heads = (json as { heads?: unknown } | null)?.heads;
  if (!Array.isArray(heads)) return;
  for (const head of heads) {
    if (!plainFile.safeParse(head?.labelsFile).success) continue;
    if (head.labels !== undefined)
      throw new LoadError(`manifest.json: head "${head.name}" has labels and a labelsFile`);
    const content = await readText(path.join(folder, head.labelsFile));
    head.labels = content.replace(/\r?\n$/, '').split(/\r?\n/);
  }
}

function distinct(values: readonly string[]): boolean {
  return new Set(values).size === values.length;
}

function byName(values: readonly { name: string }[]): boolean {
  return distinct(values.map(value => value.name));
}
