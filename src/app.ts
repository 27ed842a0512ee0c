// Builds the HTTP application over a running service. It never listens: tests use app.inject, main.ts listens.
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import Fastify, { type FastifyBaseLogger, type FastifyInstance, type FastifyReply, LogController } from 'fastify';
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod';
import type { Logger } from 'pino';
import type { Config } from './config.ts';
import { ServiceError } from './core/errors.ts';
import { logAccess } from './http/access-log.ts';
import { Answers, installAnswers } from './http/answers.ts';
import { installAuth } from './http/auth.ts';
import { installBodies } from './http/bodies.ts';
import { inflate } from './http/compression.ts';
import { installConnections } from './http/connections.ts';
import { installCors } from './http/cors.ts';
import { installDocs } from './http/docs/docs.ts';
import { answerClientError, installErrors, sendError } from './http/errors.ts';
import { installLive } from './http/live/routes.ts';
import { installOps } from './http/ops.ts';
import { installPage } from './http/page.ts';
import { installQuota } from './http/quota.ts';
import { installDrift } from './http/rest/drift.ts';
import { installExplain } from './http/rest/explain.ts';
import { installPapers } from './http/rest/papers.ts';
import { installRest } from './http/rest/routes.ts';
import { installStreams } from './http/rest/streams.ts';
import { installTls, tlsOptions } from './http/tls.ts';
import { installTraces } from './http/traces.ts';
import { installUploads } from './http/uploads.ts';
import { installProtocol } from './http/v2/routes.ts';
import type { Service } from './service/service.ts';

const REQUEST_ID = /^[A-Za-z0-9._-]{1,64}$/;

export async function buildApp(config: Config, service: Service, log: Logger): Promise<FastifyInstance> {
  // Of the two timeouts the shorter one counts for the headers. Node wants it so, and asks before Fastify has set the other.
  const requestTimeout = config.bodyTimeoutMs;
  const headersTimeout = Math.min(config.headersTimeoutMs, requestTimeout);
  const http = { headersTimeout, requestTimeout, connectionsCheckingInterval: 1000 };
  const https = tlsOptions(config);
  const app = Fastify({
    loggerInstance: log as FastifyBaseLogger,
    childLoggerFactory: logger => logger, // a child for every request costs more than all our own checks
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: config.maxBodyBytes,
    requestTimeout,
    keepAliveTimeout: config.keepAliveTimeoutMs,
    ...(https ? { https: { ...http, ...https } } : { http }),
    trustProxy: config.trustedProxies.length > 0 ? [...config.trustedProxies] : false,
    return503OnClosing: false,
    routerOptions: { maxParamLength: 128, ignoreTrailingSlash: true },
    genReqId: requestId,
    clientErrorHandler: answerClientError,
    frameworkErrors: (_error, request, reply) => {
      mark(request, reply as FastifyReply); // no hook runs for a path that cannot be read
      return sendError(request, reply as FastifyReply, new ServiceError('INVALID_REQUEST', 'the path is malformed'));
    },
  }) as FastifyInstance;
  app.server.maxConnections = config.maxConnections;
  installTls(app, config);
  installConnections(app, service.arrivals);
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  installBodies(app);

  app.addHook('onRequest', (request, reply, done) => {
    mark(request, reply);
    if (service.draining) reply.header('connection', 'close');
    done();
  });
  installTraces(app, service.tracing);
  app.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'unmatched';
    service.metrics.httpSeconds.observe({ route, status: reply.statusCode }, reply.elapsedTime / 1000);
    if (reply.refusal) service.metrics.refusals.inc({ code: reply.refusal });
    if (config.accessLog) logAccess(request, reply);
    done();
  });

  app.decorateReply('timing');
  installErrors(app);
  app.addHook('preParsing', inflate); // after the errors' own: to an unknown path no coding matters
  await installCors(app, config.corsOrigins);
  installUploads(app, service.held);
  installAnswers(app, new Answers(service.held));
  await installAuth(app, config.apiKeys);
  installQuota(app, service.quota);
  await installDocs(app, service, {
    maxSequences: config.maxSequences,
    auth: config.apiKeys.length > 0,
    docs: config.docs,
  });
  installOps(app, service, config);
  await installPage(app);
  installRest(app, service, config);
  installPapers(app, service);
  installDrift(app, service);
  installExplain(app, service, config);
  installStreams(app, service, config);
  await installLive(app, service, config);
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
