// REST version 1: streams, whose recurrent state the server keeps between calls.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { predict } from '../../service/predictor.ts';
import type { Service } from '../../service/service.ts';
import type { StreamRecord } from '../../state/store.ts';
import { encodePrediction } from './encode.ts';
import { type RestOptions, timeoutOf } from './routes.ts';
import { modelParams, problems, stepBody, stepReply, streamInfo, streamParams, versionParams } from './schemas.ts';

export function installStreams(instance: FastifyInstance, service: Service, options: RestOptions): void {
  const app = instance.withTypeProvider<ZodTypeProvider>();
  const { registry, streams } = service;
  const tags = ['streams'];
  const opened = { 201: streamInfo, ...problems(400, 401, 404, 429, 500, 503) };
  const found = problems(401, 404, 409, 500, 503);

  app.post(
    '/v1/models/:model/streams',
    {
      schema: {
        tags,
        summary: 'Open a stream on the newest version',
        operationId: 'openStream',
        params: modelParams,
        response: opened,
      },
    },
    async (request, reply) => reply.code(201).send(infoOf(await streams.create(registry.get(request.params.model)))),
  );
  app.post(
    '/v1/models/:model/versions/:version/streams',
    {
      schema: {
        tags,
        summary: 'Open a stream on one version',
        operationId: 'openStreamVersion',
        params: versionParams,
        response: opened,
      },
    },
    async (request, reply) => {
      const { model, version } = request.params;
      return reply.code(201).send(infoOf(await streams.create(registry.get(model, version))));
    },
  );
  app.get(
    '/v1/models/:model/streams/:stream',
    {
      schema: {
        tags,
        summary: 'A stream: version, length, last use',
        operationId: 'getStream',
        params: streamParams,
        response: { 200: streamInfo, ...found },
      },
    },
    async request => infoOf(await streams.get(request.params.model, request.params.stream)),
  );
  app.delete(
    '/v1/models/:model/streams/:stream',
    {
      schema: {
        tags,
        summary: 'End a stream',
        operationId: 'endStream',
        params: streamParams,
        response: { 204: z.undefined().describe('Ended.'), ...found },
      },
    },
    async (request, reply) => {
      await streams.remove(request.params.model, request.params.stream);
      return reply.code(204).send();
    },
  );
  app.post(
    '/v1/models/:model/streams/:stream/steps',
    {
      schema: {
        tags,
        summary: 'Every head after the new steps',
        description:
          'Goes on from where the last step ended: the answer is the one for the whole history. One step at a time; a step that fails leaves the stream as it was.',
        operationId: 'stepStream',
        params: streamParams,
        body: stepBody,
        response: { 200: stepReply, ...problems(400, 401, 404, 408, 409, 413, 415, 422, 500, 503, 504) },
      },
    },
    (request, reply) => step(service, options, request, reply, request.params, request.body),
  );
}

async function step(
  service: Service,
  options: RestOptions,
  request: FastifyRequest,
  reply: FastifyReply,
  { model: name, stream }: z.infer<typeof streamParams>,
  { sequence, after, heads, probabilities }: z.infer<typeof stepBody>,
): Promise<void> {
  const timeoutMs = timeoutOf(request, options);
  const { record, answer } = await service.streams.step(name, stream, { timeoutMs, after }, async (model, state) => {
    const at = ['sequence'];
    const call = predict(model, { sequences: [sequence], at, heads, timeoutMs, states: [state], returnState: true });
    reply.raw.once('close', call.abandon);
    if (reply.raw.destroyed) call.abandon(); // gone while the stream was being taken
    const result = await call.done;
    const [{ state: next, length }] = result.predictions;
    return { answer: result, state: next as Uint8Array, length };
  });
  const { queueMs, runMs, batchSize } = answer.ride;
  const { id, model, version, length } = record;
  const head = JSON.stringify({ stream: id, model, version, length }).slice(0, -1);
  reply
    .header('content-type', 'application/json')
    .header('server-timing', `queue;dur=${queueMs.toFixed(2)}, run;dur=${runMs.toFixed(2)}`)
    .header('x-batch-size', batchSize)
    .send(`${head},"prediction":${encodePrediction(answer, probabilities)}}`);
}

function infoOf({ id, model, version, length, createdMs, usedMs }: StreamRecord): z.infer<typeof streamInfo> {
  const time = (milliseconds: number) => new Date(milliseconds).toISOString();
  return { stream: id, model, version, length, created: time(createdMs), used: time(usedMs) };
}
