// The API document of a server to TypeScript: features by name with their units, heads with their labels as unions.

/** The part of JSON Schema that the document uses. */
interface Schema {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
}
interface Operation {
  readonly description?: string;
  readonly requestBody: { readonly content: { readonly 'application/json': { readonly schema: Schema } } };
  readonly responses: {
    readonly 200: { readonly content: { readonly 'application/json': { readonly schema: Schema } } };
  };
}
export interface ApiDocument {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, { readonly post?: Operation }>>;
}

const PREDICT = /^\/v1\/models\/([A-Za-z0-9][A-Za-z0-9._-]*)\/predict$/;
const KINDS = [
  'ClassHead',
  'IntervalHead',
  'MultilabelHead',
  'NormalHead',
  'NullableHead',
  'SpansHead',
  'StepHead',
  'TensorHead',
  'ValueHead',
];
/** Lists longer than this are written as arrays, not as tuples; so are time steps, however many there must be. */
const LONGEST_TUPLE = 64;

/** A declaration file with the newest version of every model in a document. `source` is named in its first line. */
export function generateTypes(document: ApiDocument, source: string): string {
  const models = Object.entries(document.paths).flatMap(([path, { post }]) => {
    const name = PREDICT.exec(path)?.[1];
    return name !== undefined && post ? [{ name, post }] : [];
  });
  const bodies = models.map(({ name, post }) => `${comment(post.description, 2)}  ${key(name)}: ${modelType(post)};`);
  const used = KINDS.filter(kind => bodies.some(body => body.includes(`${kind}<`) || body.includes(`: ${kind};`)));
  return [
    `// The models of ${source}, written by @polyhead/client.`,
    ...(used.length > 0 ? [`import type { ${used.join(', ')} } from '@polyhead/client';`] : []),
    '',
    'export interface Models {',
    ...bodies,
    '}',
    '/** So that `typeof import(...)` of this file names the models. */',
    'export declare const models: Models;',
    '',
  ].join('\n');
}

function modelType({ requestBody, responses }: Operation): string {
  const { sequences } = requestBody.content['application/json'].schema.properties ?? {};
  const reply = responses[200].content['application/json'].schema.properties?.predictions;
  const heads = Object.entries(reply?.items?.properties?.heads?.properties ?? {});
  const lines = heads.map(([name, schema]) => {
    const unit = schema.properties?.unit?.enum?.[0] ?? schema.properties?.steps?.items?.properties?.unit?.enum?.[0];
    const text = [schema.description, unit && `Unit: ${unit}.`].filter(Boolean).join(' ');
    return `${comment(text, 6)}      ${key(name)}: ${headType(schema)};`;
  });
  const sequence = sequences?.items ?? {};
  const first = `${comment(sequence.description, 4)}    sequence: ${typeOf(sequence, 4)};`;
  return ['{', first, '    heads: {', ...lines, '    };', '  }'].join('\n');
}

/** A head is known by the members of its answers. */
function headType({ properties = {}, anyOf }: Schema): string {
  if (anyOf) return `NullableHead<${headType(anyOf[0])}>`;
  const { steps, label, labels, spans, value, sd, lower, unit } = properties;
  if (steps) return `StepHead<${headType(steps.items ?? {})}>`;
  if (label) return `ClassHead<${typeOf(label, 0)}>`;
  if (spans) return `SpansHead<${typeOf(spans.items?.properties?.label ?? {}, 0)}>`;
  if (labels) return `MultilabelHead<${typeOf(labels.items ?? {}, 0)}>`;
  const nullable = value?.type?.includes('null');
  const parameters = [unit || nullable ? (unit ? typeOf(unit, 0) : 'undefined') : '', nullable ? 'null' : ''];
  const parameter = parameters[0] ? `<${parameters.filter(Boolean).join(', ')}>` : '';
  if (value) return `${sd ? 'NormalHead' : lower ? 'IntervalHead' : 'ValueHead'}${parameter}`;
  return 'TensorHead';
}

/** A schema as a type that the server accepts; ranges are told in comments. */
function typeOf(schema: Schema, indent: number): string {
  if (schema.enum) return [...new Set(schema.enum.map(value => JSON.stringify(value)))].join(' | ');
  if (schema.anyOf) return [...new Set(schema.anyOf.map(option => typeOf(option, indent)))].join(' | ');
  if (Array.isArray(schema.type)) return schema.type.map(type => typeOf({ ...schema, type }, indent)).join(' | ');
  switch (schema.type) {
    case 'integer':
    case 'number':
      return 'number';
    case 'string':
    case 'boolean':
    case 'null':
      return schema.type;
    case 'array': {
      const item = typeOf(schema.items ?? {}, indent);
      const { minItems, maxItems = 0 } = schema;
      if (minItems !== maxItems || maxItems > LONGEST_TUPLE || item.includes('\n')) return `readonly (${item})[]`;
      return `readonly [${new Array(maxItems).fill(item).join(', ')}]`;
    }
    case 'object':
      return objectType(schema, indent);
    default:
      return 'unknown';
  }
}

function objectType({ properties = {}, required = [], additionalProperties }: Schema, indent: number): string {
  const lines = Object.entries(properties).map(([name, schema]) => {
    const doc = comment(describe(schema), indent + 2);
    return `${doc}${' '.repeat(indent + 2)}${key(name)}${required.includes(name) ? '' : '?'}: ${typeOf(schema, indent + 2)};`;
  });
  if (lines.length > 0) return `{\n${lines.join('\n')}\n${' '.repeat(indent)}}`;
  const values = typeof additionalProperties === 'object' ? typeOf(additionalProperties, indent) : 'unknown';
  return `{ readonly [name: string]: ${values} }`;
}

/** A member's description with its range. */
function describe({ description, minimum, maximum }: Schema): string {
  const range =
    minimum !== undefined && maximum !== undefined
      ? `From ${minimum} to ${maximum}.`
      : minimum !== undefined
        ? `At least ${minimum}.`
        : maximum !== undefined
          ? `At most ${maximum}.`
          : '';
  return [description, range].filter(Boolean).join(' ');
}

function comment(text: string | undefined, indent: number): string {
  if (!text) return '';
  return `${' '.repeat(indent)}/** ${text.replaceAll('*/', '* /').replace(/\s+/g, ' ')} */\n`;
}

/** A member's name; only what is an identifier stands without quotes. */
function key(name: string): string {
  return /^[A-Za-z_$][A-Za-z0-9_$]*$/.test(name) ? name : JSON.stringify(name);
}
