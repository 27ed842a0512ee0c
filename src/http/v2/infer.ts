// Infer: the body to tensors, the service called, the answer as JSON or bytes.
import type { FastifyInstance, FastifyReply, onRequestHookHandler } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { Inference } from '../../service/infer.ts';
import type { Service } from '../../service/service.ts';
import type { Target } from '../../service/shelves.ts';
import { callerOf, type Deadlines } from '../caller.ts';
import { deflateReply } from '../compression.ts';
import { bytesOf } from './bodies.ts';
import { encodeInfer, parseInfer } from './convert.ts';
import { faults, inferBody, inferReplies, modelParams, tags, versionParams } from './schemas.ts';

export interface InferOptions extends Deadlines {
  readonly maxAnswerBytes: number;
}

const HEADER_LENGTH = 'inference-header-content-length';

export function installInfer(
  scope: FastifyInstance,
  service: Service,
  options: InferOptions,
  at: string,
  suffix: string,
): void {
  // A full queue refuses before the body is read: under overload that is most of the work.
  const onRequest: onRequestHookHandler = (request, _reply, done) => {
    service.admit(request.params as Target);
    done();
  };
  scope.withTypeProvider<ZodTypeProvider>().post(
    `${at}/infer`,
    {
      onRequest,
      config: { waits: true },
      schema: {
        tags,
        summary: 'Tensors in, tensors out',
        description: 'JSON, or JSON followed by binary tensors with the header Inference-Header-Content-Length.',
        operationId: `v2Infer${suffix}`,
        params: suffix ? versionParams : modelParams,
        body: inferBody,
        response: { ...inferReplies, ...faults(404, 408, 409, 413, 415, 503, 504) },
      },
    },
    (request, reply) => answer(service, options, request.params, reply),
  );
}

async function answer(service: Service, options: InferOptions, target: Target, reply: FastifyReply): Promise<void> {
  const { headers } = reply.request;
  const header = headers[HEADER_LENGTH];
  const model = service.models.get(target.model, target.version);
  const asked = parseInfer(model, bytesOf(reply.request), Array.isArray(header) ? header.join() : header);
  const caller = callerOf(reply, options, asked.timeoutMs);
  const write = async (inference: Inference) => {
    const encoded = await encodeInfer(asked, inference, options.maxAnswerBytes);
    reply.server.answers.take(reply, encoded.body.length);
    return encoded;
  };
  let written: Awaited<ReturnType<typeof write>> | undefined;
  // A step whose answer is too large, or has no room, is not taken.
  const accept = async (inference: Inference) => {
    written = await write(inference);
  };
  const inference = await (asked.sequence
    ? service.inferStep(target, asked.request, asked.sequence, caller, accept)
    : service.infer(target, asked.request, caller));
  reply.timing = inference.timing;
  const { body, headerLength } = written ?? (await write(inference));
  reply.header('content-type', headerLength === undefined ? 'application/json' : 'application/octet-stream');
  if (headerLength !== undefined) reply.header(HEADER_LENGTH, headerLength);
  reply.send(await deflateReply(reply, headers['accept-encoding'], body));
}
