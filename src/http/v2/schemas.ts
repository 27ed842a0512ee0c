// The envelopes of the Open Inference Protocol v2; unknown keys are let through, null is as good as absent.
import { z } from 'zod';
import { DATATYPES } from '../codec/tensors.ts';
import { ANYWHERE } from '../problems.ts';

const parameters = z.record(z.string(), z.unknown()).nullish();
const size = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
export const MOST_TENSORS = 4096;
export const MOST_AXES = 16;

export const tags = ['Open Inference Protocol v2'];
export const modelParams = z.object({ model: z.string().max(64) });
export const versionParams = modelParams.extend({ version: z.string().max(32) });

export const inferBody = z.looseObject({
  id: z.string().nullish().describe('Echoed.'),
  parameters: parameters.describe(
    '`timeout` in microseconds, `priority` (1 is the most urgent), `binary_data_output`.',
  ),
  inputs: z
    .array(
      z.looseObject({
        name: z.string(),
        shape: z.array(size).max(MOST_AXES),
        datatype: z.string().meta({ enum: Object.values(DATATYPES) }), // convert.ts says what is not served
        parameters: parameters.describe('`binary_data_size`: the tensor follows the JSON as so many bytes.'),
        data: z.unknown().optional().describe('Flat, or nested along the shape.'),
      }),
    )
    .min(1)
    .max(MOST_TENSORS),
  outputs: z
    .array(z.looseObject({ name: z.string(), parameters: parameters.describe('`binary_data`: answer it as bytes.') }))
    .max(MOST_TENSORS)
    .nullish(),
});
export type InferBody = z.infer<typeof inferBody>;

const datatype = z.enum(Object.values(DATATYPES));
const metadataTensor = z.object({
  name: z.string(),
  datatype,
  shape: z.array(z.number().int()).describe('-1 where the size is open.'),
});

const inferReply = z.object({
  model_name: z.string(),
  model_version: z.string(),
  id: z.string().optional(),
  outputs: z.array(
    z.object({
      name: z.string(),
      datatype,
      shape: z.array(z.number().int()),
      parameters: z.record(z.string(), z.unknown()).optional(),
      data: z.array(z.unknown()).optional(),
    }),
  ),
});
const described = z
  .string()
  .describe(
    'The same JSON, of the length that Inference-Header-Content-Length tells, and the binary tensors after it.',
  );
export const inferReplies: Record<number, object> = {
  200: {
    description: 'The outputs.',
    content: { 'application/json': { schema: inferReply }, 'application/octet-stream': { schema: described } },
  },
};
export const serverMetadata = z.object({ name: z.string(), version: z.string(), extensions: z.array(z.string()) });
export const modelMetadata = z.object({
  name: z.string(),
  versions: z.array(z.string()),
  platform: z.string(),
  inputs: z.array(metadataTensor),
  outputs: z.array(metadataTensor),
});
export const modelConfig = z.looseObject({ name: z.string(), platform: z.string(), max_batch_size: z.number().int() });
const duration = z.object({ count: z.number().int(), ns: z.number().int() });
const stages = { compute_input: duration, compute_infer: duration, compute_output: duration };
export const modelStatistics = z.object({
  model_stats: z.array(
    z.object({
      name: z.string(),
      version: z.string(),
      last_inference: z.number().int().describe('Milliseconds since the epoch.'),
      inference_count: z.number().int().describe('Sequences; one that ran in slices counts once.'),
      execution_count: z.number().int().describe('Runs.'),
      inference_stats: z.object({
        success: duration,
        fail: duration,
        queue: duration,
        ...stages,
        cache_hit: duration,
        cache_miss: duration,
      }),
      response_stats: z.object({}),
      batch_stats: z.array(z.object({ batch_size: z.number().int(), ...stages })),
      memory_usage: z.array(z.unknown()),
    }),
  ),
});
export const indexBody = z.looseObject({ ready: z.boolean().nullish() });
export const loadBody = z.looseObject({ parameters });
export const repositoryIndex = z.array(
  z.object({
    name: z.string(),
    version: z.string(),
    state: z.enum(['READY', 'UNAVAILABLE', 'LOADING']),
    reason: z.string(),
  }),
);

const error = z.object({ error: z.string() });
const FAULTS: Record<number, string> = {
  400: 'The request is malformed.',
  401: 'No valid API key.',
  403: 'Not allowed to this caller, or model control is off.',
  404: 'No such model, version or path.',
  408: 'The request did not arrive in time.',
  409: 'A step of the sequence is in flight, or it is not what the caller believes.',
  413: 'The body is over the limit, or the answer would be.',
  429: 'The caller asked more often than its quota; wait the seconds in Retry-After.',
  415: 'A content coding other than gzip or deflate.',
  500: 'The fault is ours.',
  503: 'Overloaded, or not ready: try again after the seconds in Retry-After.',
  504: 'No answer within the timeout.',
};

/** The error replies of an operation, for its schema. */
export function faults(...statuses: number[]): Record<number, object> {
  const content = { 'application/json': { schema: error } };
  return Object.fromEntries(
    [...ANYWHERE, ...statuses].map(status => [status, { description: FAULTS[status], content }]),
  );
}
