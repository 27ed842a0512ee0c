// Counts each request into its caller's quota and says in the reply's headers how that stands
// (draft-ietf-httpapi-ratelimit-headers-06). Must be installed after authentication.
import type { FastifyInstance } from 'fastify';
import type { Quota } from '../service/quota.ts';

export function installQuota(app: FastifyInstance, quota: Quota): void {
  if (quota.perMinute === 0) return; // a hook costs every request
  app.addHook('onRequest', async (request, reply) => {
    if (request.is404 || request.routeOptions.config.open) return;
    await quota.take(request, ({ limit, remaining, resetS, exceeded }) => {
      reply.headers({ 'ratelimit-limit': limit, 'ratelimit-remaining': remaining, 'ratelimit-reset': resetS });
      if (exceeded) reply.header('retry-after', resetS);
    });
  });
}
