// The envelopes of REST version 1. Numbers inside sequences are checked by model/sequence.ts in one pass, not here.
import { z } from 'zod';
import { manifestSchema } from '../../model/manifest.ts';
import { certificateSchema } from '../../proof/certificate.ts';

export const problemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.number().int(),
    code: z.string().describe('A stable code, for programs.'),
    detail: z.string().describe('One sentence, for people.'),
    requestId: z.string(),
    errors: z.array(z.object({ pointer: z.string().describe('JSON Pointer into the body.'), detail: z.string() })),
  })
  .meta({ id: 'Problem', description: 'RFC 9457 problem details.' });

const PROBLEMS: Record<number, string> = {
  400: 'INVALID_REQUEST: not JSON, or not the expected envelope.',
  401: 'UNAUTHENTICATED: no valid API key.',
  404: 'MODEL_NOT_FOUND or STREAM_NOT_FOUND: no such model or version is loaded, or there is no such stream.',
  408: 'REQUEST_TIMEOUT: the request did not arrive in time.',
  409: 'STREAM_CONFLICT: a step is in flight, or the stream is not what the caller believes.',
  413: 'PAYLOAD_TOO_LARGE: the body is over the limit.',
  415: 'UNSUPPORTED_MEDIA_TYPE: the body is not application/json.',
  422: 'INVALID_SEQUENCE or INVALID_STATE: a sequence, or a state token, does not fit the model; `errors` says where.',
  429: 'TOO_MANY_STREAMS: end one, or try again later.',
  500: 'INFERENCE_FAILED or INTERNAL: the fault is ours; the log knows the request id.',
  503: 'OVERLOADED, NOT_READY or STREAMS_UNAVAILABLE: try again after the seconds in Retry-After.',
  504: 'DEADLINE_EXCEEDED: no answer within the request timeout.',
};

/** The error replies of an operation, for its schema. */
export function problems(...statuses: number[]): Record<number, object> {
  const content = { 'application/problem+json': { schema: problemSchema } };
  return Object.fromEntries(statuses.map(status => [status, { description: PROBLEMS[status], content }]));
}

export const modelParams = z.object({ model: z.string().max(64).describe('The name of a loaded model.') });
export const versionParams = modelParams.extend({ version: z.string().max(9).describe('One of its versions.') });

const headNames = z
  .array(z.string().max(256))
  .min(1)
  .max(4096)
  .optional()
  .describe('The heads wanted; all if left out.');
const probabilities = z
  .enum(['all', 'top', 'none'])
  .optional()
  .describe('How much of each distribution to tell; by default all for heads per sequence, top for heads per step.');

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
  });
}

const answer = z
  .looseObject({})
  .describe('By kind: label and probabilities, labels, or value with bounds; `steps` if per step.');
const prediction = z.object({ length: z.number().int(), heads: z.record(z.string(), answer) });
export const predictReply = z
  .object({
    model: z.string(),
    version: z.string(),
    predictions: z.array(prediction.extend({ state: z.string().optional().describe('A state token, if asked for.') })),
  })
  .describe('One prediction per sequence, in the order of the request. Headers: Server-Timing, x-batch-size.');

const digits = z.string().regex(/^[0-9a-f]{64}$/);

export const modelDescription = z
  .object({
    name: z.string(),
    version: z.string(),
    description: z.string().optional(),
    inputs: manifestSchema.shape.inputs,
    heads: manifestSchema.shape.heads,
    state: manifestSchema.shape.state,
    limits: z.object({
      batchSize: z.number().int().describe('Most sequences in one run.'),
      paddedSteps: z.number().int().describe('Most of batch size x longest length in one run.'),
      sequencesPerRequest: z.number().int(),
    }),
    manifest: z
      .enum(['given', 'inferred'])
      .describe('inferred: found out by experiment, because the version brings none.'),
    mixing: z
      .enum(['classes', 'equal', 'alone'])
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
      requested: z.enum(['auto', 'cpu', 'cuda']),
      got: z.enum(['cpu', 'cuda']).describe('What the session that ran at load got.'),
      fallback: z.boolean().describe('auto found no working CUDA; the log says why.'),
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

export const modelList = z.object({ models: z.array(modelDescription) });

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
});
export const streamInfo = z.object({
  stream: z.string(),
  model: z.string(),
  version: z.string().describe('The version it began on and stays with.'),
  length: z.number().int().describe('Time steps so far.'),
  created: z.string(),
  used: z.string().describe('When its last step ended.'),
});
export const stepReply = z.object({
  stream: z.string(),
  model: z.string(),
  version: z.string(),
  length: z.number().int().describe('Time steps so far, these included.'),
  prediction,
});
