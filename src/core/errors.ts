// The closed list of what can go wrong for a caller, and the one error that a model's load ends with.

export type ErrorCode =
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
  | 'UNSUPPORTED_MEDIA_TYPE'
  | 'CALLER_GONE'
  | 'TOO_MANY_STREAMS'
  | 'OVERLOADED'
  | 'NOT_READY'
  | 'STREAMS_UNAVAILABLE'
  | 'DEADLINE_EXCEEDED'
  | 'INFERENCE_FAILED'
  | 'INTERNAL';

/** One fault in a request: `pointer` is a JSON Pointer into the body, `detail` says what was expected. */
export interface Fault {
  pointer: string;
  detail: string;
}

/** An error whose message a caller may read. What only the log may know goes into `cause`. */
export class ServiceError extends Error {
  override readonly name = 'ServiceError';
  readonly code: ErrorCode;
  readonly faults: readonly Fault[];

  constructor(code: ErrorCode, message: string, options: { faults?: readonly Fault[]; cause?: unknown } = {}) {
    // An answer to a caller, not a fault of ours: under overload, stack traces would be a good part of the work.
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    Error.stackTraceLimit = stackTraceLimit;
    this.code = code;
    this.faults = options.faults ?? [];
  }
}

/** A model that may not serve. The message is one readable line: which file, what is wrong, what was expected. */
export class LoadError extends Error {
  override readonly name = 'LoadError';
}

/** The message of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
