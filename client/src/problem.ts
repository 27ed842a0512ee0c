// Every failure of a call as one class, with the server's stable code (RFC 9457 problem details).

/** Codes that a server answers, and two of this client's own: UNREACHABLE and BAD_REPLY. */
export type ProblemCode =
  | 'INVALID_REQUEST'
  | 'INVALID_SEQUENCE'
  | 'INVALID_STATE'
  | 'UNAUTHENTICATED'
  | 'FORBIDDEN'
  | 'NOT_FOUND'
  | 'MODEL_NOT_FOUND'
  | 'STREAM_NOT_FOUND'
  | 'STREAM_CONFLICT'
  | 'METHOD_NOT_ALLOWED'
  | 'REQUEST_TIMEOUT'
  | 'PAYLOAD_TOO_LARGE'
  | 'ANSWER_TOO_LARGE'
  | 'UNSUPPORTED_MEDIA_TYPE'
  | 'QUOTA_EXCEEDED'
  | 'TOO_MANY_STREAMS'
  | 'OVERLOADED'
  | 'NOT_READY'
  | 'STREAMS_UNAVAILABLE'
  | 'DEADLINE_EXCEEDED'
  | 'INFERENCE_FAILED'
  | 'INTERNAL'
  | 'UNREACHABLE'
  | 'BAD_REPLY';

/** One place of the request that is at fault. */
export interface Fault {
  /** JSON Pointer into the body. */
  readonly pointer: string;
  readonly detail: string;
}

export class Problem extends Error {
  override readonly name = 'Problem';
  readonly code: ProblemCode;
  /** The HTTP status; 0 if no reply came. */
  readonly status: number;
  /** What the server's log knows the call by. */
  readonly requestId: string;
  readonly errors: readonly Fault[];
  /** How long the server asks to wait before another try. */
  readonly retryAfterMs: number | undefined;

  constructor(
    code: ProblemCode,
    detail: string,
    { status = 0, requestId = '', errors = [], retryAfterMs, cause }: Partial<Omit<Problem, 'code'>> = {},
  ) {
    super(detail, { cause });
    this.code = code;
    this.status = status;
    this.requestId = requestId;
    this.errors = errors;
    this.retryAfterMs = retryAfterMs;
  }
}

/** Codes for replies that are no problem details: of the v2 protocol, and of balancers in between. */
const BY_STATUS: Readonly<Record<number, ProblemCode>> = {
  400: 'INVALID_REQUEST',
  401: 'UNAUTHENTICATED',
  403: 'FORBIDDEN',
  404: 'NOT_FOUND',
  408: 'REQUEST_TIMEOUT',
  413: 'PAYLOAD_TOO_LARGE',
  415: 'UNSUPPORTED_MEDIA_TYPE',
  429: 'QUOTA_EXCEEDED',
  500: 'INTERNAL',
  503: 'OVERLOADED',
  504: 'DEADLINE_EXCEEDED',
};

/** The problem that an error reply tells. */
export function problemOf(status: number, headers: Headers, text: string): Problem {
  let body: { code?: ProblemCode; detail?: string; error?: string; requestId?: string; errors?: Fault[] } = {};
  try {
    body = JSON.parse(text) ?? {};
  } catch {} // a balancer's page: the status has to do
  const detail = body.detail ?? body.error ?? `the server answered ${status}`;
  return new Problem(body.code ?? BY_STATUS[status] ?? 'BAD_REPLY', detail, {
    status,
    requestId: body.requestId || headers.get('x-request-id') || '',
    errors: body.errors ?? [],
    retryAfterMs: retryAfterOf(headers.get('retry-after')),
  });
}

/** Retry-After in either of its forms (RFC 9110, 10.2.3), in milliseconds. */
export function retryAfterOf(value: string | null, nowMs = Date.now()): number | undefined {
  if (value === null) return undefined;
  if (/^\d+$/.test(value)) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowMs);
}
