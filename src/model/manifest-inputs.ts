// The inputs of a manifest: what callers send, and where the graph takes it.
import { z } from 'zod';
import { axis, batchAxis, byName, labels, name, positive, text } from './manifest-fields.ts';
import { media } from './media.ts';

export const feature = z
  .strictObject({
    name,
    description: text,
    unit: z.string().max(64).optional(),
    minimum: z.number().optional(),
    maximum: z.number().optional(),
    integer: z.boolean().optional().describe('Only whole numbers are accepted.'),
    missing: z
      .boolean()
      .optional()
      .describe('Callers may send null: the graph gets NaN, which trials at load must show that it handles.'),
    categories: labels.optional().describe('Callers send one of these labels, or its index; the graph gets the index.'),
  })
  .refine(f => !f.categories || (f.minimum === undefined && f.maximum === undefined && !f.integer), {
    message: 'a feature with categories has no minimum, maximum or integer',
  })
  .refine(f => (f.minimum ?? -Infinity) <= (f.maximum ?? Infinity), 'minimum is greater than maximum');

const scalar = z.union([z.number(), z.string(), z.boolean()]);
const VALUES = 'The values accepted.';

const inputShared = {
  name: name.describe('What callers write.'),
  description: text,
  tensor: name.describe('The graph input.'),
  batchAxis,
  timeAxis: axis.default(1).describe('Where the time steps lie.'),
  lengths: name.optional().describe('Graph input [batch], int32 or int64: the valid time steps of each row.'),
  mask: name.optional().describe('Graph input [batch, time]: 1 for valid steps, 0 for padding.'),
  sameTimeAs: name.optional().describe('An earlier input whose number of time steps this one must have.'),
  time: z
    .strictObject({
      minimum: positive.default(1),
      maximum: positive,
      multipleOf: positive.optional().describe('The graph takes only multiples of so many time steps.'),
      pad: z
        .literal(true)
        .optional()
        .describe(
          'Other numbers are padded with zeros to the next multiple: only where trials show that padding changes no answer.',
        ),
    })
    .default({ minimum: 1, maximum: 4096 }),
  example: z
    .unknown()
    .optional()
    .describe('What callers might send of it: tried first, shown in documents, and where words to try come from.'),
};

export const input = z
  .discriminatedUnion('kind', [
    z.strictObject({
      ...inputShared,
      kind: z.literal('numeric'),
      features: z.array(feature).min(1).refine(byName, 'feature names must differ from each other'),
    }),
    z.strictObject({ ...inputShared, kind: z.literal('index'), size: positive.describe('Ids are 0 to size - 1.') }),
    z.strictObject({
      ...inputShared,
      kind: z.literal('token'),
      split: z
        .literal('words')
        .optional()
        .describe(
          'Callers may send a text instead: it is cut into runs of letters, digits and underscores, and single other characters.',
        ),
      values: z.array(z.string()).min(1).optional().describe(VALUES),
    }),
    z.strictObject({
      ...inputShared,
      kind: z.literal('tensor').describe("Callers send the row as nested arrays of the tensor's own shape and type."),
      timeAxis: axis.nullable().default(1).describe('Where the time steps lie; null: the tensor has none.'),
      media: media.optional().describe('What the tensor holds, if people have it as a file: a picture or sound.'),
      openSize: positive.optional().describe('A size to try the other axes with that the graph leaves open.'),
      minimum: z.number().optional().describe('The least number that is accepted.'),
      maximum: z.number().optional().describe('The greatest number that is accepted.'),
      integer: z.boolean().optional().describe('Only whole numbers are accepted.'),
      values: z.array(scalar).min(1).optional().describe(VALUES),
    }),
    z.strictObject({
      name: inputShared.name,
      description: text,
      tensor: inputShared.tensor,
      kind: z.literal('side').describe('One value for a whole run; sequences with other values run apart.'),
      default: scalar.optional().describe('The value where callers send none.'),
      values: z.array(scalar).min(1).optional().describe(VALUES),
      minimum: z.number().optional().describe('The least number that is accepted.'),
      maximum: z.number().optional().describe('The greatest number that is accepted.'),
      example: scalar.optional().describe('A value to try the graph with.'),
    }),
  ])
  .refine(i => i.kind === 'side' || !(i.lengths && i.mask), 'an input names lengths or a mask, not both')
  .refine(i => i.kind === 'side' || i.time.minimum <= i.time.maximum, 'time.minimum is greater than time.maximum')
  .refine(
    i => i.kind === 'side' || !i.time.pad || i.time.multipleOf,
    'time.pad pads to time.multipleOf, which is not given',
  )
  .refine(
    i => i.kind === 'side' || !i.time.pad || i.time.maximum % (i.time.multipleOf ?? 1) === 0,
    'time.maximum is no multiple of time.multipleOf, to which it would be padded',
  )
  .refine(i => i.kind !== 'tensor' || !((i.minimum ?? -Infinity) > (i.maximum ?? Infinity)), 'minimum > maximum');
