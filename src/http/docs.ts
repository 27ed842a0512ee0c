// The API document, which follows the loaded models, and Swagger UI to try it.
import helmet from '@fastify/helmet';
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';
import { createJsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod';
import type { OpenAPIV3_1 } from 'openapi-types';
import type { Service } from '../service/service.ts';
import { addModelOperations } from './rest/model-operations.ts';

declare module 'fastify' {
  interface FastifyInstance {
    /** The OpenAPI 3.1 document of the routes and of the models loaded now. */
    apiDocument(): OpenAPIV3_1.Document;
  }
}

/** The library lists every named schema twice, as read and as written; these are only ever written. */
const withoutInputTwins: typeof jsonSchemaTransformObject = document => {
  const openapi = jsonSchemaTransformObject(document) as OpenAPIV3_1.Document;
  for (const name of ['ProblemInput', 'ModelInput']) delete openapi.components?.schemas?.[name];
  return openapi;
};

/** Call before the routes are added: the document is made from them. */
export async function installDocs(
  app: FastifyInstance,
  service: Service,
  options: { maxSequences: number; auth: boolean },
) {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Polyhead',
        description:
          'Multitask sequence models: send ragged sequences, get every head of the shared trunk in one reply.',
        version: service.version,
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      servers: [{ url: '/' }],
      tags: [
        { name: 'predict by model', description: 'One operation per loaded model, typed by its features and heads.' },
        { name: 'predict', description: 'The same call for any model.' },
        { name: 'streams', description: 'Recurrent state that the server keeps: send only what is new.' },
        { name: 'models', description: 'What is loaded, and what was found out about it.' },
        {
          name: 'Open Inference Protocol v2',
          description: 'For clients of Triton, KServe and MLServer: tensors as they are.',
        },
        { name: 'operations', description: 'For the platform.' },
      ],
      components: { securitySchemes: { apiKey: { type: 'http', scheme: 'bearer' } } },
      security: options.auth ? [{ apiKey: [] }] : [],
    },
    transform: createJsonSchemaTransform({ skipList: [] }),
    transformObject: withoutInputTwins,
  });
  const complete = (document: OpenAPIV3_1.Document) => {
    addModelOperations(document, service.registry.all(), options.maxSequences);
    return document;
  };
  app.decorate('apiDocument', () => complete(structuredClone(app.swagger()) as OpenAPIV3_1.Document));
  app.get('/openapi.json', { schema: { hide: true } }, () => app.apiDocument());
  await app.register(async docs => {
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
      uiConfig: { docExpansion: 'list', tryItOutEnabled: false, displayRequestDuration: true, validatorUrl: null },
      transformSpecification: document => complete(document as OpenAPIV3_1.Document),
      theme: { title: 'Polyhead API' },
    });
  });
}
