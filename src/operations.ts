// Health and metrics on a port of their own, answered by a process that does nothing else.
import { createServer, type Server } from 'node:http';
import { keyFinder } from './http/keys.ts';

export interface Operations {
  readonly ready: boolean;
  /** What /readyz answers. */
  readonly readiness: unknown;
  metrics(): Promise<string>;
}

/** Without keys, or where they are public, metrics are open. */
export function operationsServer(
  of: Operations,
  { apiKeys, metrics }: { readonly apiKeys: readonly string[]; readonly metrics: 'keys' | 'public' },
): Server {
  const find = keyFinder(apiKeys);
  const open = apiKeys.length === 0 || metrics === 'public';
  return createServer((request, reply) => {
    const send = (status: number, body: unknown, type = 'application/json') => {
      reply.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' });
      reply.end(typeof body === 'string' ? body : JSON.stringify(body));
    };
    const path = request.url?.split('?')[0];
    const key = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1];
    const found = key === undefined ? undefined : find(key);
    if (request.method !== 'GET' && request.method !== 'HEAD') send(405, { status: 405 });
    else if (path === '/livez') send(200, { live: true });
    else if (path === '/readyz') send(of.ready ? 200 : 503, of.readiness);
    else if (path !== '/metrics') send(404, { status: 404 });
    else if (!open && !found) send(401, { status: 401 });
    else if (!open && !found?.roles.includes('metrics')) send(403, { status: 403 });
    else {
      of.metrics().then(
        text => send(200, text, 'text/plain; version=0.0.4; charset=utf-8'),
        () => send(503, { status: 503 }),
      );
    }
  });
}
