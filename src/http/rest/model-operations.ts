// Each loaded model's own operation in the API document: features with unit and range, heads typed by name, an example.
import type { OpenAPIV3_1 } from 'openapi-types';
import type { LoadedModel } from '../../service/loaded-model.ts';
import { closedObject, headSchema, type Schema, sequenceSchema } from './model-schemas.ts';

type Operation = OpenAPIV3_1.OperationObject;
type Paths = Record<string, { get?: Operation; post?: Operation; delete?: Operation }>;

const PREDICT = '/v1/models/{model}/predict';

/** Adds the models' operations to a document made from the routes. Models come by name and then oldest first. */
export function addModelOperations(
  document: OpenAPIV3_1.Document,
  models: readonly LoadedModel[],
  maxSequences: number,
): void {
  const paths = document.paths as Paths;
  const generic = paths[PREDICT].post as Operation;
  const newest = new Map(models.map(model => [model.name, model]));
  for (const model of models) {
    const only = models.filter(other => other.name === model.name).length === 1;
    const base = `/v1/models/${model.name}`;
    if (newest.get(model.name) === model) {
      paths[`${base}/predict`] = { post: operation(generic, model, maxSequences, model.name) };
    }
    if (!only) {
      const title = `${model.name} version ${model.version}`;
      paths[`${base}/versions/${model.version}/predict`] = { post: operation(generic, model, maxSequences, title) };
    }
  }
  if (models.length > 0) exemplify(document, [...newest.values()]);
}

function operation(generic: Operation, model: LoadedModel, maxSequences: number, title: string): Operation {
  const { description, heads } = model.manifest;
  const { parameters: _, ...rest } = generic;
  const content = (generic.requestBody as OpenAPIV3_1.RequestBodyObject).content['application/json'];
  const body = (content.schema as Schema).properties as Record<string, Schema>;
  return {
    ...rest,
    tags: ['predict by model'],
    summary: `Every head of ${title}`,
    description,
    operationId: `predict_${title.replace(/[^A-Za-z0-9]+/g, '_')}`,
    requestBody: {
      required: true,
      content: {
        'application/json': {
          schema: {
            type: 'object',
            required: ['sequences'],
            additionalProperties: false,
            properties: {
              sequences: {
                type: 'array',
                minItems: 1,
                maxItems: maxSequences,
                items: sequenceSchema(model.signature.inputs),
              },
              heads: { type: 'array', minItems: 1, items: { type: 'string', enum: heads.map(head => head.name) } },
              ...(model.signature.state.length > 0 ? { states: body.states, returnState: body.returnState } : {}),
              probabilities: body.probabilities,
            },
          },
          example: model.example,
        },
      },
    },
    responses: { ...generic.responses, 200: reply(model) },
  };
}

function reply({ signature }: LoadedModel): OpenAPIV3_1.ResponseObject {
  const answer = closedObject([
    ['length', { type: 'integer', minimum: 1 }],
    [
      'heads',
      {
        type: 'object',
        properties: Object.fromEntries(signature.heads.map(({ spec }) => [spec.name, headSchema(spec)])),
      },
    ],
  ]);
  const state: Schema = { type: 'string', description: 'A state token, if asked for.' };
  const prediction = signature.state.length > 0 ? { ...answer, properties: { ...answer.properties, state } } : answer;
  return {
    description: 'One prediction per sequence, in the order of the request. Headers: Server-Timing, x-batch-size.',
    content: {
      'application/json': {
        schema: closedObject([
          ['model', { type: 'string' }],
          ['version', { type: 'string' }],
          ['predictions', { type: 'array', items: prediction }],
        ]),
      },
    },
  };
}

/** Fills the generic operations' parameters and bodies with a model that is loaded, so that they succeed unedited. */
function exemplify(document: OpenAPIV3_1.Document, models: readonly LoadedModel[]): void {
  const [first] = models;
  const stateful = models.find(model => model.signature.state.length > 0) ?? first;
  for (const [path, item] of Object.entries(document.paths as Paths)) {
    const streams = path.includes('/streams');
    const { name, version, example } = streams ? stateful : first;
    const values: Record<string, string> = { model: name, version };
    for (const operation of [item?.get, item?.post, item?.delete]) {
      for (const parameter of (operation?.parameters ?? []) as OpenAPIV3_1.ParameterObject[]) {
        if (parameter.in === 'path' && parameter.name in values) parameter.example = values[parameter.name];
      }
    }
    const body = item?.post?.requestBody as OpenAPIV3_1.RequestBodyObject | undefined;
    if (!body || !path.startsWith('/v1/models/{model}')) continue;
    body.content['application/json'].example = streams ? { sequence: example.sequences[0] } : example;
  }
}
