// What every reply has to keep to: the API document's schema for its operation and status, and, for errors, RFC 9457
// with nothing of the inside.
import assert from 'node:assert/strict';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import type { OpenAPIV3_1 } from 'openapi-types';
import { ROOT } from '../server/service.ts';
import { mediaType, type Reply } from './exchange.ts';

/** Stack frames, file paths, and names of what the server is built on. */
const INSIDE =
  /\n\s+at |\.(js|ts|mjs|cc|onnx|so)\b|node_modules|onnx|\bort\b|zod|fastify|\bENO[A-Z]+\b|\bV8\b|\bError:/i;

export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly requestId: string;
  readonly errors: readonly { readonly pointer: string; readonly detail: string }[];
}

type Paths = Record<string, Record<string, OpenAPIV3_1.OperationObject | undefined>>;

export class Contract {
  readonly #paths: Paths;
  readonly #templates: { path: string; pattern: RegExp }[];
  readonly #ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true });
  readonly #compiled = new Map<string, ValidateFunction>();

  constructor(document: OpenAPIV3_1.Document) {
    this.#ajv.addSchema(document, 'document', undefined, false);
    this.#paths = document.paths as Paths;
    this.#templates = Object.keys(this.#paths)
      .sort((a, b) => Number(a.includes('{')) - Number(b.includes('{')))
      .map(path => ({ path, pattern: new RegExp(`^${path.replace(/\{\w+\}/g, '[^/]+')}$`) }));
  }

  /** @throws {AssertionError} if the reply is not one that this call may get. */
  check(method: string, url: string, reply: Reply): void {
    const [target] = url.split('?');
    const call = `${method} ${url.slice(0, 100)} ${reply.status}`;
    const unready = target === '/readyz' && reply.status === 503;
    if (reply.status >= 400 && !unready) this.#checkProblem(call, method, reply);
    if (reply.status === 503 && !unready) assert.match(reply.headers['retry-after'] ?? '', /^[1-9][0-9]*$/, call);
    if (method === 'HEAD') return;
    const path = this.#templates.find(({ pattern }) => pattern.test(target))?.path;
    const operation = path === undefined ? undefined : this.#paths[path][method.toLowerCase()];
    if (path === undefined || !operation) return;
    const response = operation.responses?.[reply.status] as OpenAPIV3_1.ResponseObject | undefined;
    assert.ok(response, `${call}: the document does not list this status for ${operation.operationId}`);
    const media = mediaType(reply);
    if (reply.status === 204) {
      assert.deepEqual([reply.text, media], ['', ''], call);
      return;
    }
    assert.ok(response.content?.[media], `${call}: the document does not list ${media}`);
    const place = ['paths', path, method.toLowerCase(), 'responses', `${reply.status}`, 'content', media];
    for (const value of valuesOf(media, reply.text)) this.#validate(place, value, call);
  }

  #checkProblem(call: string, method: string, reply: Reply): void {
    assert.equal(mediaType(reply), 'application/problem+json', call);
    if (method === 'HEAD') {
      assert.equal(reply.text, '', call);
      return;
    }
    const problem: Problem = JSON.parse(reply.text);
    assert.equal(problem.status, reply.status, call);
    assert.equal(problem.requestId, reply.headers['x-request-id'] ?? '', call);
    assertNothingInside(reply.text);
    this.#validate(['components', 'schemas', 'Problem'], problem, call);
  }

  #validate(place: string[], value: unknown, call: string): void {
    const schema = place.at(-1) === 'Problem' ? place : [...place, 'schema'];
    const pointer = schema.map(part => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'))).join('/');
    let validate = this.#compiled.get(pointer);
    if (!validate) {
      validate = this.#ajv.compile({ $ref: `document#/${pointer}` });
      this.#compiled.set(pointer, validate);
    }
    const valid = validate(value);
    assert.ok(valid, `${call} does not fit its schema: ${JSON.stringify(validate.errors?.slice(0, 3))}`);
  }
}

/** What a schema describes: a document, each line, or the data of each event. */
function valuesOf(media: string, text: string): unknown[] {
  if (media === 'application/x-ndjson') return text.trimEnd().split('\n').map(line => JSON.parse(line)); // biome-ignore format: one line
  if (media === 'text/event-stream') return [...text.matchAll(/^data: (.*)$/gm)].map(([, data]) => JSON.parse(data));
  return [media.endsWith('json') ? JSON.parse(text) : text];
}

export function assertNothingInside(text: string): void {
  assert.doesNotMatch(text, INSIDE);
  assert.ok(!text.includes(ROOT), `a reply holds the path ${ROOT}`);
}

/** The problem of an error reply, after checking status and code and, where given, the first pointer. */
export function problemOf(reply: Reply, status: number, code: string, pointer?: string): Problem {
  assert.equal(mediaType(reply), 'application/problem+json', reply.text);
  const problem: Problem = JSON.parse(reply.text);
  assert.deepEqual([reply.status, problem.status, problem.code], [status, status, code], reply.text);
  assertNothingInside(reply.text);
  if (pointer !== undefined) assert.equal(problem.errors[0]?.pointer, pointer, reply.text);
  return problem;
}
