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
  | 'ANSWER_TOO_LARGE'
  | 'UNSUPPORTED_MEDIA_TYPE'
  | 'CALLER_GONE'
  | 'TOO_MANY_STREAMS'
  | 'QUOTA_EXCEEDED'
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

/** A model that may not serve, or a start that cannot be. The message is one readable line: which file, what is wrong, what was expected. */
export class LoadError extends Error {
  override readonly name = 'LoadError';
  /** The file's name in its folder. */
  readonly file: string | undefined;
  /** What follows that name in the sentence: "is missing", or ": weight "w" holds NaN". */
  readonly what: string;

  constructor(what: string);
  constructor(file: string, what: string);
  constructor(first: string, second?: string) {
    const what = second ?? first;
    super(second === undefined ? what : sentence(first, what));
    this.file = second === undefined ? undefined : first;
    this.what = what;
  }

  /** @param error what reading the file ended with. */
  static unreadable(file: string, { code }: NodeJS.ErrnoException): LoadError {
    return new LoadError(file, code === 'ENOENT' ? 'is missing' : `cannot be read (${code})`);
  }

  static portTaken(port: number | undefined, flag: string): LoadError {
    return new LoadError(`port ${port} is taken; choose another with ${flag}`);
  }

  /** The same fault, told of the file as it was called where it was asked for: by a path, or as a model's version. */
  of(name: string): LoadError {
    return new LoadError(name, this.file === name.split('/').at(-1) ? this.what : `: ${this.message}`);
  }
}

function sentence(file: string, what: string): string {
  return what.startsWith(':') ? `${file}${what}` : `${file} ${what}`;
}

/** The message of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The first line of a message: a library's own sentence without what it prints below. */
export function firstLine(message: string): string {
  const end = message.indexOf('\n');
  return end < 0 ? message : message.slice(0, end);
}

/** A message with its line breaks as spaces, for a log or a list that holds one line each. */
export function oneLine(message: string): string {
  return message.replace(/\s+/g, ' ');
}
