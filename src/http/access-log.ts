// One line for a request that was answered: what was asked of which model, how it went and where the time was. No payload.
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { CallTiming } from '../service/call.ts';
import { traceIdOf } from './traces.ts';

declare module 'fastify' {
  interface FastifyReply {
    /** How its call of a model went, if there was one. */
    timing?: CallTiming;
  }
}

export function logAccess(request: FastifyRequest, reply: FastifyReply): void {
  const { model, version, label } = (request.params ?? {}) as Record<string, string | undefined>;
  const { timing } = reply;
  request.log.info(
    {
      reqId: request.id,
      traceId: traceIdOf(request),
      address: request.ip,
      key: request.apiKey?.name,
      method: request.method,
      route: request.routeOptions.url ?? 'unmatched',
      model,
      version: version ?? label,
      status: reply.statusCode,
      code: reply.refusal,
      sequences: timing?.sequences,
      steps: timing?.steps,
      ms: rounded(reply.elapsedTime),
      queueMs: timing && rounded(timing.queueMs),
      runMs: timing && rounded(timing.runMs),
      batch: timing?.batchSize,
    },
    'request',
  );
}

const rounded = (ms: number) => Math.round(ms * 100) / 100;
