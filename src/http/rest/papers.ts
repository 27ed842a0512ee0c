// A model's card and sample sequences, for people who meet it.
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { readCard, readSamples } from '../../service/papers.ts';
import type { Service } from '../../service/service.ts';
import { problems } from '../problems.ts';
import { modelParams, versionParams } from './schemas.ts';

const samples = z.object({
  examples: z
    .array(
      z.object({
        source: z
          .enum(['example', 'golden'])
          .describe("golden: compared with the training framework's answer at load."),
        sequence: z.unknown().describe('As predict takes it.'),
      }),
    )
    .describe('Sequences that the model answers as they stand.'),
});
const cardText = {
  200: { description: 'CARD.md as it stands.', content: { 'text/markdown': { schema: z.string() } } },
  ...problems(404, 503),
};
const samplesReply = { 200: samples, ...problems(404, 503) };

export function installPapers(instance: FastifyInstance, { models }: Service): void {
  const app = instance.withTypeProvider<ZodTypeProvider>();
  const tags = ['models'];
  const card = async (reply: FastifyReply, name: string, version?: string) => {
    const text = await readCard(models.get(name, version));
    return reply.header('content-type', 'text/markdown; charset=utf-8').send(text);
  };
  app.get(
    '/v1/models/:model/card',
    { schema: { tags, summary: 'The card', operationId: 'getCard', params: modelParams, response: cardText } },
    (request, reply) => card(reply, request.params.model),
  );
  app.get(
    '/v1/models/:model/versions/:version/card',
    {
      schema: {
        tags,
        summary: "A version's card",
        operationId: 'getCardVersion',
        params: versionParams,
        response: cardText,
      },
    },
    (request, reply) => card(reply, request.params.model, request.params.version),
  );
  app.get(
    '/v1/models/:model/examples',
    {
      schema: {
        tags,
        summary: 'Sequences to begin with',
        operationId: 'getExamples',
        params: modelParams,
        response: samplesReply,
      },
    },
    async request => ({ examples: await readSamples(models.get(request.params.model)) }),
  );
  app.get(
    '/v1/models/:model/versions/:version/examples',
    {
      schema: {
        tags,
        summary: 'Sequences to begin with, for one version',
        operationId: 'getExamplesVersion',
        params: versionParams,
        response: samplesReply,
      },
    },
    async ({ params: { model, version } }) => ({ examples: await readSamples(models.get(model, version)) }),
  );
}
