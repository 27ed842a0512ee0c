// API keys: where any are configured, every call needs one but those whose route says that it is open.
import bearerAuth from '@fastify/bearer-auth';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ServiceError } from '../core/errors.ts';
import { type ApiKey, keyFinder, type Role } from './keys.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Answered without an API key; the API document says so too. */
    open?: boolean;
    /** What a key must be for; predict, where nothing is said. */
    role?: Role;
  }
  interface FastifyRequest {
    /** The key that its caller sent, where any are configured. */
    apiKey?: ApiKey;
  }
}

export async function installAuth(app: FastifyInstance, keys: readonly string[]): Promise<void> {
  app.decorateRequest('apiKey', undefined);
  if (keys.length === 0) return;
  const find = keyFinder(keys);
  await app.register(bearerAuth, {
    keys: new Set<string>(),
    auth: (secret: string, request: FastifyRequest) => {
      request.apiKey = find(secret);
      return request.apiKey !== undefined;
    },
    addHook: false,
    verifyErrorLogLevel: 'debug',
    specCompliance: 'rfc6749', // the scheme in any case
  });
  app.addHook('onRequest', (request, reply, done) => {
    const { open, role = 'predict' } = request.routeOptions.config;
    if (open) return done();
    app.verifyBearerAuth?.(request, reply, error => {
      if (!error && request.apiKey && !request.apiKey.roles.includes(role)) done(notFor(role));
      else done(error);
    });
  });
}

export function notFor(role: Role): ServiceError {
  return new ServiceError('FORBIDDEN', `this API key is not for this call: it lacks the role ${role}`);
}

/** Opens every route that is added to this scope from now on, for plugins that make their own. */
export function openRoutes(scope: FastifyInstance): void {
  scope.addHook('onRoute', route => {
    route.config = { ...route.config, open: true };
  });
}
