// Builds the HTTP application over a running service. It never listens: tests use app.inject, main.ts listens.
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import Fastify, { type FastifyBaseLogger, type FastifyInstance, type FastifyReply, LogController } from 'fastify';
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod';
import type { Logger } from 'pino';
import type { Config } from './config.ts';
import { ServiceError } from './core/errors.ts';
import { installAuth } from './http/auth.ts';
import { installConnections } from './http/connections.ts';
import { installDocs } from './http/docs.ts';
import { answerClientError, installErrors, sendError } from './http/errors.ts';
import { installProtocol } from './http/oip/routes.ts';
import { installOps } from './http/ops.ts';
import { installRest } from './http/rest/routes.ts';
import { installStreams } from './http/rest/streams.ts';
import type { Service } from './service/service.ts';

const REQUEST_ID = /^[A-Za-z0-9._-]{1,64}$/;

export async function buildApp(config: Config, service: Service, log: Logger): Promise<FastifyInstance> {
  const app: FastifyInstance = Fastify({
    loggerInstance: log as FastifyBaseLogger,
    childLoggerFactory: logger => logger, // a child for every request costs more than all our own checks
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: config.maxBodyBytes,
    requestTimeout: config.bodyTimeoutMs,
    keepAliveTimeout: config.keepAliveTimeoutMs,
    http: { headersTimeout: config.headersTimeoutMs, connectionsCheckingInterval: 1000 },
    return503OnClosing: false,
    routerOptions: { maxParamLength: 128 },
    genReqId: requestId,
    clientErrorHandler: answerClientError,
    frameworkErrors: (_error, request, reply) => {
      mark(request, reply as FastifyReply); // no hook runs for a path that cannot be read
      return sendError(request, reply as FastifyReply, new ServiceError('INVALID_REQUEST', 'the path is malformed'));
    },
  });
  app.server.maxConnections = config.maxConnections;
  installConnections(app);
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => {
    if (body === '') return done(null, undefined); // some clients name a type for a body that they do not send
    try {
      done(null, JSON.parse(body as string));
    } catch {
      done(new ServiceError('INVALID_REQUEST', 'the body is not valid JSON'));
    }
  });

  app.addHook('onRequest', (request, reply, done) => {
    mark(request, reply);
    if (service.draining) reply.header('connection', 'close');
    done();
  });
  app.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'unmatched';
    service.metrics.httpSeconds.observe({ route, status: reply.statusCode }, reply.elapsedTime / 1000);
    if (config.accessLog) {
      const { method, url } = request;
      request.log.info({ reqId: request.id, method, url, status: reply.statusCode, ms: reply.elapsedTime }, 'request');
    }
    done();
  });

  installErrors(app);
  await installAuth(app, config.apiKeys);
  await installDocs(app, service, { maxSequences: config.maxSequences, auth: config.apiKeys.length > 0 });
  installOps(app, service);
  installRest(app, service, config);
  installStreams(app, service, config);
  await installProtocol(app, service, config);
  return app;
}

/** The headers that every reply bears. */
function mark({ id }: { id: string }, reply: FastifyReply): void {
  reply.headers({ 'x-request-id': id, 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' });
}

/** The caller's x-request-id if it is harmless, else a fresh one. */
function requestId(request: IncomingMessage): string {
  const given = request.headers['x-request-id'];
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID();
}
