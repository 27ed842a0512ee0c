// The Open Inference Protocol v2: health, metadata, statistics, infer and model control over the same service as REST.
import type { FastifyInstance, FastifyReply, FastifyRequest, onRequestHookHandler } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { ServiceError } from '../../core/errors.ts';
import { type Inference, type InferRequest, infer } from '../../service/infer.ts';
import type { LoadedModel } from '../../service/loaded-model.ts';
import type { Service } from '../../service/service.ts';
import { deflateReply, inflate } from '../compression.ts';
import { bytesOf, sendJson } from '../v2/bodies.ts';
import { installControl } from '../v2/control.ts';
import { encodeInfer, parseInfer } from '../v2/convert.ts';
import { configOf, metadataOf, statisticsOf } from '../v2/describe.ts';
import {
  faults,
  inferBody,
  inferReplies,
  modelConfig,
  modelMetadata,
  modelStatistics,
  serverMetadata,
} from '../v2/schemas.ts';
import { inferInSequence } from './sequences.ts';

export interface ProtocolOptions {
  readonly requestTimeoutMs: number;
  readonly maxRequestTimeoutMs: number;
  readonly maxSequences: number;
  readonly modelControl: 'none' | 'explicit';
  readonly streamIdleTimeoutS: number;
}

const EXTENSIONS = [
  'binary_tensor_data',
  'model_configuration',
  'parameters',
  'schedule_policy',
  'sequence',
  'sequence(string_id)',
  'statistics',
];
const HEADER_LENGTH = 'inference-header-content-length';
const ready = z.object({ live: z.literal(true), ready: z.literal(true) });
const modelReady = z.object({ name: z.string(), ready: z.literal(true) });
const names = z.object({ models: z.array(z.string()) });
const model = z.object({ model: z.string().max(64) });
const version = model.extend({ version: z.string().max(9) });

export async function installProtocol(
  root: FastifyInstance,
  service: Service,
  options: ProtocolOptions,
): Promise<void> {
  await root.register(async scope => {
    // Clients send JSON and tensors under any content type, or none.
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
    // Bodies are read by convert.ts: the schemas describe them, and check the path only.
    scope.setValidatorCompiler(() => value => ({ value }));
    scope.addHook('preParsing', inflate);
    const { registry } = service;
    const app = scope.withTypeProvider<ZodTypeProvider>();
    const tags = ['Open Inference Protocol v2'];
    const get = (path: string, operationId: string, summary: string, reply: z.ZodType, answer: (of: Of) => unknown) => {
      const params = path.includes(':version') ? version : path.includes(':model') ? model : undefined;
      const errors = faults(...(params ? [400, 401, 404, 500, 503] : [401, 500, 503]));
      const schema = { tags, summary, operationId, ...(params ? { params } : {}), response: { 200: reply, ...errors } };
      app.get(path, { schema }, (request, response) => {
        sendJson(response, answer(request.params as Of));
      });
    };
    const of = ({ model, version }: Of) => registry.get(model, version);

    const metadata = () => ({
      name: 'polyhead',
      version: service.version,
      extensions: options.modelControl === 'explicit' ? [...EXTENSIONS, 'model_repository'] : EXTENSIONS,
    });
    get('/v2', 'v2Server', 'Server metadata', serverMetadata, metadata);
    app.get('/v2/', { schema: { hide: true } }, (_request, reply) => {
      sendJson(reply, metadata());
    });
    get('/v2/health/live', 'v2Live', 'Whether the server answers', z.object({ live: z.literal(true) }), () => ({
      live: true,
    }));
    get('/v2/health/ready', 'v2Ready', 'Whether every loaded model can answer', ready, () => {
      const { ready, status } = service.readiness();
      if (!ready) throw new ServiceError('NOT_READY', `the server is not ready: ${status}`);
      return { live: true, ready };
    });
    get('/v2/models', 'v2Models', 'Names of the loaded models', names, () => ({
      models: [...new Set(registry.all().map(({ name }) => name))],
    }));
    get('/v2/models/stats', 'v2Statistics', 'Statistics of every loaded model', modelStatistics, () => ({
      model_stats: registry.all().map(statisticsOf),
    }));
    for (const [at, suffix] of [
      ['/v2/models/:model', ''],
      ['/v2/models/:model/versions/:version', 'Version'],
    ]) {
      get(at, `v2Model${suffix}`, 'Model metadata', modelMetadata, path =>
        metadataOf(of(path), registry.versions(path.model)),
      );
      get(`${at}/ready`, `v2ModelReady${suffix}`, 'Whether a model can answer', modelReady, path => {
        const found = of(path);
        if (found.alive() === 0) throw new ServiceError('NOT_READY', `model '${found.name}' has no worker left`);
        return { name: found.name, ready: true };
      });
      get(`${at}/config`, `v2ModelConfig${suffix}`, "Triton's model configuration", modelConfig, path =>
        configOf(of(path), options.streamIdleTimeoutS),
      );
      get(`${at}/stats`, `v2ModelStatistics${suffix}`, 'Statistics of a model', modelStatistics, path => {
        const versions = path.version === undefined ? registry.versions(path.model) : [path.version];
        return { model_stats: versions.map(version => statisticsOf(registry.get(path.model, version))) };
      });

      // A full queue refuses before the body is read: under overload that is most of the work.
      const refuseEarly: onRequestHookHandler = (request, _reply, done) => {
        of(request.params as Of).batcher.checkRoom(1);
        done();
      };
      app.post(
        `${at}/infer`,
        {
          onRequest: refuseEarly,
          schema: {
            tags,
            summary: 'Tensors in, tensors out',
            description: 'JSON, or JSON followed by binary tensors with the header Inference-Header-Content-Length.',
            operationId: `v2Infer${suffix}`,
            params: suffix ? version : model,
            body: inferBody,
            response: { ...inferReplies, ...faults(400, 401, 404, 408, 413, 415, 500, 503, 504) },
          },
        },
        (request, reply) => answer(service, of(request.params), options, request, reply),
      );
    }
    installControl(app, service, options.modelControl, tags);
  });
}

interface Of {
  readonly model: string;
  readonly version?: string;
}

async function answer(
  service: Service,
  model: LoadedModel,
  options: ProtocolOptions,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const header = request.headers[HEADER_LENGTH];
  const asked = parseInfer(model, bytesOf(request), Array.isArray(header) ? header.join() : header);
  const timeoutMs = Math.min(asked.timeoutMs ?? options.requestTimeoutMs, options.maxRequestTimeoutMs);
  const onCall = (abandon: () => void) => reply.raw.once('close', abandon);
  // A model without state takes the parameters of a sequence and has no use for them.
  const { sequence = undefined } = model.signature.state.length > 0 ? asked : {};
  const { inference, model: answered } = sequence
    ? await inferInSequence(service.streams, model, asked, sequence, timeoutMs, onCall, () => reply.raw.destroyed)
    : {
        inference: await inferOnce(model, { ...asked.request, timeoutMs, maxRows: options.maxSequences }, onCall),
        model,
      };
  const { body, headerLength } = encodeInfer(answered, asked, inference);
  reply.header('content-type', headerLength === undefined ? 'application/json' : 'application/octet-stream');
  if (headerLength !== undefined) reply.header(HEADER_LENGTH, headerLength);
  reply.send(await deflateReply(reply, request.headers['accept-encoding'], body));
}

function inferOnce(
  model: LoadedModel,
  request: InferRequest,
  onCall: (abandon: () => void) => void,
): Promise<Inference> {
  const call = infer(model, request);
  onCall(call.abandon);
  return call.done;
}
