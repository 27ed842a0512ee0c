// API keys: every call but probes and documents needs one, where any are configured.
import bearerAuth from '@fastify/bearer-auth';
import type { FastifyInstance } from 'fastify';

const OPEN = /^\/(livez|readyz|v2\/health\/(live|ready)|openapi\.json|docs(\/.*)?)$/;

export async function installAuth(app: FastifyInstance, keys: readonly string[]): Promise<void> {
  if (keys.length === 0) return;
  await app.register(bearerAuth, { keys: new Set(keys), addHook: false, verifyErrorLogLevel: 'debug' });
  app.addHook('onRequest', (request, reply, done) => {
    if (OPEN.test(request.url.split('?')[0])) done();
    else app.verifyBearerAuth?.(request, reply, done);
  });
}
