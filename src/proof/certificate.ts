// What a batching certificate says; the schema also stands in the API document and checks certificates read from disk.
import { z } from 'zod';
import { MIXINGS } from '../model/mixing.ts';

const mixing = z.enum(MIXINGS).describe('Which sequences share a run: near lengths, equal lengths only, or none.');
const axis = z.number().int().nullable();

const verdict = {
  mixing,
  rows: z
    .enum(['exact', 'exactInPairs', 'tolerance', 'alone'])
    .describe(
      'Rows of equal length together: bit for bit as alone; so if a lone sequence runs as two copies of itself; within 1e-5; or none of these.',
    ),
  lengths: z
    .enum(['lengths', 'mask', 'zeroPadding', 'equalOnly'])
    .describe('What makes padding harmless: lengths, a mask, the graph itself; or nothing.'),
  worstDifference: z
    .number()
    .describe('The largest |together - alone| / max(1, |alone|) among the runs that this allows.'),
};

export const certificateSchema = z
  .object({
    ...verdict,
    state: z
      .object({
        ...verdict,
        continues: z
          .enum(['exact', 'tolerance', 'no', 'untested'])
          .describe('Two calls with the state between them against one call.'),
      })
      .nullable()
      .describe('The same for the state outputs; null for a model without state.'),
    axes: z
      .record(z.string(), z.object({ batch: axis, time: axis }))
      .describe('Where rows and time steps lie in each graph input and output.'),
    sideInputs: z.record(z.string(), z.enum(['changesAnswers', 'changesNothing', 'untested'])),
    counterExample: z.string().nullable().describe('What speaks against sharing more; null where nothing does.'),
    warnings: z.array(z.string()),
    sequences: z.number().int(),
    batches: z.number().int(),
    milliseconds: z.number().int(),
    complete: z
      .boolean()
      .describe(
        'Whether everything planned was tried. Of a very large graph only a part is before it serves: by the narrowest rule proved so far, until the rest was tried too.',
      ),
  })
  .describe('What was found out about batching this graph.');

export type Certificate = z.infer<typeof certificateSchema>;
export type Verdict = Pick<Certificate, keyof typeof verdict>;
export type RowsVerdict = Certificate['rows'];
/** Two calls against one: the same bits, within the tolerance, neither; or no way to tell. */
export type Continuity = NonNullable<Certificate['state']>['continues'];
export type SideEffect = Certificate['sideInputs'][string];
