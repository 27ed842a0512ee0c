// What every operation has in common, added to the document once its routes are known: the headers of replies, and forms of schemas that strict tools and generators of clients take.
import type { OpenAPIV3_1 } from 'openapi-types';

type Operation = OpenAPIV3_1.OperationObject;
type HeaderSchema = OpenAPIV3_1.HeaderObject['schema'];
type Response = OpenAPIV3_1.ResponseObject;

const header = (description: string, schema: HeaderSchema): OpenAPIV3_1.HeaderObject => ({
  description,
  schema,
});
const HEADERS: Record<string, OpenAPIV3_1.HeaderObject> = {
  'X-Request-Id': header("The caller's own x-request-id, or a fresh one; the log knows it.", { type: 'string' }),
  'Retry-After': header('Seconds after which to try again.', { type: 'integer', minimum: 1 }),
  'WWW-Authenticate': header('How to send a key.', { type: 'string' }),
  'Server-Timing': header('How long the request waited in the queue, and how long its run took.', { type: 'string' }),
  'X-Batch-Size': header('How many sequences shared the run.', { type: 'integer', minimum: 1 }),
  'Inference-Header-Content-Length': header('Where the JSON ends and the binary tensors begin.', { type: 'integer' }),
};

/** Changes the document that was made from the routes. */
export function completeDocument(document: OpenAPIV3_1.Document): void {
  document.components = { ...document.components, headers: HEADERS };
  dropTwins(document);
  for (const [path, item] of Object.entries(document.paths ?? {})) {
    for (const operation of Object.values(item ?? {}) as Operation[]) completeOperation(path, operation);
  }
  dropDefaults(document.components.schemas); // what is named is only ever answered
  plainForms(document);
}

function completeOperation(path: string, operation: Operation): void {
  const responses = (operation.responses ?? {}) as Record<string, Response>;
  const { requestBody } = operation; // what the protocol lets callers leave out
  if (requestBody && path.startsWith('/v2/repository/')) (requestBody as { required?: boolean }).required = false;
  for (const [status, response] of Object.entries(responses)) {
    if (response.description === 'Default Response') response.description = `${operation.summary}.`;
    const names = ['X-Request-Id', ...headersOf(path, Number(status))];
    dropDefaults(response.content);
    response.headers = Object.fromEntries(names.map(name => [name, { $ref: `#/components/headers/${name}` }]));
  }
}

function headersOf(path: string, status: number): string[] {
  if (status === 401) return ['WWW-Authenticate'];
  if ((status === 503 && path !== '/readyz') || status === 429) return ['Retry-After'];
  if (status !== 200) return [];
  if (path.endsWith('/infer')) return ['Inference-Header-Content-Length'];
  return /\/(predict|steps)$/.test(path) ? ['Server-Timing', 'X-Batch-Size'] : [];
}

/** The library lists every named schema twice, as read and as written; these are only ever written. */
function dropTwins({ components }: OpenAPIV3_1.Document): void {
  const schemas = components?.schemas ?? {};
  for (const name of Object.keys(schemas)) if (`${name}Input` in schemas) delete schemas[`${name}Input`];
}

interface Form {
  minimum?: unknown;
  maximum?: unknown;
  prefixItems?: unknown[];
  items?: unknown;
  maxItems?: number;
}

/** What a value is that is left out says nothing of a reply. A property may be called default too: that is an object. */
function dropDefaults(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  const schema = value as { default?: unknown };
  if (typeof schema.default !== 'object' || Array.isArray(schema.default)) delete schema.default;
  for (const member of Object.values(value)) dropDefaults(member);
}

/**
 * Whole numbers lose the bounds of what JavaScript counts exactly, which say nothing of the value; an empty tuple is an array
 * without items, since `prefixItems` must not be empty.
 */
function plainForms(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  const schema = value as Form;
  if (schema.minimum === Number.MIN_SAFE_INTEGER) delete schema.minimum;
  if (schema.maximum === Number.MAX_SAFE_INTEGER) delete schema.maximum;
  if (schema.prefixItems?.length === 0) {
    delete schema.prefixItems;
    schema.items = {};
    schema.maxItems = 0;
  }
  for (const member of Object.values(value)) plainForms(member);
}
