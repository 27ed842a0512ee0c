// Each loaded model's own operation in the API document: features with unit and range, heads typed by name, an example.
import type { OpenAPIV3_1 } from 'openapi-types';
import type { ManifestHead } from '../../model/manifest.ts';
import { continues } from '../../service/continuation.ts';
import type { Model } from '../../service/model.ts';
import type { Models } from '../../service/shelves.ts';
import { closedObject, headSchema, type Schema, sequenceSchema } from './model-schemas.ts';

type Operation = OpenAPIV3_1.OperationObject;
type Paths = Record<string, { get?: Operation; post?: Operation; delete?: Operation }>;

const PREDICT = '/v1/models/{model}/predict';

/** Adds the models' operations to a document made from the routes. Models come by name and then oldest first. */
export function addModelOperations(
  document: OpenAPIV3_1.Document,
  loaded: Pick<Models, 'all' | 'get'>,
  maxSequences: number,
): void {
  const models = loaded.all();
  const paths = document.paths as Paths;
  const generic = paths[PREDICT].post as Operation;
  const ids = idsOf(document);
  /** Which version answers where none is named. */
  const stable = new Map(models.map(({ name }) => [name, loaded.get(name)]));
  for (const model of models) {
    const only = models.filter(other => other.name === model.name).length === 1;
    const base = `/v1/models/${model.name}`;
    if (stable.get(model.name) === model) {
      paths[`${base}/predict`] = { post: operation(generic, model, maxSequences, model.name, ids) };
    }
    if (!only) {
      const title = `${model.name} version ${model.version}`;
      paths[`${base}/versions/${model.version}/predict`] = {
        post: operation(generic, model, maxSequences, title, ids),
      };
    }
  }
  if (models.length > 0) exemplify(document, [...stable.values()]);
}

function operation(generic: Operation, model: Model, maxSequences: number, title: string, ids: Set<string>): Operation {
  const { heads } = model.manifest;
  const parameters = (generic.parameters as OpenAPIV3_1.ParameterObject[]).filter(({ in: at }) => at !== 'path');
  const content = (generic.requestBody as OpenAPIV3_1.RequestBodyObject).content['application/json'];
  const body = (content.schema as Schema).properties as Record<string, Schema>;
  return {
    ...generic,
    parameters,
    tags: ['predict by model'],
    summary: `${title}: ${headNames(heads)}`,
    description: descriptionOf(model),
    operationId: idOf(title, ids),
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
              heads: {
                type: 'array',
                minItems: 1,
                uniqueItems: true,
                items: { type: 'string', enum: heads.map(head => head.name) },
              },
              ...(continues(model) ? { states: body.states, returnState: body.returnState } : {}),
              probabilities: body.probabilities,
              sliceSteps: body.sliceSteps,
            },
          },
          example: model.example,
        },
      },
    },
    responses: { ...generic.responses, 200: reply(model, generic.responses?.[200] as OpenAPIV3_1.ResponseObject) },
  };
}

/** What its manifest says of the model, and which graph inputs are none of a caller's business. */
function descriptionOf({ manifest: { description, controls } }: Model): string | undefined {
  if (controls.length === 0) return description;
  const names = controls.map(({ input, kind }) => `\`${input}\` (${kind})`).join(', ');
  return [description, `By a call's place in its sequence the server fills in ${names}.`].filter(Boolean).join(' ');
}

/** The heads' names, as many as fit a line. */
function headNames(heads: Model['manifest']['heads']): string {
  const names = heads.slice(0, 6).map(head => head.name.replaceAll('_', ' '));
  return heads.length > names.length ? `${names.join(', ')} and ${heads.length - names.length} more` : names.join(', ');
}

/**
 * Programs make names of it, in a case of their own: letters, digits and underscores, and no two that differ by less (w-1, w_1
 * and W1 are three models, and one may be called Version, beside predictVersion).
 */
function idOf(title: string, ids: Set<string>): string {
  const plain = `predict_${title.replace(/[^A-Za-z0-9]+/g, '_')}`;
  let id = plain;
  for (let n = 2; ids.has(bare(id)); n++) id = `${plain}_${n}`;
  ids.add(bare(id));
  return id;
}

const bare = (id: string) => id.replaceAll('_', '').toLowerCase();

/** The ids of the operations that stand in the document already. */
function idsOf({ paths = {} }: OpenAPIV3_1.Document): Set<string> {
  const operations = Object.values(paths).flatMap(item => Object.values(item ?? {}) as Operation[]);
  return new Set(operations.map(({ operationId = '' }) => bare(operationId)));
}

/** A caller may ask for some of the heads, at least one: of several, none is always there. */
function headsSchema(heads: readonly ManifestHead[]): Schema {
  const all = closedObject(heads.map(head => [head.name, headSchema(head)]));
  return heads.length === 1 ? all : { ...all, required: undefined, minProperties: 1 };
}

/** As the operation for any model answers, with this model's heads. */
function reply(model: Model, generic: OpenAPIV3_1.ResponseObject): OpenAPIV3_1.ResponseObject {
  const { signature } = model;
  const answer = closedObject([
    ['length', { type: 'integer', minimum: 1 }],
    ['heads', headsSchema(signature.heads.map(({ spec }) => spec))],
  ]);
  const state: Schema = { type: 'string', description: 'A state token, if asked for.' };
  const prediction = continues(model) ? { ...answer, properties: { ...answer.properties, state } } : answer;
  const whole = closedObject([
    ['model', { type: 'string' }],
    ['version', { type: 'string' }],
    ['predictions', { type: 'array', items: prediction }],
  ]);
  // Slices are described once, for any model.
  return { ...generic, content: { ...generic.content, 'application/json': { schema: whole } } };
}

/** Fills the generic operations' parameters and bodies with a model that is loaded, so that they succeed unedited. */
function exemplify(document: OpenAPIV3_1.Document, models: readonly Model[]): void {
  const [first] = models;
  const stateful = models.find(continues) ?? first;
  for (const [path, item] of Object.entries(document.paths as Paths)) {
    const streams = path.includes('/streams');
    const { name, version, example } = streams ? stateful : first;
    const values: Record<string, string> = { model: name, version, label: 'stable' };
    for (const operation of [item?.get, item?.post, item?.delete]) {
      for (const parameter of (operation?.parameters ?? []) as OpenAPIV3_1.ParameterObject[]) {
        if (parameter.in === 'path' && parameter.name in values) parameter.example = values[parameter.name];
      }
    }
    const body = item?.post?.requestBody as OpenAPIV3_1.RequestBodyObject | undefined;
    if (!body || !path.startsWith('/v1/models/{model}')) continue;
    const instances = path.endsWith(':predict') ? { instances: example.sequences } : example;
    body.content['application/json'].example = streams ? { sequence: example.sequences[0] } : instances;
  }
}
