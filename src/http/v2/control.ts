// The repository half of the Open Inference Protocol: what there is, and loading and unloading it.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { ServiceError } from '../../core/errors.ts';
import type { Service } from '../../service/service.ts';
import { parseJson } from '../bodies.ts';
import { sameOrigin } from '../same-origin.ts';
import { bytesOf, sendJson } from './bodies.ts';
import { faults, indexBody, loadBody, modelParams, repositoryIndex, tags } from './schemas.ts';

export interface ControlOptions {
  readonly modelControl: 'none' | 'explicit';
  readonly apiKeys: readonly unknown[];
}

export function installControl(
  instance: FastifyInstance,
  { control }: Service,
  { modelControl, apiKeys }: ControlOptions,
): void {
  instance.post(
    '/v2/repository/index',
    {
      schema: {
        tags,
        summary: 'Every version in the repository',
        operationId: 'v2RepositoryIndex',
        body: indexBody,
        response: { 200: repositoryIndex, ...faults(408, 413, 415, 503) },
      },
    },
    async (request, reply) => {
      const { ready } = readBody(request, indexBody);
      const entries = (await control.index()).map(({ model: name, reason, ...entry }) => ({
        name,
        ...entry,
        reason:
          modelControl === 'explicit' || reason === 'unloaded' || reason === '' ? reason : 'refused; the log says why',
      }));
      const wanted = ready ? entries.filter(({ state }) => state === 'READY') : entries;
      sendJson(reply, wanted);
    },
  );
  for (const action of ['load', 'unload'] as const) {
    instance.post(
      `/v2/repository/models/:model/${action}`,
      {
        onRequest: sameOrigin(apiKeys.length > 0),
        config: { role: 'control' },
        schema: {
          tags,
          summary: action === 'load' ? 'Load a model, or load it again' : 'Take a model out of service',
          description: 'Only with POLYHEAD_MODEL_CONTROL=explicit. A model that is refused leaves the old one serving.',
          operationId: `v2${action === 'load' ? 'Load' : 'Unload'}`,
          params: modelParams,
          body: loadBody,
          response: { 200: z.object({}), ...faults(403, 404, 408, 413, 415, 503) },
        },
      },
      async (request, reply) => {
        checkControl(modelControl);
        checkFromRepository(readBody(request, loadBody).parameters);
        await control[action]((request.params as z.infer<typeof modelParams>).model);
        sendJson(reply, {});
      },
    );
  }
}

/** @throws {ServiceError} FORBIDDEN unless callers may load and unload. */
export function checkControl(modelControl: 'none' | 'explicit'): void {
  if (modelControl === 'explicit') return;
  throw new ServiceError('FORBIDDEN', 'models are not loaded or unloaded by callers: POLYHEAD_MODEL_CONTROL is none');
}

/** @throws {ServiceError} INVALID_REQUEST if a load brings a model of its own. */
export function checkFromRepository(parameters: object | null | undefined): void {
  if (!Object.keys(parameters ?? {}).some(key => key === 'config' || key.startsWith('file:'))) return;
  throw new ServiceError('INVALID_REQUEST', 'models come from the repository: parameters config and file: are refused');
}

/** @throws {ServiceError} INVALID_REQUEST; no body is an empty object. */
function readBody<T extends z.ZodType>(request: FastifyRequest, schema: T): z.infer<T> {
  const bytes = bytesOf(request);
  const parsed = schema.safeParse(bytes.length === 0 ? {} : parseJson(bytes));
  if (parsed.success) return parsed.data;
  const [{ path, message }] = parsed.error.issues;
  throw new ServiceError('INVALID_REQUEST', `${path.join('.') || 'the body'}: ${message}`);
}
