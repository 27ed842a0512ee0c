// RFC 9457 problem details: what an error looks like wherever no protocol says otherwise, and its place in the API document.
import { z } from 'zod';

export const problemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.number().int(),
    code: z.string().describe('A stable code, for programs.'),
    detail: z.string().describe('One sentence, for people.'),
    requestId: z.string(),
    errors: z.array(z.object({ pointer: z.string().describe('JSON Pointer into the body.'), detail: z.string() })),
    error: z.string().optional().describe('The detail again, where clients of the v1 protocol read it.'),
  })
  .meta({ id: 'Problem', description: 'RFC 9457 problem details.' });

const PROBLEMS: Record<number, string> = {
  400: 'INVALID_REQUEST: not JSON, or not the expected envelope.',
  401: 'UNAUTHENTICATED: no valid API key.',
  403: 'FORBIDDEN: not allowed to this caller.',
  404: 'MODEL_NOT_FOUND or STREAM_NOT_FOUND: no such model or version is loaded, or there is no such stream.',
  408: 'REQUEST_TIMEOUT: the request did not arrive in time.',
  409: 'STREAM_CONFLICT: a step is in flight, or the stream is not what the caller believes.',
  413: 'PAYLOAD_TOO_LARGE: the body is over the limit. ANSWER_TOO_LARGE: the answer would be; ask for less.',
  415: 'UNSUPPORTED_MEDIA_TYPE: the body is not application/json.',
  422: 'INVALID_SEQUENCE or INVALID_STATE: a sequence, or a state token, does not fit the model; `errors` says where.',
  429: 'TOO_MANY_STREAMS: end one, or try again later. QUOTA_EXCEEDED: the caller asked too often; wait.',
  500: 'INFERENCE_FAILED or INTERNAL: the fault is ours; the log knows the request id.',
  503: 'OVERLOADED, NOT_READY or STREAMS_UNAVAILABLE: try again after the seconds in Retry-After.',
  504: 'DEADLINE_EXCEEDED: no answer within the request timeout.',
};

/** What any operation may answer: to what is no request, without a key, over a quota, by a fault of ours. */
export const ANYWHERE = [400, 401, 403, 429, 500] as const;
/** Of those, what no operation answers that is open to all. */
export const BY_KEY = ['401', '403', '429'] as const;

/** The error replies of an operation, for its schema. */
export function problems(...statuses: number[]): Record<number, object> {
  const content = { 'application/problem+json': { schema: problemSchema } };
  return Object.fromEntries(
    [...ANYWHERE, ...statuses].map(status => [status, { description: PROBLEMS[status], content }]),
  );
}
