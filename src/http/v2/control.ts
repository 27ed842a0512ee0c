// The repository half of the Open Inference Protocol: what there is, and loading and unloading it.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { ServiceError } from '../../core/errors.ts';
import type { Service } from '../../service/service.ts';
import { bytesOf, sendJson } from './bodies.ts';
import { parseJson } from './convert.ts';
import { faults, indexBody, loadBody, repositoryIndex } from './schemas.ts';

const modelParams = z.object({ model: z.string().max(64) });

export function installControl(
  instance: FastifyInstance,
  service: Service,
  modelControl: 'none' | 'explicit',
  tags: string[],
): void {
  const { registry } = service;
  instance.post(
    '/v2/repository/index',
    {
      schema: {
        tags,
        summary: 'Every version in the repository',
        operationId: 'v2RepositoryIndex',
        body: indexBody,
        response: { 200: repositoryIndex, ...faults(400, 401, 500) },
      },
    },
    async (request, reply) => {
      const { ready } = readBody(request, indexBody);
      const entries = (await registry.index()).map(({ model: name, ...entry }) => ({ name, ...entry }));
      const wanted = ready ? entries.filter(({ state }) => state === 'READY') : entries;
      sendJson(reply, wanted);
    },
  );
  for (const action of ['load', 'unload'] as const) {
    instance.post(
      `/v2/repository/models/:model/${action}`,
      {
        schema: {
          tags,
          summary: action === 'load' ? 'Load a model, or load it again' : 'Take a model out of service',
          description: 'Only with POLYHEAD_MODEL_CONTROL=explicit. A model that is refused leaves the old one serving.',
          operationId: `v2${action === 'load' ? 'Load' : 'Unload'}`,
          params: modelParams,
          body: loadBody,
          response: { 200: z.object({}), ...faults(400, 401, 403, 404, 500) },
        },
      },
      async (request, reply) => {
        if (modelControl !== 'explicit') {
          throw new ServiceError(
            'FORBIDDEN',
            'models are not loaded or unloaded by callers: POLYHEAD_MODEL_CONTROL is none',
          );
        }
        const { parameters } = readBody(request, loadBody);
        if (Object.keys(parameters ?? {}).some(key => key === 'config' || key.startsWith('file:'))) {
          throw new ServiceError(
            'INVALID_REQUEST',
            'models come from the repository: parameters config and file: are refused',
          );
        }
        await registry[action]((request.params as z.infer<typeof modelParams>).model);
        sendJson(reply, {});
      },
    );
  }
}

/** @throws {ServiceError} INVALID_REQUEST; no body is an empty object. */
function readBody<T extends z.ZodType>(request: FastifyRequest, schema: T): z.infer<T> {
  const bytes = bytesOf(request);
  const parsed = schema.safeParse(bytes.length === 0 ? {} : parseJson(bytes));
  if (parsed.success) return parsed.data;
  const [{ path, message }] = parsed.error.issues;
  throw new ServiceError('INVALID_REQUEST', `${path.join('.') || 'the body'}: ${message}`);
}
