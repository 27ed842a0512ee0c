// The caller of one HTTP request: how long it waits, and whether its connection is still there.
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { ServiceError } from '../core/errors.ts';
import type { Caller } from '../service/caller.ts';

export const TIMEOUT_HEADER = 'x-request-timeout-ms';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether a caller may say how long it waits; the API document says so too. Such routes take room for their answers. */
    waits?: boolean;
  }
}

/** For the API document: what is checked is the text below. */
export const waitHeaders = z.object({
  [TIMEOUT_HEADER]: z
    .number()
    .int()
    .min(1)
    .max(999_999_999)
    .optional()
    .describe('How long the caller waits, in milliseconds; the server has a ceiling.'),
});

export interface Deadlines {
  readonly requestTimeoutMs: number;
  readonly maxRequestTimeoutMs: number;
}

/** @throws {ServiceError} INVALID_REQUEST if `askedMs` is left to the header and that is no positive whole number. */
export function callerOf(
  { raw, request }: FastifyReply,
  { requestTimeoutMs, maxRequestTimeoutMs }: Deadlines,
  askedMs = headerMs(request) ?? requestTimeoutMs,
): Caller {
  return {
    timeoutMs: Math.min(askedMs, maxRequestTimeoutMs),
    gone: () => raw.destroyed,
    onGone: act => raw.once('close', act),
    trace: request.trace?.sampled ? request.trace : undefined,
  };
}

function headerMs({ headers }: FastifyRequest): number | undefined {
  const header = headers[TIMEOUT_HEADER];
  if (header === undefined) return undefined;
  if (typeof header === 'string' && /^[1-9][0-9]{0,8}$/.test(header)) return Number(header);
  throw new ServiceError('INVALID_REQUEST', `header ${TIMEOUT_HEADER} must be a positive whole number of milliseconds`);
}
