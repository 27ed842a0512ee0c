// Operations: liveness, readiness, metrics, version.
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Service } from '../service/service.ts';
import { problems } from './problems.ts';

const versionInfo = z.object({ name: z.literal('polyhead'), version: z.string(), node: z.string() });
const readiness = z.object({
  ready: z.boolean(),
  status: z.string(),
  models: z.array(z.object({ model: z.string(), version: z.string(), workers: z.number().int() })),
  refused: z.array(z.object({ model: z.string(), version: z.string() })).describe('Not serving; the log says why.'),
});

export function installOps(
  instance: FastifyInstance,
  service: Service,
  options: { readonly metrics: 'keys' | 'public' },
): void {
  const app = instance.withTypeProvider<ZodTypeProvider>();
  const tags = ['operations'];
  app.get(
    '/livez',
    {
      config: { open: true },
      schema: {
        tags,
        summary: 'Whether the process answers',
        operationId: 'live',
        response: { 200: z.object({ live: z.literal(true) }), ...problems() },
      },
    },
    () => ({ live: true }) as const,
  );
  app.get(
    '/readyz',
    {
      config: { open: true },
      schema: {
        tags,
        summary: 'Whether every loaded model can answer',
        operationId: 'ready',
        response: { ...problems(), 200: readiness, 503: readiness.describe('Not ready.') },
      },
    },
    (_request, reply) => {
      const { ready, status, models, refused } = service.readiness();
      reply.code(ready ? 200 : 503);
      return { ready, status, models: [...models], refused: [...refused] };
    },
  );
  app.get(
    '/version',
    {
      schema: {
        tags,
        summary: 'What is running',
        operationId: 'version',
        response: { 200: versionInfo, ...problems() },
      },
    },
    () => ({ name: 'polyhead' as const, version: service.version, node: process.version }),
  );
  app.get(
    '/metrics',
    {
      config: { role: 'metrics', open: options.metrics === 'public' },
      schema: {
        tags,
        summary: 'Prometheus metrics',
        operationId: 'metrics',
        response: {
          200: { description: 'Text exposition format.', content: { 'text/plain': { schema: z.string() } } },
          ...problems(),
        },
      },
    },
    async (_request, reply) => {
      reply.header('content-type', service.metrics.registry.contentType);
      return service.metrics.text();
    },
  );
}
