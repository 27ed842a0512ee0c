// manifest.json: what a graph means. The zod schema is the contract; models/manifest.schema.json is printed from it.
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { LoadError, messageOf } from '../core/errors.ts';

const name = z
  .string()
  .min(1)
  .max(128)
  .refine(value => value !== '__proto__', 'the name __proto__ is not allowed');
const labels = z.array(z.string().min(1).max(256)).min(2).refine(distinct, 'labels must differ from each other');
const text = z.string().max(2000).optional();
const positive = z.number().int().positive();

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

const inputShared = {
  name: name.describe('What callers write.'),
  description: text,
  tensor: name.describe('The graph input.'),
  lengths: name.optional().describe('Graph input [batch], int32 or int64: the valid time steps of each row.'),
  mask: name.optional().describe('Graph input [batch, time]: 1 for valid steps, 0 for padding.'),
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
  ])
  .refine(i => !(i.lengths && i.mask), 'an input names lengths or a mask, not both')
  .refine(i => i.time.minimum <= i.time.maximum, 'time.minimum is greater than time.maximum');

const headShared = {
  name: name.describe('What callers read.'),
  description: text,
  tensor: name.describe('The graph output.'),
  per: z.enum(['sequence', 'step']).default('sequence'),
};
const activation = z
  .enum(['none', 'logits'])
  .default('none')
  .describe('none: the graph answers probabilities; logits: the server applies sigmoid or softmax.');
const threshold = z.number().gt(0).lt(1).default(0.5);

const head = z.discriminatedUnion('kind', [
  z.strictObject({
    ...headShared,
    kind: z.literal('binary'),
    labels: labels.length(2).describe('The tensor holds the probability of the second label.'),
    threshold,
    activation,
  }),
  z.strictObject({ ...headShared, kind: z.literal('multiclass'), labels, activation }),
  z.strictObject({ ...headShared, kind: z.literal('multilabel'), labels, threshold, activation }),
  z.strictObject({
    ...headShared,
    kind: z.literal('regression'),
    unit: z.string().max(64).optional(),
    interval: z
      .strictObject({ lower: name, upper: name, coverage: z.number().gt(0).lt(1).optional() })
      .optional()
      .describe('Graph outputs that bound the value.'),
  }),
]);

export const manifestSchema = z.strictObject({
  $schema: z.string().optional(),
  formatVersion: z.literal(1),
  description: text,
  graph: z.strictObject({
    file: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'a plain file name in the version directory'),
    sha256: z
      .string()
      .regex(/^[0-9a-f]{64}$/, '64 lower-case hexadecimal digits')
      .optional(),
  }),
  inputs: z.array(input).min(1).refine(byName, 'input names must differ from each other'),
  heads: z.array(head).min(1).refine(byName, 'head names must differ from each other'),
  state: z
    .array(z.strictObject({ input: name, output: name, batchAxis: z.number().int().min(0).default(1) }))
    .default([])
    .describe('Recurrent state: graph inputs paired by name with the graph outputs that continue them.'),
  limits: z
    .strictObject({
      batchSize: positive.optional().describe('Most sequences in one run.'),
      paddedSteps: positive.optional().describe('Most of batch size x longest length in one run.'),
    })
    .default({}),
  executionProvider: z.enum(['auto', 'cpu', 'cuda']).optional(),
});

export type Manifest = z.infer<typeof manifestSchema>;
export type ManifestInput = Manifest['inputs'][number];
export type ManifestHead = Manifest['heads'][number];
export type Feature = z.infer<typeof feature>;

/** Reads and checks a manifest. @throws {LoadError} naming every fault (at most eight). */
export async function readManifest(file: string): Promise<Manifest> {
  const parsed = manifestSchema.safeParse(await readJson(file));
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map(issue => `${issue.path.join('.') || 'manifest'}: ${issue.message}`);
  const more = faults.length > 8 ? `; and ${faults.length - 8} more` : '';
  throw new LoadError(`manifest.json: ${faults.slice(0, 8).join('; ')}${more}`);
}

/** @throws {LoadError} if the file is missing or not JSON. */
export async function readJson(file: string): Promise<unknown> {
  const base = file.slice(file.lastIndexOf('/') + 1);
  const content = await readFile(file, 'utf8').catch(error => {
    throw new LoadError(error.code === 'ENOENT' ? `${base} is missing` : `${base} cannot be read (${error.code})`);
  });
  try {
    return JSON.parse(content);
  } catch (error) {
    throw new LoadError(`${base} is not JSON: ${messageOf(error).replace(/\s+/g, ' ')}`);
  }
}

function distinct(values: readonly string[]): boolean {
  return new Set(values).size === values.length;
}

function byName(values: readonly { name: string }[]): boolean {
  return distinct(values.map(value => value.name));
}
