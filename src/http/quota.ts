// A quota for each caller: so many requests a minute by the name of an API key, by the key where it has none, or by address where there are no keys. It is a caller's own
// limit (429), apart from the queue's, which is everybody's (503).
import { createHash } from 'node:crypto';
import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ServiceError } from '../core/errors.ts';

/** Must stand before the routes and after authentication. 0 requests: no quota. `told` hears of each refusal, by the key's name. */
export async function installQuota(
  app: FastifyInstance,
  requestsPerMinute: number,
  told: (key: string) => void,
): Promise<void> {
  if (requestsPerMinute === 0) return;
  await app.register(rateLimit, {
    max: requestsPerMinute,
    timeWindow: 60_000,
    keyGenerator: callerKey,
    allowList: request => request.routeOptions.config.open === true,
    enableDraftSpec: true,
    errorResponseBuilder: ({ apiKey }, { max, ttl }) => {
      told(apiKey ? (apiKey.name ?? 'unnamed') : 'none');
      const wait = Math.ceil(ttl / 1000);
      return new ServiceError('QUOTA_EXCEEDED', `more than ${max} requests in a minute; try again in ${wait} s`);
    },
  });
}

/** What a caller writes around a key, or where none are known, opens no quota of its own. */
function callerKey({ apiKey, ip }: FastifyRequest): string {
  if (!apiKey) return ip;
  return apiKey.name ?? createHash('sha256').update(apiKey.secret).digest('base64'); // no key lies in memory longer than need be
}
