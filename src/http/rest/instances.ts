// The v1 protocol of TensorFlow Serving and KServe, as thin as can be: `instances` are sequences, `predictions` their heads.
import type { FastifyInstance, FastifyReply, onRequestHookHandler } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Service } from '../../service/service.ts';
import type { Target } from '../../service/shelves.ts';
import { callerOf, type Deadlines } from '../caller.ts';
import { encodeInstancesWithin } from '../codec/large.ts';
import { type ErrorForm, problem, STATUS } from '../errors.ts';
import { problems } from '../problems.ts';
import { labelParams, modelParams, prediction, versionParams } from './schemas.ts';
import { timingHeaders } from './timing.ts';

/** Problems as everywhere, with the member that clients of this protocol read. */
const FORM: ErrorForm = {
  contentType: 'application/problem+json',
  status: ({ code }) => STATUS[code],
  body: (error, requestId) => ({ ...problem(error, requestId), error: error.message }),
};
/** A parameter that ends where the colon of `:predict` begins. */
const NAME = '(^[^:/]+)';
const ROUTES = [
  { url: `/v1/models/:model${NAME}::predict`, operationId: 'predictInstances', params: modelParams },
  {
    url: `/v1/models/:model/versions/:version${NAME}::predict`,
    operationId: 'predictInstancesVersion',
    params: versionParams,
  },
  { url: `/v1/models/:model/labels/:label${NAME}::predict`, operationId: 'predictInstancesLabel', params: labelParams },
];

export function installInstances(
  instance: FastifyInstance,
  service: Service,
  options: Deadlines & { readonly maxSequences: number; readonly maxAnswerBytes: number },
): void {
  const app = instance.withTypeProvider<ZodTypeProvider>();
  const body = z.object({
    instances: z.array(z.unknown()).min(1).max(options.maxSequences).describe('Sequences, as in predict.'),
    signature_name: z.string().optional().describe('Ignored: a model has one signature.'),
  });
  const reply200 = z.object({ predictions: z.array(prediction.shape.heads) }).describe('The heads of each instance.');
  const targetOf = (params: unknown): Target => {
    const { model, version, label } = params as Target & { label?: string };
    return { model, version: version ?? label };
  };
  const onRequest: onRequestHookHandler = (request, _reply, done) => {
    service.admit(targetOf(request.params));
    done();
  };
  for (const { url, operationId, params } of ROUTES) {
    app.post(
      url,
      {
        onRequest,
        config: { errorForm: FORM },
        schema: {
          tags: ['predict'],
          summary: 'The v1 protocol of TensorFlow Serving and KServe',
          operationId,
          params,
          body,
          response: { 200: reply200, ...problems(400, 401, 404, 408, 413, 415, 422, 500, 503, 504) },
        },
      },
      async (request, reply: FastifyReply) => {
        const { instances } = request.body as z.infer<typeof body>;
        const asked = { sequences: instances, member: 'instances' };
        const result = await service.predict(targetOf(request.params), asked, callerOf(reply, options));
        const answer = await encodeInstancesWithin(result, options.maxAnswerBytes);
        app.answers.take(reply, answer.length);
        return reply.headers(timingHeaders(result.timing)).send(answer);
      },
    );
  }
}
