// Keeps pages of other origins from doing what a browser would let them do to a server on its own machine: whoever changes
// models is no page, or one of this very server.
import type { FastifyRequest, onRequestHookHandler } from 'fastify';
import { ServiceError } from '../core/errors.ts';

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/i;
const JSON_TYPE = /^application\/([^;]+\+)?json\s*(;|$)/i;

/**
 * Refuses requests that a page of another origin sent. Without API keys, also those to any name but loopback's: a page
 * whose name was bound to this address anew (DNS rebinding) would be of the same origin.
 */
export function sameOrigin(keys: boolean): onRequestHookHandler {
  return (request, _reply, done) => {
    const reason = foreign(request, keys);
    done(reason === undefined ? undefined : new ServiceError('FORBIDDEN', `models are not changed ${reason}`));
  };
}

function foreign({ headers }: FastifyRequest, keys: boolean): string | undefined {
  const { host = '', origin } = headers;
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return 'by pages of another site';
  if (origin !== undefined && hostOf(origin) !== host.toLowerCase()) return 'by pages of another origin';
  if (!keys && !LOOPBACK.test(host)) return 'over a name that is not loopback, unless API keys are set';
  const type = headers['content-type'];
  if (type !== undefined && !JSON_TYPE.test(type) && !isProgram(headers['user-agent']))
    return 'by bodies that are not application/json';
  return undefined;
}

/** Every browser calls itself Mozilla, and no page can change that without asking first. Triton's aio client says text/plain. */
function isProgram(agent: string | undefined): boolean {
  return agent !== undefined && !/mozilla/i.test(agent);
}

function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}
