// The API document, which follows the loaded models, and Swagger UI to try it.
import swagger from '@fastify/swagger';
import type { FastifyInstance } from 'fastify';
import { createJsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod';
import type { OpenAPIV3_1 } from 'openapi-types';
import type { Service } from '../../service/service.ts';
import { openRoutes } from '../auth.ts';
import { waitHeaders } from '../caller.ts';
import { BY_KEY } from '../problems.ts';
import { completeDocument } from './complete.ts';
import { keepAnswers } from './kept.ts';
import { addModelOperations } from './model-operations.ts';
import { asShown, RealReplies } from './shown.ts';
import { installUi } from './ui.ts';

declare module 'fastify' {
  interface FastifyInstance {
    /** The OpenAPI 3.1 document of the routes and of the models loaded now. */
    apiDocument(): OpenAPIV3_1.Document;
  }
}

const transformObject: typeof jsonSchemaTransformObject = document => {
  const openapi = jsonSchemaTransformObject(document) as OpenAPIV3_1.Document;
  completeDocument(openapi);
  return openapi;
};

/** What its configuration says of a route, in the document: whether a key is needed, and that a caller may say how long it waits. */
const transform: ReturnType<typeof createJsonSchemaTransform> = asked => {
  const { open, waits } = asked.route.config ?? {};
  const schema = waits ? { ...asked.schema, headers: waitHeaders } : asked.schema;
  const made = createJsonSchemaTransform({ skipList: [] })({ ...asked, schema });
  if (!open) return made;
  const response = { ...(made.schema.response as object | undefined) };
  for (const status of BY_KEY) delete (response as Record<string, unknown>)[status];
  return { ...made, schema: { ...made.schema, response, security: [] } };
};

const INFO = {
  title: 'Polyhead',
  description: 'Multitask sequence models: send ragged sequences, get every head of the shared trunk in one reply.',
  license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
};
const TAGS = [
  { name: 'predict by model', description: 'One operation per loaded model, typed by its features and heads.' },
  { name: 'predict', description: 'The same call for any model.' },
  { name: 'explain', description: 'How much each value of a sequence moved an answer.' },
  { name: 'streams', description: 'Recurrent state that the server keeps: send only what is new.' },
  { name: 'models', description: 'What is loaded, and what was found out about it.' },
  {
    name: 'Open Inference Protocol v2',
    description: 'For clients of Triton, KServe and MLServer: tensors as they are.',
  },
  { name: 'operations', description: 'For the platform.' },
];

const KEYS: OpenAPIV3_1.ComponentsObject = { securitySchemes: { apiKey: { type: 'http', scheme: 'bearer' } } };

/** Call before the routes are added: the document is made from them. */
export async function installDocs(
  app: FastifyInstance,
  service: Service,
  options: { maxSequences: number; auth: boolean; docs: 'public' | 'keys' | 'off' },
) {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { ...INFO, version: service.version },
      servers: [{ url: '/' }],
      tags: TAGS,
      ...(options.auth ? { components: KEYS } : {}),
      security: options.auth ? [{ apiKey: [] }] : [],
    },
    transform,
    transformObject,
  });
  const complete = (document: OpenAPIV3_1.Document) => {
    addModelOperations(document, service.models, options.maxSequences);
    return document;
  };
  app.decorate('apiDocument', () => complete(structuredClone(app.swagger()) as OpenAPIV3_1.Document));
  if (options.docs === 'off') return;
  const replies = new RealReplies(service);
  await app.register(async scope => {
    if (options.docs === 'public') openRoutes(scope);
    const isFile = (path: string) => path.startsWith('/docs/static/') && !path.endsWith('initializer.js');
    keepAnswers(scope, () => service.models.generation, isFile);
    scope.get('/openapi.json', { schema: { hide: true } }, (_request, reply) => {
      reply.header('content-type', 'application/json').send(JSON.stringify(app.apiDocument()));
    });
    await scope.register(docs => {
      docs.addHook('preHandler', async ({ url }) => {
        if (url.startsWith('/docs/json')) await replies.find();
      });
      return installUi(docs, document => asShown(complete(document), service.models, replies));
    });
  });
}
