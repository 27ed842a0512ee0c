// Which versions of a model serve and who gets which: serving.json in the model's folder, or Triton's config.pbtxt.
import path from 'node:path';
import { z } from 'zod';
import { LoadError } from '../core/errors.ts';
import { own } from '../core/own.ts';
import { parseJson, readTextIfThere } from './files.ts';
import { tritonVersions } from './triton.ts';

/** Labels stand where version numbers do, so that none may look like one. */
export const LABEL = /^[a-z][a-z0-9-]{0,31}$/;
const version = z.int().min(0).max(999_999_999);
const named = z.union([version, z.string().regex(LABEL, 'expected a version or a label')]);
const share = z.number().min(0).max(1);

const policy = z.union([
  z.literal('all'),
  z.strictObject({ latest: z.int().positive() }),
  z.strictObject({ specific: z.array(version).min(1) }),
]);
export type VersionPolicy = z.infer<typeof policy>;

export const servingSchema = z.strictObject({
  $schema: z.string().optional(),
  versions: policy.optional().describe('Which versions serve; without it, what POLYHEAD_VERSIONS says.'),
  labels: z
    .record(z.string().regex(LABEL, 'a label is a small letter, then letters, digits and dashes'), version)
    .default({})
    .describe('Names for versions. Requests that name no version go to the one labelled stable, else to the newest.'),
  canary: z
    .strictObject({ version: named, share })
    .optional()
    .describe('A share of the requests that name no version goes to this one.'),
  shadow: z
    .strictObject({ version: named, share: share.default(1) })
    .optional()
    .describe('A share of those requests is also run by this one; its answers are compared and never sent.'),
});
export type Serving = z.infer<typeof servingSchema>;

/** What `POLYHEAD_VERSIONS` says: `all`, or `latest:N`. */
export function policyOf(text: string): VersionPolicy {
  return text === 'all' ? 'all' : { latest: Number(text.slice('latest:'.length)) };
}

/** Reads a model's settings; none are all versions, no labels. @throws {LoadError} naming the file and the fault. */
export async function readServing(folder: string): Promise<Serving> {
  const own = await readTextIfThere(path.join(folder, 'serving.json'));
  if (own !== undefined) return parseServing(own);
  const versions = await tritonVersions(folder);
  return servingSchema.parse(versions === undefined ? {} : { versions });
}

function parseServing(text: string): Serving {
  const parsed = servingSchema.safeParse(parseJson(text, 'serving.json'));
  if (!parsed.success) {
    const faults = parsed.error.issues.map(({ path: at, message }) => `${at.join('.') || 'serving.json'}: ${message}`);
    throw new LoadError('serving.json', `: ${faults.slice(0, 8).join('; ')}`);
  }
  const { labels, canary, shadow } = parsed.data;
  for (const [what, target] of Object.entries({ canary, shadow })) {
    if (typeof target?.version === 'string' && own(labels, target.version) === undefined) {
      throw new LoadError('serving.json', `: ${what}.version: there is no label "${target.version}"`);
    }
  }
  return parsed.data;
}
