// JSON Schemas of one model's sequences and answers, from its signature.
import type { OpenAPIV3_1 } from 'openapi-types';
import type { DType } from '../../core/tensor.ts';
import type { Feature, ManifestHead } from '../../model/manifest.ts';
import { isRowInput, rowTimeAxis, type SignatureInput } from '../../model/signature.ts';
import { FLOAT32_MAX } from '../../sequence/faults.ts';
import { RANGES } from '../../sequence/nested.ts';

export type Schema = OpenAPIV3_1.SchemaObject & { propertyNames?: { enum: readonly string[] }; prefixItems?: Schema[] };

/** Longer lists of labels would fill the document. */
const MOST_LABELS = 64;
/** So would the features of longer rows, a second time. */
const MOST_PLACES = 64;

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
    return dims.reduceRight<Schema>(
      (items, dim, axis) => {
        const [least, most] =
          axis === time ? [minimum, maximum] : typeof dim === 'number' ? [dim, dim] : [1, undefined];
        return { type: 'array', minItems: least, maxItems: most, items };
      },
      listed(elementSchema(tensor.dtype, spec), spec.values),
    );
  }
  const steps: Schema = {
    type: 'array',
    title: spec.name,
    description: spec.description ?? `Time steps, ${minimum} to ${maximum}.`,
    minItems: minimum,
    maxItems: maximum,
    items: stepSchema(spec),
  };
  if (spec.kind !== 'token' || !spec.split) return steps;
  return { anyOf: [TEXT, steps] };
}

/** No graph would see a NUL character, nor what follows it. */
const TOKEN: Schema = { type: 'string', pattern: '^[^\\u0000]*$' };
const TEXT: Schema = {
  type: 'string',
  pattern: '^[^\\u0000]*[^\\s\\u0000][^\\u0000]*$',
  description: 'A text, which is cut into words.',
};

/** @param limits narrower than the type's own, if there are any. */
function elementSchema(dtype: DType, limits: { minimum?: number; maximum?: number; integer?: boolean } = {}): Schema {
  if (dtype === 'string') return TOKEN;
  if (dtype === 'bool') return { type: 'boolean' };
  const [minimum, maximum] = RANGES[dtype];
  const bounds = {
    minimum: Math.max(minimum, limits.minimum ?? -Infinity),
    maximum: Math.min(maximum, limits.maximum ?? Infinity),
  };
  return { type: dtype.startsWith('float') && !limits.integer ? 'number' : 'integer', ...bounds };
}

/** With the only values that are accepted, where they are few enough to tell. */
function listed(schema: Schema, values: readonly unknown[] | undefined): Schema {
  return values && values.length <= MOST_LABELS ? { ...schema, enum: [...values] } : schema;
}

type StepInput = Exclude<SignatureInput['spec'], { kind: 'side' | 'tensor' }>;

function stepSchema(input: StepInput): Schema {
  if (input.kind === 'token') return listed(TOKEN, input.values);
  if (input.kind === 'index') return { type: 'integer', minimum: 0, maximum: input.size - 1 };
  const features: [string, Schema][] = input.features.map(feature => [feature.name, featureSchema(feature)]);
  const { length } = features;
  const row = {
    type: 'array',
    description: `In this order: ${input.features.map(f => f.name).join(', ')}.`,
    minItems: length,
    maxItems: length,
    ...(length <= MOST_PLACES
      ? { prefixItems: features.map(([, schema]) => schema) }
      : { items: { anyOf: [{ type: 'number' }, { type: 'string' }] } }),
  };
  return { anyOf: [closedObject(features), row as Schema] };
}

function featureSchema(feature: Feature): Schema {
  const description =
    [feature.description, feature.unit && `Unit: ${feature.unit}.`].filter(Boolean).join(' ') || undefined;
  if (feature.categories) {
    const index: Schema = { type: 'integer', minimum: 0, maximum: feature.categories.length - 1 };
    const none: Schema[] = feature.missing ? [{ type: 'null' }] : [];
    return { description, anyOf: [{ type: 'string', enum: feature.categories }, index, ...none] };
  }
  const { minimum = -FLOAT32_MAX, maximum = FLOAT32_MAX, integer } = feature;
  const type = integer ? 'integer' : 'number';
  return { type: feature.missing ? [type, 'null'] : type, description, minimum, maximum } as Schema;
}

export function headSchema(head: ManifestHead): Schema {
  if (head.kind === 'tensor') return { description: head.description, ...closedObject([['values', {}]]) };
  if (head.kind === 'sequence-labels')
    return { description: head.description, ...orNull(head, spansSchema(head.labels)) };
  const answer = orNull(head, answerSchema(head));
  if (head.per === 'sequence') return { description: head.description, ...answer };
  return { description: head.description, ...closedObject([['steps', { type: 'array', items: answer }]]) };
}

/** Heads that decide among labels may answer nothing; values may be null each by itself. */
function orNull(head: ManifestHead, schema: Schema): Schema {
  return head.nonFinite === 'null' && !('scale' in head) ? { anyOf: [schema, { type: 'null' }] } : schema;
}

function spansSchema(labels: readonly string[]): Schema {
  const kinds = [...new Set(labels.filter(label => label !== 'O').map(label => label.slice(2)))];
  const place = (description: string): Schema => ({ type: 'integer', minimum: 0, description });
  const span: Schema = {
    type: 'object',
    required: ['label', 'start', 'end'],
    additionalProperties: false,
    properties: {
      label: { type: 'string', enum: kinds.length <= MOST_LABELS ? kinds : undefined },
      start: place('The first time step.'),
      end: place('The time step after the last.'),
      startChar: place('The first character (Unicode code point) of the text sent.'),
      endChar: place('The character after the last.'),
      text: { type: 'string', description: 'That part of the text.' },
    },
  };
  const probability: Schema = { type: 'number', minimum: 0, maximum: 1, description: 'Of all labels together.' };
  const every: Schema = { type: 'array', items: { type: 'string' }, description: "Every time step's label." };
  return {
    type: 'object',
    required: ['spans'],
    properties: { spans: { type: 'array', items: span }, probability, labels: every },
  };
}

function answerSchema(head: Exclude<ManifestHead, { kind: 'tensor' | 'sequence-labels' }>): Schema {
  if (head.kind === 'regression' || head.kind === 'gaussian') {
    const normal = head.kind === 'gaussian';
    const bounds = normal ? ['sd', 'lower', 'upper'] : head.interval || head.conformal ? ['lower', 'upper'] : [];
    const number: Schema = { type: head.nonFinite === 'null' ? ['number', 'null'] : 'number' };
    const numbers: [string, Schema][] = ['value', ...bounds].map(name => [name, number]);
    const unit: [string, Schema][] = head.unit === undefined ? [] : [['unit', { type: 'string', enum: [head.unit] }]];
    return closedObject([...numbers, ...unit]);
  }
  const probability: Schema = { type: 'number', minimum: 0, maximum: 1 };
  const { labels } = head;
  const few = labels.length <= MOST_LABELS;
  const rest = `One of ${labels.length} labels, which GET /v1/models/{model} lists.`;
  const label: Schema = few ? { type: 'string', enum: labels } : { type: 'string', description: rest };
  const probabilities = probabilitiesSchema(labels, probability);
  return head.kind === 'multilabel'
    ? { type: 'object', required: ['labels'], properties: { labels: { type: 'array', items: label }, probabilities } }
    : {
        type: 'object',
        required: ['label'],
        properties: { label, probability: { ...probability, description: 'Of the label given.' }, probabilities },
      };
}

/** A property for each label, as long as programs can tell them apart by letters and digits; else any of them. */
function probabilitiesSchema(labels: readonly string[], probability: Schema): Schema {
  if (labels.length > MOST_LABELS)
    return { type: 'object', description: 'By label.', additionalProperties: probability };
  const names = new Set(labels.map(label => label.replace(/[^A-Za-z0-9]/g, '').toLowerCase()));
  return names.size === labels.length && !names.has('')
    ? { type: 'object', properties: Object.fromEntries(labels.map(name => [name, probability])) }
    : { type: 'object', propertyNames: { enum: labels }, additionalProperties: probability };
}

export function closedObject(members: readonly (readonly [string, Schema])[]): Schema {
  return {
    type: 'object',
    required: members.map(([name]) => name),
    additionalProperties: false,
    properties: Object.fromEntries(members),
  };
}
