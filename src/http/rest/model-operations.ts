// Each loaded model's own operation in the API document: features with unit and range, heads typed by name, an example.
import type { OpenAPIV3_1 } from 'openapi-types';
import type { Feature, ManifestHead, ManifestInput } from '../../model/manifest.ts';
import type { LoadedModel } from '../../service/loaded-model.ts';

type Schema = OpenAPIV3_1.SchemaObject;
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
  const { description, inputs, heads } = model.manifest;
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
              sequences: { type: 'array', minItems: 1, maxItems: maxSequences, items: sequenceSchema(inputs) },
              heads: { type: 'array', minItems: 1, items: { type: 'string', enum: heads.map(head => head.name) } },
              probabilities: properties.properties?.probabilities as Schema,
            },
          },
          example: model.example,
        },
      },
    },
    responses: { ...generic.responses, 200: reply(heads) },
  };
}

function sequenceSchema(inputs: readonly ManifestInput[]): Schema {
  if (inputs.length === 1) return inputSchema(inputs[0]);
  return closedObject(inputs.map(input => [input.name, inputSchema(input)]));
}

function inputSchema(input: ManifestInput): Schema {
  const { minimum, maximum } = input.time;
  return {
    type: 'array',
    title: input.name,
    description: input.description ?? `Time steps, ${minimum} to ${maximum}.`,
    minItems: minimum,
    maxItems: maximum,
    items: stepSchema(input),
  };
}

function stepSchema(input: ManifestInput): Schema {
  if (input.kind === 'token') return { type: 'string' };
  if (input.kind === 'index') return { type: 'integer', minimum: 0, maximum: input.size - 1 };
  const features: [string, Schema][] = input.features.map(feature => [feature.name, featureSchema(feature)]);
  const { length } = features;
  return {
    anyOf: [
      closedObject(features),
      {
        type: 'array',
        description: `In this order: ${input.features.map(f => f.name).join(', ')}.`,
        minItems: length,
        maxItems: length,
        items: { anyOf: [{ type: 'number' }, { type: 'string' }] },
      },
    ],
  };
}

function featureSchema(feature: Feature): Schema {
  const description =
    [feature.description, feature.unit && `Unit: ${feature.unit}.`].filter(Boolean).join(' ') || undefined;
  if (feature.categories) {
    const index: Schema = { type: 'integer', minimum: 0, maximum: feature.categories.length - 1 };
    return { description, anyOf: [{ type: 'string', enum: feature.categories }, index] };
  }
  const { minimum, maximum, integer } = feature;
  return { type: integer ? 'integer' : 'number', description, minimum, maximum };
}

function reply(heads: readonly ManifestHead[]): OpenAPIV3_1.ResponseObject {
  const prediction = closedObject([
    ['length', { type: 'integer', minimum: 1 }],
    ['heads', { type: 'object', properties: Object.fromEntries(heads.map(head => [head.name, headSchema(head)])) }],
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

function headSchema(head: ManifestHead): Schema {
  const answer = answerSchema(head);
  if (head.per === 'sequence') return { description: head.description, ...answer };
  return { description: head.description, ...closedObject([['steps', { type: 'array', items: answer }]]) };
}

function answerSchema(head: ManifestHead): Schema {
  if (head.kind === 'regression') {
    const bounds = head.interval ? ['lower', 'upper'] : [];
    const numbers: [string, Schema][] = ['value', ...bounds].map(name => [name, { type: 'number' }]);
    const unit: [string, Schema][] = head.unit === undefined ? [] : [['unit', { type: 'string', enum: [head.unit] }]];
    return closedObject([...numbers, ...unit]);
  }
  const label: Schema = { type: 'string', enum: head.labels };
  const probability: Schema = { type: 'number', minimum: 0, maximum: 1 };
  const probabilities: Schema = {
    type: 'object',
    properties: Object.fromEntries(head.labels.map(name => [name, probability])),
  };
  return head.kind === 'multilabel'
    ? { type: 'object', required: ['labels'], properties: { labels: { type: 'array', items: label }, probabilities } }
    : {
        type: 'object',
        required: ['label'],
        properties: { label, probability: { ...probability, description: 'Of the label given.' }, probabilities },
      };
}

function closedObject(members: readonly (readonly [string, Schema])[]): Schema {
  return {
    type: 'object',
    required: members.map(([name]) => name),
    additionalProperties: false,
    properties: Object.fromEntries(members),
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
