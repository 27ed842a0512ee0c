// Explanations over REST: the question in, attributions out as nested arrays beside what they explain.
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Service } from '../../service/service.ts';
import type { Target } from '../../service/shelves.ts';
import { callerOf, type Deadlines, TIMEOUT_HEADER } from '../caller.ts';
import { encodeExplanations } from '../codec/explanations.ts';
import { problems } from '../problems.ts';
import { headNames, modelParams, versionParams } from './schemas.ts';

const MOST_SEQUENCES = 16;
const budget = { occlusion: 1024, shapley: 2048, integratedGradients: 2048 } as const;

const explainBody = z.strictObject({
  sequences: z.array(z.unknown()).min(1).max(MOST_SEQUENCES).describe('As in predict.'),
  heads: headNames,
  method: z
    .enum(['occlusion', 'shapley', 'integratedGradients'])
    .default('occlusion')
    .describe('integratedGradients is for inputs of numbers; categories stay as they are in the sequence.'),
  baseline: z
    .unknown()
    .optional()
    .meta({ anyOf: [{ enum: ['reference', 'zero'] }, { type: 'array', items: {} }, { type: 'object' }] })
    .describe(
      'What values are replaced by: "reference", the middle of the model\'s sample sequences (for tokens the empty string); "zero"; or a sequence of the same shape. By default "reference".',
    ),
  targets: z
    .record(z.string(), z.string())
    .optional()
    .describe('By head, the label whose probability is explained; what the head answers where none is named.'),
  steps: z
    .record(z.string(), z.number().int().min(0))
    .optional()
    .describe('By head per step, the time step that is explained, from 0; the last where none is named.'),
  budget: z
    .number()
    .int()
    .min(16)
    .max(16_384)
    .optional()
    .describe(
      `Rows that a sequence may take; by default ${Object.entries(budget)
        .map(([method, rows]) => `${rows} for ${method}`)
        .join(', ')}.`,
    ),
  window: z
    .strictObject({ steps: z.number().int().min(1).default(1), features: z.number().int().min(1).default(1) })
    .optional()
    .describe('For occlusion: what is replaced at once, at every place; each cell gets the mean of its windows.'),
});

const headExplanation = z.object({
  target: z.string().describe('The label, or the name of a head that answers a value.'),
  step: z.number().int().optional().describe('The time step of a head per step.'),
  output: z.number().describe("The target's probability or value for the sequence, and for the baseline."),
  baselineOutput: z.number(),
  method: z.string(),
  attributions: z
    .unknown()
    .describe(
      'A number a time step and feature (a time step, for tokens and ids); by input name where the model has several inputs. null where the time did not suffice.',
    ),
  convergence: z.object({
    rows: z.number().int().describe('Rows run for this sequence, for all heads together.'),
    gap: z.number().describe('Output minus baseline output minus all attributions; occlusion need not close it.'),
    standardError: z.number().nullable().optional().describe("The largest of a cell's mean, for shapley."),
    partial: z.boolean().describe('Whether the time ran out first: a longer timeout or a smaller budget helps.'),
  }),
});
const explainReply = z.object({
  model: z.string(),
  version: z.string(),
  explanations: z.array(z.object({ length: z.number().int(), heads: z.record(z.string(), headExplanation) })),
});

export interface ExplainOptions extends Deadlines {
  readonly maxAnswerBytes: number;
}

export function installExplain(instance: FastifyInstance, service: Service, options: ExplainOptions): void {
  const app = instance.withTypeProvider<ZodTypeProvider>();
  const explain = async (target: Target, body: z.infer<typeof explainBody>, reply: FastifyReply) => {
    const { method, baseline = 'reference' } = body;
    const request = { ...body, baseline, budget: body.budget ?? budget[method] };
    const explained = await service.explain(target, request, callerOf(reply, options));
    const text = await encodeExplanations(explained, method, options.maxAnswerBytes);
    app.answers.take(reply, text.length);
    return reply.header('content-type', 'application/json').send(text);
  };
  const schema = {
    tags: ['explain'],
    description: `Rows of the question run when nothing else waits. Send \`${TIMEOUT_HEADER}\` to give it more time.`,
    body: explainBody,
    response: { 200: explainReply, ...problems(404, 408, 413, 415, 422, 503, 504) },
  };
  app.post(
    '/v1/models/:model/explain',
    {
      config: { waits: true },
      schema: { ...schema, summary: 'Why the heads answer as they do', operationId: 'explain', params: modelParams },
    },
    (request, reply) => explain(request.params, request.body, reply),
  );
  app.post(
    '/v1/models/:model/versions/:version/explain',
    {
      config: { waits: true },
      schema: {
        ...schema,
        summary: 'Why the heads of one version answer as they do',
        operationId: 'explainVersion',
        params: versionParams,
      },
    },
    (request, reply) => explain(request.params, request.body, reply),
  );
}
