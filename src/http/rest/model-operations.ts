// Each loaded model's own operation in the API document: features with unit and range, heads typed by name, an example.
import type { OpenAPIV3_1 } from 'openapi-types';
import type { LoadedModel } from '../../service/loaded-model.ts';
import { closedObject, headSchema, type Schema, sequenceSchema } from './model-schemas.ts';

type Operation = OpenAPIV3_1.OperationObject;
type Paths = Record<string, { get?: Operation; post?: Operation }>;

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
  const [first] = newest.values();
  if (first) exemplify(document, first);
}

function operation(generic: Operation, model: LoadedModel, maxSequences: number, title: string): Operation {
  const { description, heads } = model.manifest;
  const { parameters: _, ...rest } = generic;
  const properties = (generic.requestBody as OpenAPIV3_1.RequestBodyObject).content['application/json']
    .schema as Schema;
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
              probabilities: properties.properties?.probabilities as Schema,
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
  const prediction = closedObject([
    ['length', { type: 'integer', minimum: 1 }],
    [
      'heads',
      {
        type: 'object',
        properties: Object.fromEntries(signature.heads.map(({ spec }) => [spec.name, headSchema(spec)])),
      },
    ],
  ]);
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
function exemplify(document: OpenAPIV3_1.Document, model: LoadedModel): void {
  const values: Record<string, string> = { model: model.name, version: model.version };
  for (const [path, item] of Object.entries(document.paths as Paths)) {
    for (const operation of [item?.get, item?.post]) {
      for (const parameter of (operation?.parameters ?? []) as OpenAPIV3_1.ParameterObject[]) {
        if (parameter.in === 'path' && parameter.name in values) parameter.example = values[parameter.name];
      }
    }
    if (path.includes('{model}') && item?.post) {
      const body = item.post.requestBody as OpenAPIV3_1.RequestBodyObject;
      body.content['application/json'].example = model.example;
    }
  }
}
