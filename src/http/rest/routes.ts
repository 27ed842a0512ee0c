// REST version 1: the envelope in, the service called, the reply out.
import type { FastifyInstance, FastifyReply, onRequestHookHandler } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { z } from 'zod';
import type { Model } from '../../service/model.ts';
import type { Service } from '../../service/service.ts';
import type { Target } from '../../service/shelves.ts';
import type { Slice } from '../../service/slices.ts';
import { callerOf, type Deadlines, TIMEOUT_HEADER } from '../caller.ts';
import { encodeOneWithin, encodeWithin } from '../codec/large.ts';
import { problems } from '../problems.ts';
import { describeModel } from './describe.ts';
import { installInstances } from './instances.ts';
import {
  inForms,
  labelParams,
  modelDescription,
  modelList,
  modelParams,
  predictBody,
  predictLine,
  predictReply,
  versionParams,
} from './schemas.ts';
import { type Frame, formOf, sendSlices } from './slices.ts';
import { timingHeaders } from './timing.ts';

export interface RestOptions extends Deadlines {
  readonly maxSequences: number;
  readonly maxAnswerBytes: number;
  readonly modelControl: 'none' | 'explicit';
}

export function installRest(instance: FastifyInstance, service: Service, options: RestOptions): void {
  installModels(instance, service, options);
  installPredict(instance, service, options);
  installInstances(instance, service, options);
}

function installModels(instance: FastifyInstance, { models }: Service, options: RestOptions): void {
  const app = instance.withTypeProvider<ZodTypeProvider>();
  const tags = ['models'];
  const response = { 200: modelDescription, ...problems(404, 503) };
  const described = (model: Model) => describeModel(model, models.labels(model), options.maxSequences);
  const describe = ({ model, version }: Target) => described(models.get(model, version));
  const explained = options.modelControl === 'explicit';
  app.get(
    '/v1/models',
    {
      schema: {
        tags,
        summary: 'Every loaded model version',
        operationId: 'listModels',
        response: { 200: modelList, ...problems() },
      },
    },
    () => ({
      models: models.all().map(described),
      loading: [...(models.progress?.loading ?? [])],
      refused: models.refused.map(({ reason, ...refused }) => (explained ? { ...refused, reason } : refused)),
    }),
  );
  app.get(
    '/v1/models/:model',
    {
      schema: {
        tags,
        summary: 'A model: inputs, heads, limits, provider, certificate',
        operationId: 'getModel',
        params: modelParams,
        response,
      },
    },
    request => describe(request.params),
  );
  app.get(
    '/v1/models/:model/versions/:version',
    {
      schema: {
        tags,
        summary: 'One version of a model',
        operationId: 'getModelVersion',
        params: versionParams,
        response,
      },
    },
    request => describe(request.params),
  );
}

function installPredict(instance: FastifyInstance, service: Service, options: RestOptions): void {
  const app = instance.withTypeProvider<ZodTypeProvider>();
  const body = predictBody(options.maxSequences);
  const predict = async (target: Target, request: z.infer<typeof body>, reply: FastifyReply) => {
    const caller = callerOf(reply, options);
    const form = formOf(reply.request.headers.accept);
    if (form) {
      const slices = service.predictSlices(target, request, caller);
      return sendSlices(reply, form, slices, caller, slice =>
        encodeOneWithin(around(slice, form.frame), slice, request.probabilities, options.maxAnswerBytes),
      );
    }
    const result = await service.predict(target, request, caller);
    reply.timing = result.timing;
    const answer = await encodeWithin(result, request.probabilities, options.maxAnswerBytes);
    app.answers.take(reply, answer.length);
    return reply.headers(timingHeaders(result.timing)).send(answer);
  };
  // A full queue refuses before the body is read and parsed: under overload that is most of the work.
  const onRequest: onRequestHookHandler = (request, _reply, done) => {
    const { model, version, label } = request.params as Target & { label?: string };
    service.admit({ model, version: version ?? label });
    done();
  };
  const schema = {
    tags: ['predict'],
    description: `Send \`${TIMEOUT_HEADER}\` to wait less or longer than ${options.requestTimeoutMs} ms (at most ${options.maxRequestTimeoutMs}).`,
    body,
    response: { 200: inForms(predictReply, predictLine), ...problems(404, 408, 413, 415, 422, 503, 504) },
  };
  app.post(
    '/v1/models/:model/predict',
    {
      onRequest,
      config: { waits: true },
      schema: {
        ...schema,
        summary: 'Every head for every sequence, by the stable or the newest version',
        operationId: 'predict',
        params: modelParams,
      },
    },
    (request, reply) => predict(request.params, request.body, reply),
  );
  app.post(
    '/v1/models/:model/versions/:version/predict',
    {
      onRequest,
      config: { waits: true },
      schema: {
        ...schema,
        summary: 'Every head for every sequence, by one version',
        operationId: 'predictVersion',
        params: versionParams,
      },
    },
    (request, reply) => predict(request.params, request.body, reply),
  );
  app.post(
    '/v1/models/:model/labels/:label/predict',
    {
      onRequest,
      config: { waits: true },
      schema: {
        ...schema,
        summary: 'Every head for every sequence, by the version of that label',
        operationId: 'predictLabel',
        params: labelParams,
      },
    },
    ({ params: { model, label }, body: asked }, reply) => predict({ model, version: label }, asked, reply),
  );
}

/** What stands before and after a slice's prediction. */
function around({ model, sequence, length, last }: Slice, [before, after]: Frame): Frame {
  const head = JSON.stringify({ model: model.name, version: model.version, sequence, length, last }).slice(0, -1);
  return [`${before}${head},"prediction":`, `}${after}`];
}
