// GET /v1/models/{model}/live: a WebSocket whose every connection is a stream of its own.
import type { Server } from 'node:http';
import websocket from '@fastify/websocket';
import type { FastifyInstance, FastifyRequest, onRequestHookHandler } from 'fastify';
import { z } from 'zod';
import { ServiceError } from '../../core/errors.ts';
import type { Service } from '../../service/service.ts';
import type { Target } from '../../service/shelves.ts';
import { keyFinder } from '../keys.ts';
import { problems } from '../problems.ts';
import { modelParams, versionParams } from '../rest/schemas.ts';
import { LiveConnection, type LiveOptions, type LiveTarget } from './connection.ts';
import { websocketUpgrades } from './upgrades.ts';

export interface LiveRoutesOptions extends LiveOptions {
  readonly apiKeys: readonly string[];
  readonly corsOrigins: readonly string[];
  readonly maxBodyBytes: number;
}

/** When the server ends, the connections that are left are cut when for so long none of them has closed. */
const DRAIN_MS = 2000;
/** What the caller sent is no WebSocket's, or too large: the library has begun to close, with the code that says so. */
const OF_THE_CALLER = /^WS_ERR_/;

export async function installLive(app: FastifyInstance, service: Service, options: LiveRoutesOptions): Promise<void> {
  const open = new Set<LiveConnection>();
  const keysOf = keyReader(options.apiKeys);
  await app.register(websocket, {
    errorHandler: (error, socket, request) => {
      if (OF_THE_CALLER.test((error as NodeJS.ErrnoException).code ?? '')) return; // closed with its code by now
      request.log.error(error);
      socket.terminate();
    },
    options: {
      server: websocketUpgrades(app.server) as Server,
      maxPayload: options.maxBodyBytes,
      perMessageDeflate: false,
    },
    preClose: async () => {
      await Promise.all([...open].map(connection => connection.drain()));
      const end = setTimeout(() => {
        for (const connection of open) connection.terminate();
      }, DRAIN_MS);
      for (let left = open.size; left > 0; left = open.size) {
        await new Promise(resolve => setTimeout(resolve, 5));
        if (open.size < left) end.refresh();
      }
      clearTimeout(end);
    },
  });
  // Before the upgrade: what is wrong so far is told as HTTP.
  const onRequest: onRequestHookHandler = (request, _reply, done) => {
    checkOrigin(request, options.corsOrigins);
    if (service.draining) throw new ServiceError('NOT_READY', 'the server ends');
    const { model, version } = request.params as Target;
    service.models.get(model, version);
    done();
  };
  for (const [path, params, suffix] of [
    ['/v1/models/:model/live', modelParams, ''],
    ['/v1/models/:model/versions/:version/live', versionParams, 'Version'],
  ] as const) {
    app.route({
      method: 'GET',
      url: path,
      onRequest,
      config: { open: true }, // a key may come in the first message: browsers cannot set headers here
      schema: {
        tags: ['streams'],
        summary: 'One connection, many steps (WebSocket)',
        description:
          'A connection is a stream: each message is {"sequence": [...]} or a frame of little-endian float32 features, and is answered in order. docs/live.md tells the rest.',
        operationId: `connectLive${suffix}`,
        params,
        response: {
          101: z.undefined().describe('A WebSocket from here on.'),
          ...problems(403, 404, 503),
        },
      },
      handler: () => {
        throw new ServiceError('INVALID_REQUEST', 'this path takes WebSocket connections');
      },
      wsHandler: (socket, request) => {
        const target = {
          ...(request.params as Target),
          requestId: request.id,
          headers: request.headers,
          ip: request.ip,
          ...keysOf(request),
        };
        app.releaseConnection(request.raw.socket);
        const connection = new LiveConnection(socket, service, target, options);
        open.add(connection);
        socket.once('close', () => open.delete(connection));
      },
    });
  }
}

/** The key that an upgrade brings, or how to find the one that has yet to come. */
function keyReader(keys: readonly string[]): (upgrade: FastifyRequest) => Pick<LiveTarget, 'apiKey' | 'keyOf'> {
  const find = keyFinder(keys);
  const keyOf = (secret: string) => {
    const key = find(secret);
    return key?.roles.includes('predict') ? key : undefined;
  };
  return ({ headers: { authorization = '' } }) => {
    const apiKey = keyOf(authorization.replace(/^Bearer /i, ''));
    return { apiKey, keyOf: keys.length > 0 && !apiKey ? keyOf : undefined };
  };
}

/** A page of another origin must not speak with its visitor's access: WebSockets know no CORS (RFC 6455, 10.2). */
function checkOrigin({ headers: { origin, host } }: FastifyRequest, allowed: readonly string[]): void {
  if (origin === undefined || allowed.includes(origin)) return;
  if (URL.canParse(origin) && new URL(origin).host === host) return;
  throw new ServiceError('FORBIDDEN', 'this origin may not open live connections (POLYHEAD_CORS_ORIGINS)');
}
