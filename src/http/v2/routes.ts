// The Open Inference Protocol v2: health, metadata and statistics, over the same service as REST.
import type { FastifyContextConfig, FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { ServiceError } from '../../core/errors.ts';
import type { Service } from '../../service/service.ts';
import type { Target } from '../../service/shelves.ts';
import { sendJson } from './bodies.ts';
import { type ControlOptions, installControl } from './control.ts';
import { configOf, metadataOf, serverMetadataOf, statisticsOf } from './describe.ts';
import { protocolErrors } from './errors.ts';
import { type InferOptions, installInfer } from './infer.ts';
import {
  faults,
  modelConfig,
  modelMetadata,
  modelParams,
  modelStatistics,
  serverMetadata,
  tags,
  versionParams,
} from './schemas.ts';

export interface ProtocolOptions extends InferOptions, ControlOptions {
  readonly streamIdleTimeoutS: number;
}

const ready = z.object({ live: z.literal(true), ready: z.literal(true) });
const modelReady = z.object({ name: z.string(), ready: z.literal(true) });
const names = z.object({ models: z.array(z.string()) });

export async function installProtocol(
  root: FastifyInstance,
  service: Service,
  options: ProtocolOptions,
): Promise<void> {
  root.errorForms.set('/v2', protocolErrors);
  await root.register(async scope => {
    // Clients send JSON and tensors under any content type, or none.
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
    // Bodies are read by convert.ts: the schemas describe them, and check the path only.
    scope.setValidatorCompiler(() => value => ({ value }));
    installServer(scope, service, options);
    for (const [at, suffix] of [
      ['/v2/models/:model', ''],
      ['/v2/models/:model/versions/:version', 'Version'],
    ] as const) {
      installModel(scope, service, options, at, suffix);
      installInfer(scope, service, options, at, suffix);
    }
    installControl(scope, service, options);
  });
}

interface Answer {
  readonly operationId: string;
  readonly summary: string;
  readonly reply: z.ZodType;
  readonly config?: FastifyContextConfig;
  answer(target: Target): unknown;
}

function get(scope: FastifyInstance, path: string, { operationId, summary, reply, config, answer }: Answer): void {
  const params = path.includes(':version') ? versionParams : path.includes(':model') ? modelParams : undefined;
  const errors = faults(...(params ? [404, 503] : [503]));
  const schema = { tags, summary, operationId, ...(params ? { params } : {}), response: { 200: reply, ...errors } };
  scope.withTypeProvider<ZodTypeProvider>().get(path, { config, schema }, (request, response) => {
    sendJson(response, answer(request.params as Target));
  });
}

function installServer(scope: FastifyInstance, service: Service, { modelControl }: ProtocolOptions): void {
  const { models } = service;
  const metadata = () => serverMetadataOf(service.version, modelControl);
  get(scope, '/v2', {
    operationId: 'v2Server',
    summary: 'Server metadata',
    reply: serverMetadata,
    answer: metadata,
  });
  get(scope, '/v2/health/live', {
    operationId: 'v2Live',
    summary: 'Whether the server answers',
    config: { open: true },
    reply: z.object({ live: z.literal(true) }),
    answer: () => ({ live: true }),
  });
  get(scope, '/v2/health/ready', {
    operationId: 'v2Ready',
    summary: 'Whether every loaded model can answer',
    config: { open: true },
    reply: ready,
    answer: () => {
      const { ready, status } = service.readiness();
      if (!ready) throw new ServiceError('NOT_READY', `the server is not ready: ${status}`);
      return { live: true, ready };
    },
  });
  get(scope, '/v2/models', {
    operationId: 'v2Models',
    summary: 'Names of the loaded models',
    reply: names,
    answer: () => ({ models: [...new Set(models.all().map(({ name }) => name))] }),
  });
  get(scope, '/v2/models/stats', {
    operationId: 'v2Statistics',
    summary: 'Statistics of every loaded model',
    reply: modelStatistics,
    answer: () => ({ model_stats: models.all().map(statisticsOf) }),
  });
}

function installModel(
  scope: FastifyInstance,
  { models }: Service,
  { streamIdleTimeoutS }: ProtocolOptions,
  at: string,
  suffix: string,
): void {
  const find = ({ model, version }: Target) => models.get(model, version);
  get(scope, at, {
    operationId: `v2Model${suffix}`,
    summary: 'Model metadata',
    reply: modelMetadata,
    answer: target => metadataOf(find(target), models.versions(target.model)),
  });
  get(scope, `${at}/ready`, {
    operationId: `v2ModelReady${suffix}`,
    summary: 'Whether a model can answer',
    reply: modelReady,
    answer: target => {
      const found = find(target);
      if (found.alive() === 0) throw new ServiceError('NOT_READY', `model '${found.name}' has no worker left`);
      return { name: found.name, ready: true };
    },
  });
  get(scope, `${at}/config`, {
    operationId: `v2ModelConfig${suffix}`,
    summary: "Triton's model configuration",
    reply: modelConfig,
    answer: target => configOf(find(target), streamIdleTimeoutS),
  });
  get(scope, `${at}/stats`, {
    operationId: `v2ModelStatistics${suffix}`,
    summary: 'Statistics of a model',
    reply: modelStatistics,
    answer: ({ model, version }) => {
      const versions = version === undefined ? models.versions(model) : [version];
      return { model_stats: versions.map(name => statisticsOf(models.get(model, name))) };
    },
  });
}
