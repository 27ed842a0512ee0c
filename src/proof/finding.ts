// What a proof found out and a later start may take over: it crosses from the prover's process, and is kept on disk.
import { z } from 'zod';
import { PROVIDERS } from '../core/providers.ts';
import { manifestSchema } from '../model/manifest.ts';
import { certificateSchema } from './certificate.ts';

const count = z.number().int().min(1);
const milliseconds = z.strictObject({ lone: z.number(), full: z.number() });

export const findingSchema = z.strictObject({
  /** The version's own, or found out by experiment. */
  manifest: manifestSchema,
  certificate: certificateSchema,
  /** How far it was shown to go; the manifest is held to that. */
  reach: z.strictObject({ steps: count, paddedSteps: count.optional(), why: z.string().optional() }).optional(),
  provider: z.strictObject({
    provider: z.enum(PROVIDERS),
    /** Where `auto` could not have CUDA, the reason. */
    fallback: z.string().optional(),
    /** Whether CUDA is installed and yet cannot be used. */
    broken: z.boolean().optional(),
    /** Where `auto` could have both: how long one sequence and a full batch took on each. */
    measured: z.strictObject({ cpu: milliseconds, cuda: milliseconds }).optional(),
    /** Nodes by execution provider, from the runtime's profile of one run; only on CUDA. */
    placement: z.record(z.string(), z.number().int()).optional(),
  }),
});

export type Finding = z.infer<typeof findingSchema>;
export type ProviderFinding = Finding['provider'];

/** The measurement in a sentence, for the log and the description. */
export function reasonOf({ provider, fallback, measured }: ProviderFinding): string | undefined {
  if (!measured) return fallback;
  const told = ({ lone, full }: z.infer<typeof milliseconds>) => `${lone.toFixed(2)} and ${full.toFixed(2)} ms`;
  return `${provider} is faster: one sequence and a full batch took ${told(measured.cpu)} on one CPU worker, ${told(measured.cuda)} on CUDA`;
}
