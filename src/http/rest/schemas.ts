// The envelopes of REST version 1. Numbers inside sequences are checked by sequence/sequence.ts in one pass, not here.
import { z } from 'zod';
import { PROVIDER_CHOICES, PROVIDERS } from '../../core/providers.ts';
import { manifestSchema } from '../../model/manifest.ts';
import { MIXINGS } from '../../model/mixing.ts';
import { certificateSchema } from '../../proof/certificate.ts';
import { problemSchema } from '../problems.ts';

export const modelParams = z.object({ model: z.string().max(64).describe('The name of a loaded model.') });
export const versionParams = modelParams.extend({
  version: z.string().max(32).describe('One of its versions, or a label.'),
});
export const labelParams = modelParams.extend({
  label: z.string().max(32).describe('A label of one of its versions.'),
});

export const headNames = z
  .array(z.string().max(256))
  .min(1)
  .max(4096)
  .optional()
  .meta({ uniqueItems: true })
  .describe('The heads wanted; all if left out.');
export const probabilities = z
  .enum(['all', 'top', 'none'])
  .optional()
  .describe('How much of each distribution to tell; by default all for heads per sequence, top for heads per step.');

export const sliceSteps = z
  .number()
  .int()
  .min(1)
  .max(65_536)
  .optional()
  .describe('For answers that come in slices (Accept: application/x-ndjson): time steps of each; 64 if left out.');

export function predictBody(maxSequences: number) {
  return z.strictObject({
    sequences: z
      .array(z.unknown())
      .min(1)
      .max(maxSequences)
      .describe(
        'Each an array of time steps; a step is an array in feature order or an object by feature name, an id, or a token. With several inputs, an object by input name. Lengths may differ.',
      ),
    heads: headNames,
    states: z
      .array(z.string().nullable())
      .max(maxSequences)
      .optional()
      .describe('For models with state: a state token for each sequence to go on from, or null where one begins.'),
    returnState: z.boolean().optional().describe('Give a state token with each prediction, for models with state.'),
    probabilities,
    sliceSteps,
  });
}

const answer = z
  .unknown()
  .describe(
    'By kind: label and probabilities, labels, or value with bounds; `steps` if per step; null where nothing is decided.',
  );
const answers = z.record(z.string(), answer).meta({ id: 'HeadAnswers' });
export const prediction = z.object({ length: z.number().int(), heads: answers }).meta({ id: 'Prediction' });
const carried = prediction
  .extend({ state: z.string().optional().describe('A state token, if asked for.') })
  .meta({ id: 'CarriedPrediction' });
export const predictReply = z
  .object({
    model: z.string(),
    version: z.string(),
    predictions: z.array(carried),
  })
  .describe('One prediction per sequence, in the order of the request.');

const digits = z.string().regex(/^[0-9a-f]{64}$/);

export const modelDescription = z
  .object({
    name: z.string(),
    version: z.string(),
    labels: z.array(z.string()).describe('What else the version goes by.'),
    description: z.string().optional(),
    inputs: manifestSchema.shape.inputs,
    heads: manifestSchema.shape.heads,
    state: manifestSchema.shape.state,
    controls: manifestSchema.shape.controls,
    limits: z.object({
      batchSize: z.number().int().describe('Most sequences in one run.'),
      paddedSteps: z.number().int().describe('Most of batch size x longest length in one run.'),
      sequencesPerRequest: z.number().int(),
    }),
    manifest: z
      .enum(['given', 'inferred'])
      .describe('inferred: found out by experiment, because the version brings none.'),
    mixing: z
      .enum(MIXINGS)
      .describe("What shares a run: the certificate's answer, or less if the manifest asks for less."),
    digest: z.object({
      sha256: digits,
      externalData: z.array(z.object({ file: z.string(), bytes: z.number().int(), sha256: digits })),
    }),
    graph: z.object({
      producer: z.string(),
      opsets: z.record(z.string(), z.number().int()),
      operators: z.record(z.string(), z.number().int()),
      parameters: z.number().int(),
      bytes: z.number().int(),
      metadata: z.record(z.string(), z.string()),
    }),
    executionProvider: z.object({
      requested: z.enum(PROVIDER_CHOICES),
      got: z.enum(PROVIDERS).describe('What the session that ran at load got.'),
      device: z.string().describe('The processor, or the GPU.'),
      driver: z.string().optional().describe("The GPU's driver."),
      tf32: z.boolean().optional().describe('Whether CUDA may multiply in TF32.'),
      fallback: z.boolean().describe('auto found no working CUDA; the log says why.'),
      reason: z
        .string()
        .optional()
        .describe('Why this one, under auto: what was measured, or that CUDA could not be had.'),
      placement: z.record(z.string(), z.number().int()).optional().describe('Nodes run, by provider (CUDA only).'),
    }),
    golden: z
      .object({
        producer: z.string(),
        cases: z.number().int(),
        tolerance: z.number(),
        worstDifference: z.number(),
      })
      .nullable()
      .describe("The training framework's answers, compared at load; null if the model brings none."),
    certificate: certificateSchema,
  })
  .meta({ id: 'Model' });

export const modelList = z.object({
  models: z.array(modelDescription),
  loading: z.array(z.string()).describe('Models that are being proved: they answer 503 until they serve.'),
  refused: z
    .array(z.object({ model: z.string(), version: z.string(), reason: z.string().optional() }))
    .describe('Versions that may not serve; why is told where callers may control models, else by the log.'),
});

export const streamParams = modelParams.extend({ stream: z.string().max(64).describe('A stream of this model.') });
export const stepBody = z.strictObject({
  sequence: z.unknown().describe('The new time steps, one or many, as in predict.'),
  after: z
    .number()
    .int()
    .min(0)
    .optional()
    .describe('The length that the stream should have: 409 if it has another. Makes a retry safe.'),
  heads: headNames,
  probabilities,
  sliceSteps,
});
const stateBytes = z.number().int().describe('Bytes of the state that is kept; 0 before the first step.');
export const streamInfo = z.object({
  stream: z.string(),
  model: z.string(),
  version: z.string().describe('The version it began on and stays with.'),
  length: z.number().int().describe('Time steps so far.'),
  stateBytes,
  created: z.string(),
  used: z.string().describe('When its last step ended.'),
});
export const stepReply = z.object({
  stream: z.string(),
  model: z.string(),
  version: z.string(),
  length: z.number().int().describe('Time steps so far, these included.'),
  stateBytes,
  prediction,
});

const last = z.boolean().describe('Whether this answers the sequence to its end.');
const failed = z.object({ error: problemSchema }).describe('The last line, where the rest cannot be answered.');
/** A line of a reply in slices: heads per step tell the slice's time steps, heads per sequence the sequence so far. */
export const predictLine = z
  .union([
    z.object({
      model: z.string(),
      version: z.string(),
      sequence: z.number().int().describe('Which sequence of the request, from 0.'),
      length: z.number().int().describe('Its time steps so far, these included.'),
      last,
      prediction: carried,
    }),
    failed,
  ])
  .meta({ id: 'PredictSlice' });
export const stepLine = z.union([stepReply.extend({ last }), failed]).meta({ id: 'StepSlice' });

/** A reply as one JSON document, or in slices, for an operation's schema. */
export function inForms(reply: z.ZodType, line: z.ZodType) {
  return {
    description: `${reply.description ?? 'The answer.'} With \`Accept: application/x-ndjson\` or \`text/event-stream\`, a line or event for each slice of each sequence, as soon as it is computed.`,
    content: {
      'application/json': { schema: reply },
      'application/x-ndjson': { schema: line },
      'text/event-stream': { schema: line },
    },
  };
}
