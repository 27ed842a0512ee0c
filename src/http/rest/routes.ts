// REST version 1: the envelope in, the service called, the reply out.
import type { FastifyInstance, FastifyReply, FastifyRequest, onRequestHookHandler } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { z } from 'zod';
import { ServiceError } from '../../core/errors.ts';
import type { Service } from '../../service/service.ts';
import { describeModel } from './describe.ts';
import { encodePredictions } from './encode.ts';
import {
  modelDescription,
  modelList,
  modelParams,
  predictBody,
  predictReply,
  problems,
  versionParams,
} from './schemas.ts';

export interface RestOptions {
  readonly requestTimeoutMs: number;
  readonly maxRequestTimeoutMs: number;
  readonly maxSequences: number;
}

const TIMEOUT_HEADER = 'x-request-timeout-ms';

export function installRest(instance: FastifyInstance, service: Service, options: RestOptions): void {
  const app = instance.withTypeProvider<ZodTypeProvider>();
  const { registry } = service;
  const body = predictBody(options.maxSequences);
  const tags = ['models'];
  const errors = problems(400, 401, 404, 500);
  const describe = (name: string, version?: string) => describeModel(registry.get(name, version), options.maxSequences);

  app.get(
    '/v1/models',
    {
      schema: {
        tags,
        summary: 'Every loaded model version',
        operationId: 'listModels',
        response: { 200: modelList, ...problems(401, 500) },
      },
    },
    () => ({ models: registry.all().map(model => describeModel(model, options.maxSequences)) }),
  );
  app.get(
    '/v1/models/:model',
    {
      schema: {
        tags,
        summary: 'A model: inputs, heads, limits, provider, certificate',
        operationId: 'getModel',
        params: modelParams,
        response: { 200: modelDescription, ...errors },
      },
    },
    request => describe(request.params.model),
  );
  app.get(
    '/v1/models/:model/versions/:version',
    {
      schema: {
        tags,
        summary: 'One version of a model',
        operationId: 'getModelVersion',
        params: versionParams,
        response: { 200: modelDescription, ...errors },
      },
    },
    request => describe(request.params.model, request.params.version),
  );

  // A full queue refuses before the body is read and parsed: under overload that is most of the work.
  const refuseEarly: onRequestHookHandler = (request, _reply, done) => {
    const { model, version } = request.params as { model: string; version?: string };
    registry.get(model, version).batcher.checkRoom(1);
    done();
  };
  const predictErrors = problems(400, 401, 404, 408, 413, 415, 422, 500, 503, 504);
  const predictSchema = {
    tags: ['predict'],
    description: `Send \`${TIMEOUT_HEADER}\` to wait less or longer than ${options.requestTimeoutMs} ms (at most ${options.maxRequestTimeoutMs}).`,
    body,
    response: { 200: predictReply, ...predictErrors },
  };
  app.post(
    '/v1/models/:model/predict',
    {
      onRequest: refuseEarly,
      schema: {
        ...predictSchema,
        summary: 'Every head for every sequence, by the newest version',
        operationId: 'predict',
        params: modelParams,
      },
    },
    (request, reply) => predict(service, options, request, reply, request.params.model, undefined, request.body),
  );
  app.post(
    '/v1/models/:model/versions/:version/predict',
    {
      onRequest: refuseEarly,
      schema: {
        ...predictSchema,
        summary: 'Every head for every sequence, by one version',
        operationId: 'predictVersion',
        params: versionParams,
      },
    },
    (request, reply) =>
      predict(service, options, request, reply, request.params.model, request.params.version, request.body),
  );
}

async function predict(
  service: Service,
  options: RestOptions,
  request: FastifyRequest,
  reply: FastifyReply,
  name: string,
  version: string | undefined,
  { sequences, heads, states, returnState, probabilities }: z.infer<ReturnType<typeof predictBody>>,
): Promise<void> {
  const timeoutMs = timeoutOf(request, options);
  const { model, call } = service.predict(name, version, { sequences, heads, states, returnState, timeoutMs });
  reply.raw.once('close', call.abandon);
  const result = await call.done;
  const { queueMs, runMs, batchSize } = result.ride;
  reply
    .header('content-type', 'application/json')
    .header('server-timing', `queue;dur=${queueMs.toFixed(2)}, run;dur=${runMs.toFixed(2)}`)
    .header('x-batch-size', batchSize)
    .send(encodePredictions(model, result, probabilities));
}

/** @throws {ServiceError} INVALID_REQUEST unless the header is absent or a positive whole number; it is cut to the ceiling. */
export function timeoutOf(request: FastifyRequest, options: RestOptions): number {
  const header = request.headers[TIMEOUT_HEADER];
  if (header === undefined) return options.requestTimeoutMs;
  if (typeof header !== 'string' || !/^[1-9][0-9]{0,8}$/.test(header)) {
    throw new ServiceError(
      'INVALID_REQUEST',
      `header ${TIMEOUT_HEADER} must be a positive whole number of milliseconds`,
    );
  }
  return Math.min(Number(header), options.maxRequestTimeoutMs);
}
