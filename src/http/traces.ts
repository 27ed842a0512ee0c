// Follows each request from its first byte to the last of its reply: W3C trace context in and out, and the attributes that
// OpenTelemetry's conventions for HTTP name. No payload and no query; probes, documents and the page are not followed.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { RequestTrace, TraceAttributes, Tracing } from '../core/trace.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** What is followed of it, if it is. */
    trace?: RequestTrace;
  }
}

/** W3C trace context: version, trace id, parent id, flags. */
const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/;

/** The id for the log: of its trace, or of its caller's where nothing is followed here. */
export function traceIdOf({ trace, headers: { traceparent } }: FastifyRequest): string | undefined {
  return trace ? trace.traceId : traceIdIn(traceparent);
}

/** The caller's own, from W3C's header. */
export function traceIdIn(traceparent: unknown): string | undefined {
  return typeof traceparent === 'string' ? TRACEPARENT.exec(traceparent)?.[1] : undefined;
}

export function installTraces(app: FastifyInstance, tracing: Tracing | undefined): void {
  if (!tracing) return;
  app.decorateRequest('trace');
  app.addHook('onRequest', (request, reply, done) => {
    const { config, url } = request.routeOptions;
    if (config.open !== true && url !== '/metrics') {
      request.trace = tracing.request(`${request.method} ${url ?? ''}`.trim(), request.headers, () => asked(request));
      reply.header('traceresponse', request.trace.response);
    }
    done();
  });
  app.addHook('onResponse', (request, reply, done) => {
    request.trace?.end(answered(request, reply), reply.statusCode >= 500 ? reply.refusal : undefined);
    done();
  });
}

function asked(request: FastifyRequest): TraceAttributes {
  const { method, protocol, ip, headers, raw, id, routeOptions } = request;
  return {
    'http.request.method': method,
    'http.route': routeOptions.url,
    'url.path': request.url.split('?', 1)[0],
    'url.scheme': protocol,
    'client.address': ip,
    'network.protocol.version': raw.httpVersion,
    'server.address': request.hostname || undefined,
    'user_agent.original': headers['user-agent'],
    'polyhead.request.id': id,
  };
}

function answered(request: FastifyRequest, reply: FastifyReply): TraceAttributes {
  const { model, version, label } = (request.params ?? {}) as Record<string, string | undefined>;
  return {
    'http.response.status_code': reply.statusCode,
    'error.type': reply.refusal,
    'polyhead.model': model,
    'polyhead.version': version ?? label,
    'polyhead.sequences': reply.timing?.sequences,
    'polyhead.steps': reply.timing?.steps,
  };
}
