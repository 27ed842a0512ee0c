// REST version 1: what a model sees and says lately, beside what was usual when it was made.
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Service } from '../../service/service.ts';
import type { Target } from '../../service/shelves.ts';
import { problems } from '../problems.ts';
import { modelParams, versionParams } from './schemas.ts';

const share = z.number();
const drift = z
  .object({
    name: z.string(),
    version: z.string(),
    windowS: z.number().describe('How far back it is told, in seconds.'),
    features: z.array(
      z.object({
        input: z.string(),
        feature: z.string(),
        values: z.number().describe('Time steps in the window.'),
        outside: share.describe("The share of them outside the reference's range."),
        missing: share,
        usuallyMissing: share,
      }),
    ),
    heads: z.array(
      z.object({
        head: z.string(),
        answers: z.number().describe('Answers in the window.'),
        stabilityIndex: z
          .number()
          .nullable()
          .describe('Population stability index: 0 is the same, above 0.25 a shift by custom; null without answers.'),
        shares: z.array(share).describe('Of each label, or of each bin of values.'),
        usualShares: z.array(share),
        entropy: z.number().nullish().describe("The answers' mean entropy in nats; only of labels."),
        usualEntropy: z.number().optional(),
      }),
    ),
  })
  .meta({ id: 'Drift' });

export function installDrift(instance: FastifyInstance, { models }: Service): void {
  const app = instance.withTypeProvider<ZodTypeProvider>();
  const tags = ['models'];
  const response = { 200: drift, ...problems(404, 503) };
  const report = ({ model, version }: Target): z.infer<typeof drift> => {
    const found = models.get(model, version);
    const { windowS, features, heads } = found.drift?.report() ?? { windowS: 0, features: [], heads: [] };
    const plain = heads.map(head => ({ ...head, shares: [...head.shares], usualShares: [...head.usualShares] }));
    return { name: found.name, version: found.version, windowS, features: [...features], heads: plain };
  };
  app.get(
    '/v1/models/:model/drift',
    {
      schema: {
        tags,
        summary: 'Drift of inputs and answers; empty without a reference',
        operationId: 'getDrift',
        params: modelParams,
        response,
      },
    },
    request => report(request.params),
  );
  app.get(
    '/v1/models/:model/versions/:version/drift',
    {
      schema: {
        tags,
        summary: 'Drift of inputs and answers of one version',
        operationId: 'getDriftVersion',
        params: versionParams,
        response,
      },
    },
    request => report(request.params),
  );
}
