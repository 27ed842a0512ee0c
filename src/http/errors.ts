// Every error as RFC 9457 problem+json, or in the form that a protocol sets for its paths, with nothing of the inside;
// unknown paths and methods included.
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyBaseLogger, FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import { type ErrorCode, type Fault, ServiceError } from '../core/errors.ts';
import { Seldom } from '../core/seldom.ts';
import { Paths } from './paths.ts';
import { traceIdOf } from './traces.ts';

export const STATUS: Readonly<Record<ErrorCode, number>> = {
  INVALID_REQUEST: 400,
  INVALID_SEQUENCE: 422,
  INVALID_STATE: 422,
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  MODEL_NOT_FOUND: 404,
  STREAM_NOT_FOUND: 404,
  STREAM_CONFLICT: 409,
  METHOD_NOT_ALLOWED: 405,
  REQUEST_TIMEOUT: 408,
  PAYLOAD_TOO_LARGE: 413,
  ANSWER_TOO_LARGE: 413,
  UNSUPPORTED_MEDIA_TYPE: 415,
  CALLER_GONE: 499,
  TOO_MANY_STREAMS: 429,
  QUOTA_EXCEEDED: 429,
  OVERLOADED: 503,
  NOT_READY: 503,
  STREAMS_UNAVAILABLE: 503,
  DEADLINE_EXCEEDED: 504,
  INFERENCE_FAILED: 500,
  INTERNAL: 500,
};
declare module 'fastify' {
  interface FastifyInstance {
    /** Forms of errors by the beginning of the path; elsewhere they are problem+json. */
    errorForms: Map<string, ErrorForm>;
  }
  interface FastifyContextConfig {
    /** The form of errors of one route. */
    errorForm?: ErrorForm;
  }
  interface FastifyReply {
    /** Why the request was not answered with 2xx, for the metrics and the access log. */
    refusal?: ErrorCode;
  }
}
const PROBLEM_TYPE = 'application/problem+json';
const RETRY_AFTER_SECONDS = '1';
const MOST_FAULTS = 8;
/** What Zod says of a member that may be anything, and is not there. */
const NOT_THERE = 'Invalid input: expected nonoptional, received undefined';

/** How a protocol of its own tells an error. */
export interface ErrorForm {
  readonly contentType: string;
  status(error: ServiceError): number;
  body(error: ServiceError, requestId: string): unknown;
}

const PROBLEM: ErrorForm = { contentType: PROBLEM_TYPE, status: ({ code }) => STATUS[code], body: problem };

export function installErrors(app: FastifyInstance): void {
  app.decorateReply('refusal');
  app.decorate('errorForms', new Map());
  const paths = new Paths();
  app.addHook('onRoute', ({ method, url }) => {
    for (const name of [method].flat()) paths.add(name, url);
  });
  app.setErrorHandler((error: FastifyError, request, reply) => sendError(request, reply, translate(error)));
  const missing = (request: FastifyRequest, reply: FastifyReply): ServiceError => {
    const [path] = request.url.split('?');
    const allow = paths.methods(path).join(', ');
    if (allow === '') {
      const near = paths.nearest(request.method, path);
      return new ServiceError('NOT_FOUND', `there is nothing at this path${near ? `; the nearest is ${near}` : ''}`);
    }
    reply.header('allow', allow);
    return new ServiceError('METHOD_NOT_ALLOWED', `this path takes ${allow}`);
  };
  // Before the body is read: what is wrong with it does not matter where there is nothing to send it to.
  app.addHook('preParsing', (request, reply, _payload, done) => {
    done(request.is404 ? missing(request, reply) : null);
  });
  app.setNotFoundHandler((request, reply) => sendError(request, reply, missing(request, reply)));
}

/** What Fastify, its plugins or a bug threw, as an error of the closed list. */
export function translate(error: FastifyError): ServiceError {
  if (error instanceof ServiceError) return error;
  if (hasZodFastifySchemaValidationErrors(error)) {
    const issues = error.validation.slice(0, MOST_FAULTS);
    const faults = issues.map(({ instancePath, message }) => {
      const place = instancePath.slice(1).replaceAll('/', '.') || (error.validationContext ?? 'body');
      const pointer = instancePath === '/' ? '' : instancePath; // the whole body is the empty pointer
      const what = message === NOT_THERE ? 'it is missing' : (message ?? 'is not valid').slice(0, 300);
      return { pointer, detail: `${place}: ${what}` };
    });
    const inBody = error.validationContext === 'body'; // pointers lead into the body, not into the path
    return new ServiceError('INVALID_REQUEST', faults[0].detail, { faults: inBody ? faults : [] });
  }
  const status = error.statusCode ?? 500;
  if (status === 401)
    return new ServiceError('UNAUTHENTICATED', 'send a valid API key as "Authorization: Bearer <key>"');
  if (status === 413) return new ServiceError('PAYLOAD_TOO_LARGE', 'the body is larger than this server accepts');
  if (/^Z_/.test(error.code)) return new ServiceError('INVALID_REQUEST', 'the compressed body is damaged');
  if (status === 415) return new ServiceError('UNSUPPORTED_MEDIA_TYPE', 'send the body as application/json');
  if (status >= 400 && status < 500) return new ServiceError('INVALID_REQUEST', 'the request is malformed');
  return new ServiceError('INTERNAL', 'something went wrong inside the server', { cause: error });
}

/** An error as RFC 9457 tells it. */
export function problem(error: ServiceError, requestId: string): Record<string, unknown> {
  const status = STATUS[error.code];
  return {
    type: 'about:blank',
    title: STATUS_CODES[status] ?? 'Client Closed Request',
    status,
    code: error.code,
    detail: error.message,
    requestId,
    errors: error.faults satisfies readonly Fault[],
  };
}

/** For the metrics and the logs; causes stay there. */
export function note(request: FastifyRequest, reply: FastifyReply, error: ServiceError): void {
  reply.refusal = error.code;
  logFault(request.log, error, { reqId: request.id, traceId: traceIdOf(request) });
}

/** A fault of ours with its cause, which callers never see; `about` is the request's, whatever it came over. */
export function logFault(log: Pick<FastifyBaseLogger, 'error'>, error: ServiceError, about: object): void {
  if (STATUS[error.code] < 500 || !error.cause) return;
  const leftOut = faultLines.next(error.code);
  if (leftOut === undefined) return;
  log.error({ err: error.cause, code: error.code, ...about, leftOut: leftOut || undefined }, error.message);
}

/** Of each code so many lines a minute; how many were left out stands in the next. */
const faultLines = new Seldom();

export function sendError(request: FastifyRequest, reply: FastifyReply, error: ServiceError): FastifyReply {
  note(request, reply, error);
  const form = formOf(request);
  const status = form.status(error);
  if ((status === 503 || status === 429) && !reply.hasHeader('retry-after'))
    reply.header('retry-after', RETRY_AFTER_SECONDS);
  if (status === 401) reply.header('www-authenticate', 'Bearer realm="polyhead"');
  return reply
    .code(status)
    .header('content-type', form.contentType)
    .send(Buffer.from(JSON.stringify(form.body(error, request.id)))); // as bytes: Fastify would add a charset to text
}

function formOf({ server, url, routeOptions }: FastifyRequest): ErrorForm {
  if (routeOptions.config?.errorForm) return routeOptions.config.errorForm;
  for (const [prefix, form] of server.errorForms) {
    if (url.startsWith(prefix) && (url.length === prefix.length || '/?'.includes(url[prefix.length]))) return form;
  }
  return PROBLEM;
}

/** Answers what never became a request: malformed HTTP, headers too large, and heads or bodies that come too slowly. */
export function answerClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const slow = error.code === 'ERR_HTTP_REQUEST_TIMEOUT';
  const fault = slow
    ? new ServiceError('REQUEST_TIMEOUT', 'the request did not arrive in time')
    : new ServiceError('INVALID_REQUEST', 'this is not a well-formed HTTP request');
  const status = STATUS[fault.code];
  const body = JSON.stringify(problem(fault, ''));
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\ncontent-type: ${PROBLEM_TYPE}\r\nconnection: close\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
