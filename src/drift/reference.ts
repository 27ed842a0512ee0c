// What was usual when the model was made: reference.json beside it, written by `polyhead reference` from a file of sequences.
import path from 'node:path';
import { z } from 'zod';
import { LoadError } from '../core/errors.ts';
import { parseJson, readTextIfThere } from '../model/files.ts';

const share = z.number().min(0).max(1);
const name = z.string().min(1).max(256);

export const referenceSchema = z.strictObject({
  formatVersion: z.literal(1),
  /** Of the graph that gave the answers: another graph's are no reference. */
  sha256: z.string().length(64),
  sequences: z.int().positive(),
  features: z.array(
    z
      .strictObject({
        input: name,
        feature: name,
        minimum: z.number().nullable(),
        maximum: z.number().nullable(),
        missing: share,
      })
      .refine(({ minimum, maximum }) => minimum === null || maximum === null || minimum <= maximum, {
        error: 'the minimum is above the maximum',
      }),
  ),
  heads: z.array(
    z.discriminatedUnion('kind', [
      z.strictObject({
        head: name,
        kind: z.literal('labels'),
        shares: z.array(share).min(2),
        entropy: z.number().min(0),
      }),
      z
        .strictObject({
          head: name,
          kind: z.literal('values'),
          edges: z.array(z.number()),
          shares: z.array(share).min(1),
        })
        .refine(({ edges, shares }) => shares.length === edges.length + 1, {
          error: 'there is one share more than inner edges',
        })
        .refine(({ edges }) => edges.every((edge, i) => i === 0 || edge > edges[i - 1]), {
          error: 'the edges do not rise',
        }),
    ]),
  ),
});
export type Reference = z.infer<typeof referenceSchema>;
export type HeadReference = Reference['heads'][number];
export type FeatureReference = Reference['features'][number];

export const REFERENCE_FILE = 'reference.json';

/** The reference beside a graph, if there is one. @throws {LoadError} if it cannot be read, or is another graph's. */
export async function readReference(folder: string, sha256: string): Promise<Reference | undefined> {
  const text = await readTextIfThere(path.join(folder, REFERENCE_FILE));
  if (text === undefined) return undefined;
  const parsed = referenceSchema.safeParse(parseJson(text, REFERENCE_FILE));
  if (!parsed.success) {
    const [{ path: at, message }] = parsed.error.issues;
    throw new LoadError(REFERENCE_FILE, `: ${at.join('.')}: ${message}`);
  }
  if (parsed.data.sha256 !== sha256) {
    throw new LoadError(REFERENCE_FILE, "is another graph's: write it anew with polyhead reference");
  }
  return parsed.data;
}
