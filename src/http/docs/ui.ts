// Swagger UI: its settings, its looks, and the security policy of its page.
import helmet from '@fastify/helmet';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';
import type { OpenAPIV3_1 } from 'openapi-types';
import { STYLE } from './style.ts';

/** What runs in the browser: functions are sent there as they are written, and see only what the page has. */
declare const SwaggerUIBundle: { plugins: { DownloadUrl: (system: unknown) => object } };
type Resolve = (path: readonly string[]) => unknown;

const PLUGINS = [
  (system: unknown) => SwaggerUIBundle.plugins.DownloadUrl(system),
  // To find how keys are sent, the page reads the whole document by its slowest way: once the operations are there, not before.
  () => ({
    statePlugins: {
      spec: {
        wrapActions: {
          requestResolvedSubtree: (resolve: Resolve) => (path: readonly string[]) =>
            path[0] === 'components' ? setTimeout(resolve, 500, path) : resolve(path),
        },
      },
    },
  }),
];

/** Serves the page under /docs; `shown` makes the document that it shows. */
export async function installUi(
  docs: FastifyInstance,
  shown: (document: OpenAPIV3_1.Document) => OpenAPIV3_1.Document,
): Promise<void> {
  // No upgrade to https, and no header that browsers obey over https alone and complain about elsewhere: the page must
  // also work over plain http on any host.
  await docs.register(helmet, {
    strictTransportSecurity: false,
    crossOriginOpenerPolicy: false,
    originAgentCluster: false,
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'self'"],
        styleSrc: ["'self'", "'unsafe-inline'"],
        imgSrc: ["'self'", 'data:'],
        objectSrc: ["'none'"],
        frameAncestors: ["'none'"],
      },
    },
  });
  await docs.register(swaggerUi, {
    routePrefix: '/docs',
    uiConfig: {
      layout: 'BaseLayout', // without the bar that asks for another document's address
      docExpansion: 'list',
      defaultModelsExpandDepth: -1,
      persistAuthorization: true,
      displayRequestDuration: true,
      validatorUrl: null,
      plugins: PLUGINS,
    },
    transformSpecification: document => shown(document as OpenAPIV3_1.Document),
    theme: { title: 'Polyhead API', css: [{ filename: 'polyhead.css', content: STYLE }] },
  });
}
