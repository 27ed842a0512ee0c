// JSON Schemas of one model's sequences and answers, from its signature.
import type { OpenAPIV3_1 } from 'openapi-types';
import type { DType } from '../../core/tensor.ts';
import type { Feature, ManifestHead } from '../../model/manifest.ts';
import { isRowInput, rowTimeAxis, type SignatureInput } from '../../model/signature.ts';

export type Schema = OpenAPIV3_1.SchemaObject;

/** Longer lists of labels would fill the document. */
const MOST_LABELS = 64;

export function sequenceSchema(inputs: readonly SignatureInput[]): Schema {
  if (inputs.length === 1) return inputSchema(inputs[0]);
  const byName = closedObject(inputs.map(input => [input.spec.name, inputSchema(input)]));
  const optional = new Set(
    inputs.flatMap(({ spec }) => (spec.kind === 'side' && spec.default !== undefined ? [spec.name] : [])),
  );
  return { ...byName, required: byName.required?.filter(name => !optional.has(name)) };
}

function inputSchema({ spec, tensor, axes }: SignatureInput): Schema {
  if (!isRowInput(spec)) {
    const { description, values } = spec;
    return { ...elementSchema(tensor.dtype), description, default: spec.default, enum: values };
  }
  const { minimum, maximum } = spec.time;
  if (spec.kind === 'tensor') {
    const dims = axes.batch === null ? tensor.dims : tensor.dims.toSpliced(axes.batch, 1);
    const time = rowTimeAxis(axes);
    return dims.reduceRight<Schema>((items, dim, axis) => {
      const [least, most] = axis === time ? [minimum, maximum] : typeof dim === 'number' ? [dim, dim] : [1, undefined];
      return { type: 'array', minItems: least, maxItems: most, items };
    }, elementSchema(tensor.dtype));
  }
  return {
    type: 'array',
    title: spec.name,
    description: spec.description ?? `Time steps, ${minimum} to ${maximum}.`,
    minItems: minimum,
    maxItems: maximum,
    items: stepSchema(spec),
  };
}

function elementSchema(dtype: DType): Schema {
  if (dtype === 'string') return { type: 'string' };
  if (dtype === 'bool') return { type: 'boolean' };
  return { type: dtype.startsWith('float') ? 'number' : 'integer' };
}

type StepInput = Exclude<SignatureInput['spec'], { kind: 'side' | 'tensor' }>;

function stepSchema(input: StepInput): Schema {
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

export function headSchema(head: ManifestHead): Schema {
  if (head.kind === 'tensor') return { description: head.description, ...closedObject([['values', {}]]) };
  const answer = answerSchema(head);
  if (head.per === 'sequence') return { description: head.description, ...answer };
  return { description: head.description, ...closedObject([['steps', { type: 'array', items: answer }]]) };
}

function answerSchema(head: Exclude<ManifestHead, { kind: 'tensor' }>): Schema {
  if (head.kind === 'regression') {
    const bounds = head.interval ? ['lower', 'upper'] : [];
    const numbers: [string, Schema][] = ['value', ...bounds].map(name => [name, { type: 'number' }]);
    const unit: [string, Schema][] = head.unit === undefined ? [] : [['unit', { type: 'string', enum: [head.unit] }]];
    return closedObject([...numbers, ...unit]);
  }
  const probability: Schema = { type: 'number', minimum: 0, maximum: 1 };
  const { labels } = head;
  const few = labels.length <= MOST_LABELS;
  const rest = `One of ${labels.length} labels, which GET /v1/models/{model} lists.`;
  const label: Schema = few ? { type: 'string', enum: labels } : { type: 'string', description: rest };
  const probabilities: Schema = few
    ? { type: 'object', properties: Object.fromEntries(labels.map(name => [name, probability])) }
    : { type: 'object', description: 'By label.', additionalProperties: probability };
  return head.kind === 'multilabel'
    ? { type: 'object', required: ['labels'], properties: { labels: { type: 'array', items: label }, probabilities } }
    : {
        type: 'object',
        required: ['label'],
        properties: { label, probability: { ...probability, description: 'Of the label given.' }, probabilities },
      };
}

export function closedObject(members: readonly (readonly [string, Schema])[]): Schema {
  return {
    type: 'object',
    required: members.map(([name]) => name),
    additionalProperties: false,
    properties: Object.fromEntries(members),
  };
}
