// The control inputs of a manifest: what a graph is told of a call's place in its sequence.
import { z } from 'zod';
import { name } from './manifest-fields.ts';

export const control = z.strictObject({
  input: name.describe('The graph input [batch] or [batch, 1].'),
  kind: z
    .enum(['start', 'end', 'ready', 'id'])
    .describe(
      'start: whether the call begins its sequence; end: whether it ends it; ready: whether the row is one at all; id: which sequence it is.',
    ),
  values: z
    .array(z.number())
    .length(2)
    .default([0, 1])
    .describe('What the graph gets for no and for yes; of no meaning for an id.'),
});
