// One call over fetch: a deadline for all its tries together, tries again where that is safe and asked for, trace context.
import type { SocketClass } from './live.ts';
import { Problem, problemOf } from './problem.ts';

export interface ConnectOptions {
  /** Sent as "Authorization: Bearer <key>". */
  readonly apiKey?: string;
  /** Longest wait for an answer, all tries together; the server is told what is left of it. 30 s if left out. */
  readonly timeoutMs?: number;
  /** Most tries after the first; 8 if left out. */
  readonly retries?: number;
  /** More headers for every call. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The W3C trace context to go on with, read at every call; without one, every call begins a trace. */
  readonly traceparent?: () => string | undefined;
  /** How sequences travel: as JSON, as bytes where the model allows it, or whichever is faster. */
  readonly transport?: 'auto' | 'json' | 'binary';
  /** In place of the global fetch. */
  readonly fetch?: typeof globalThis.fetch;
  /** For live connections where there is no global WebSocket, as in Node 20: the class of the package ws. */
  readonly WebSocket?: SocketClass;
}

/** What every call may say for itself. */
export interface CallOptions {
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
}

export interface Request extends CallOptions {
  readonly method?: 'GET' | 'POST' | 'DELETE';
  readonly body?: string | Uint8Array<ArrayBuffer>;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Reply {
  readonly headers: Headers;
  readonly bytes: Uint8Array;
}
/** What to make of a response whose status is good. */
type Read<T> = (response: Response) => Promise<T> | T;

const TIMEOUT_MS = 30_000;
const RETRIES = 8;
/** Too Many Requests; Bad Gateway, from a balancer whose server restarts; Service Unavailable. */
const AGAIN = new Set([429, 502, 503]);
const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 2000;

export class Transport {
  readonly url: string;
  readonly options: ConnectOptions;

  constructor(url: string, options: ConnectOptions) {
    this.url = url.replace(/\/+$/, '');
    this.options = options;
  }

  /** @throws {Problem}, or the signal's reason if it is aborted. */
  async json<T>(path: string, request: Request = {}): Promise<T> {
    const { bytes } = await this.call(path, request);
    try {
      return JSON.parse(new TextDecoder().decode(bytes)) as T;
    } catch (cause) {
      throw new Problem('BAD_REPLY', 'the reply is not JSON', { cause });
    }
  }

  /**
   * Tries until an answer comes, the tries are used up, or the deadline would pass. Every call of this client may be
   * repeated: predictions change nothing, and steps of a stream say which length they go on from.
   */
  async call(path: string, request: Request): Promise<Reply> {
    // Read here, so that a connection that breaks within a reply is tried again like one that breaks before it.
    return this.#tried(path, request, async response => ({
      headers: response.headers,
      bytes: new Uint8Array(await response.arrayBuffer()),
    }));
  }

  /**
   * The lines of a reply as they come. It is tried again only until the reply begins.
   * @throws {Problem} UNREACHABLE or DEADLINE_EXCEEDED also within the reply.
   */
  async *lines(path: string, request: Request): AsyncGenerator<string> {
    const response = await this.#tried(path, request, response => response);
    const decoder = new TextDecoder();
    let text = '';
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    try {
      for (;;) {
        const { done, value } = await reader.read();
        const lines = (text + decoder.decode(value, { stream: !done })).split('\n');
        text = lines.pop() as string;
        yield* lines;
        if (done) return;
      }
    } catch (cause) {
      request.signal?.throwIfAborted();
      const late = (cause as Error).name === 'TimeoutError';
      if (late) throw new Problem('DEADLINE_EXCEEDED', 'the reply did not end within the time allowed', { cause });
      throw new Problem('UNREACHABLE', 'the connection broke within a reply', { cause });
    } finally {
      await reader.cancel().catch(() => {});
    }
  }

  async #tried<T>(path: string, request: Request, read: Read<T>): Promise<T> {
    const { timeoutMs = this.options.timeoutMs ?? TIMEOUT_MS, signal } = request;
    const { retries = RETRIES } = this.options;
    const endMs = performance.now() + timeoutMs;
    const traceparent = this.options.traceparent?.() ?? newTrace();
    for (let attempt = 0; ; attempt++) {
      const left = endMs - performance.now();
      const outcome = await this.#attempt(path, request, traceparent, left, read);
      if (!(outcome instanceof Problem)) return outcome;
      const again = outcome.code === 'UNREACHABLE' || AGAIN.has(outcome.status);
      const waitMs = waitBefore(attempt, outcome.retryAfterMs);
      if (!again || attempt >= retries || performance.now() + waitMs >= endMs) throw outcome;
      await delay(waitMs, signal);
    }
  }

  async #attempt<T>(
    path: string,
    request: Request,
    traceparent: string,
    leftMs: number,
    read: Read<T>,
  ): Promise<T | Problem> {
    const { method = request.body === undefined ? 'GET' : 'POST', body, signal } = request;
    const { fetch = globalThis.fetch } = this.options;
    const timer = AbortSignal.timeout(Math.max(1, Math.ceil(leftMs)));
    try {
      const response = await fetch(`${this.url}${path}`, {
        method,
        body,
        headers: { ...this.headers(traceparent, leftMs), ...request.headers },
        signal: signal ? AbortSignal.any([signal, timer]) : timer,
      });
      if (response.ok) return await read(response);
      return problemOf(response.status, response.headers, await response.text());
    } catch (cause) {
      signal?.throwIfAborted();
      if (timer.aborted) return new Problem('DEADLINE_EXCEEDED', 'no answer within the time allowed', { cause });
      return new Problem('UNREACHABLE', `${this.url} cannot be reached`, { cause });
    }
  }

  /** The headers of a call. */
  headers(traceparent: string, leftMs: number): Record<string, string> {
    const { apiKey, headers } = this.options;
    return {
      ...headers,
      ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
      traceparent,
      'x-request-timeout-ms': `${Math.max(1, Math.ceil(leftMs))}`,
    };
  }
}

/** What the server asks for, or a wait that doubles; and on top a random part, so that callers do not come back together. */
export function waitBefore(attempt: number, retryAfterMs: number | undefined, random = Math.random): number {
  const wait = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** attempt);
  return retryAfterMs === undefined ? wait * (0.5 + random() / 2) : retryAfterMs + wait * random();
}

function delay(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', abort);
      resolve();
    }, ms);
    if (signal?.aborted) abort();
    else signal?.addEventListener('abort', abort, { once: true });
  });
}

/** A trace that begins here and leaves it to the server whether it is recorded (W3C Trace Context, version 00). */
function newTrace(): string {
  const hex = [...crypto.getRandomValues(new Uint8Array(24))].map(byte => byte.toString(16).padStart(2, '0')).join('');
  return `00-${hex.slice(0, 32)}-${hex.slice(32)}-00`;
}
