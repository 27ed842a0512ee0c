// The page at /: what web/ was built into, compressed ahead, under a policy that lets nothing but these files run.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import helmet from '@fastify/helmet';
import files from '@fastify/static';
import type { FastifyInstance } from 'fastify';
import { openRoutes } from './auth.ts';

const BUILT = fileURLToPath(new URL('../../page/', import.meta.url));
/** Names under assets/ hold a digest of the content, so that they never change; the rest is asked for again each time. */
const FOREVER = 'public, max-age=31536000, immutable';

export async function installPage(app: FastifyInstance): Promise<void> {
  if (!existsSync(`${BUILT}index.html`)) {
    app.log.warn('the page at / has not been built (npm run build does)');
    return;
  }
  await app.register(async page => {
    openRoutes(page);
    // As for /docs: the page must also work over plain http on any host.
    await page.register(helmet, {
      strictTransportSecurity: false,
      crossOriginOpenerPolicy: false,
      originAgentCluster: false,
      contentSecurityPolicy: {
        useDefaults: false,
        directives: {
          defaultSrc: ["'none'"],
          scriptSrc: ["'self'"],
          styleSrc: ["'self'"],
          imgSrc: ["'self'"],
          connectSrc: ["'self'"],
          baseUri: ["'none'"],
          formAction: ["'none'"],
          frameAncestors: ["'none'"],
        },
      },
    });
    page.addHook('onRequest', (request, reply, done) => {
      const lasting = request.url.startsWith('/assets/');
      reply.headers({ 'cache-control': lasting ? FOREVER : 'no-cache', vary: 'accept-encoding' });
      done();
    });
    await page.register(files, {
      root: BUILT,
      wildcard: false, // a route for each file: there is no path to be led astray by
      preCompressed: true,
      cacheControl: false,
      decorateReply: false,
      globIgnore: ['**/*.{br,gz}', '.*'],
    });
  });
}
