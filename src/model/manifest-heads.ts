// The heads of a manifest: what callers read, and which output of the graph holds it.
import { z } from 'zod';
import { conformal, ofBinary, ofClasses } from './calibration.ts';
import { chainFault, transitions } from './label-chain.ts';
import { axis, batchAxis, labels, name, plainFile, text } from './manifest-fields.ts';

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
const linear = {
  unit: z.string().max(64).optional(),
  scale: z.number().default(1).describe("The value is the graph's number x scale + offset."),
  offset: z.number().default(0),
};
const nonFinite = (usual: 'null' | 'error') =>
  z
    .enum(['null', 'error'])
    .default(usual)
    .describe('What callers get where the graph gives NaN or an infinity: null there, or an error for the request.');
/** Nothing can be decided among labels by what is no number. */
const undecided = nonFinite('error');
const unknown = nonFinite('null');

export const head = z
  .discriminatedUnion('kind', [
    z.strictObject({
      ...headShared,
      kind: z.literal('binary'),
      labels: labels.length(2).describe('The tensor holds the probability of the second label.'),
      threshold,
      activation,
      nonFinite: undecided,
      calibration: ofBinary,
    }),
    z.strictObject({
      ...headShared,
      kind: z.literal('multiclass'),
      ...manyLabels,
      activation,
      calibration: ofClasses,
      nonFinite: undecided,
    }),
    z.strictObject({
      ...headShared,
      kind: z.literal('multilabel'),
      ...manyLabels,
      threshold,
      activation,
      calibration: ofClasses,
      nonFinite: undecided,
    }),
    z.strictObject({
      ...headShared,
      kind: z
        .literal('ordinal')
        .describe('Ordered labels: the tensor holds, for each label but the last, P(answer is beyond it).'),
      ...manyLabels,
      activation,
      calibration: ofClasses,
      nonFinite: undecided,
    }),
    z.strictObject({
      ...headShared,
      kind: z.literal('regression'),
      ...linear,
      interval: z
        .strictObject({ lower: name, upper: name, coverage: z.number().gt(0).lt(1).optional() })
        .optional()
        .describe('Graph outputs that bound the value.'),
      nonFinite: unknown,
      conformal,
    }),
    z.strictObject({
      ...headShared,
      kind: z.literal('gaussian').describe('A normal distribution, of which the tensor holds the mean.'),
      spread: name
        .optional()
        .describe(
          'The graph output that holds how wide it is; if left out, the tensor holds mean and spread side by side.',
        ),
      spreadAs: z
        .enum(['sd', 'variance', 'logVariance', 'logSd', 'softplus'])
        .default('sd')
        .describe(
          'What the spread is of the standard deviation; softplus: ln(1 + exp(spread)) is the standard deviation.',
        ),
      coverage: z.number().gt(0).lt(1).default(0.9).describe('The share of the distribution that the interval holds.'),
      ...linear,
      nonFinite: unknown,
    }),
    z.strictObject({
      ...headShared,
      kind: z
        .literal('sequence-labels')
        .describe(
          'Spans as IOB2 labels (O, B-kind, I-kind): the tensor holds a score (logit) for each step and label.',
        ),
      per: z.literal('step').default('step'),
      ...manyLabels,
      transitions: transitions.optional(),
      transitionsFile: plainFile.optional().describe('A JSON file beside the manifest that holds the transitions.'),
      nonFinite: undecided,
    }),
    z.strictObject({
      ...headShared,
      kind: z.literal('tensor').describe("The answer is the row as nested arrays of the tensor's own shape and type."),
      nonFinite: unknown,
    }),
  ])
  .refine(h => !('labels' in h) || h.labels.length >= 2, 'labels: expected two or more, here or in labelsFile')
  .refine(
    h => h.kind !== 'regression' || h.interval || (h.conformal?.margin ?? 0) >= 0,
    'conformal.margin may be below 0 only where there is an interval',
  )
  .refine(h => !('scale' in h) || h.scale !== 0, 'scale must not be 0')
  .superRefine((h, context) => {
    const fault = h.kind === 'sequence-labels' ? chainFault(h.labels, h.transitions) : undefined;
    if (fault) context.addIssue({ code: 'custom', message: fault });
  });
