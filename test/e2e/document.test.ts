// The API document: valid, complete, true. Every example succeeds as it stands, and the committed copy is the current one.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { OpenAPIV3_1 } from 'openapi-types';
import { type Client, clientOf } from '../support/client/client.ts';
import { WEATHER } from '../support/models/served-copies.ts';
import { FIXTURES, ROOT, startApp, type TestApp } from '../support/server/service.ts';

interface Listed {
  readonly path: string;
  readonly method: string;
  readonly operation: OpenAPIV3_1.OperationObject;
}

function operationsOf(document: OpenAPIV3_1.Document): Listed[] {
  return Object.entries(document.paths ?? {}).flatMap(([path, item]) =>
    Object.entries(item ?? {}).map(([method, operation]) => ({
      path,
      method,
      operation: operation as Listed['operation'],
    })),
  );
}

interface Body {
  readonly schema: object;
  readonly example: { readonly sequences: readonly unknown[] };
}

function bodyOf({ operation }: Listed): Body {
  return (operation.requestBody as OpenAPIV3_1.RequestBodyObject).content['application/json'] as Body;
}

/** The path with its parameters' examples put in. */
function filled({ path, operation }: Listed): string {
  const parameters = (operation.parameters ?? []) as OpenAPIV3_1.ParameterObject[];
  return parameters
    .filter(parameter => parameter.in === 'path')
    .reduce((text, { name, example }) => text.replace(`{${name}}`, String(example)), path);
}

function documentTests(title: string, repository: string): void {
  describe(`the document of ${title}`, () => {
    let app: TestApp;
    let call: Client;
    let document: OpenAPIV3_1.Document;
    let operations: Listed[];
    before(async () => {
      app = await startApp({
        POLYHEAD_MODEL_REPOSITORY: repository,
        POLYHEAD_EXECUTION_PROVIDER: 'cpu',
        POLYHEAD_WORKERS: '1',
      });
      call = await clientOf(app);
      document = JSON.parse((await call('/openapi.json')).text);
      operations = operationsOf(document);
    });
    after(() => app.close());

    it('is valid OpenAPI 3.1', async () => {
      const validator = new Validator();
      const { valid, errors } = await validator.validate(
        structuredClone(document) as unknown as Record<string, unknown>,
      );
      assert.ok(valid, JSON.stringify(errors));
      assert.equal(validator.version, '3.1');
    });

    it('gives every operation a summary, a known tag, an id of its own and its errors', () => {
      assert.ok(operations.length >= 9);
      const ids = operations.map(({ operation }) => operation.operationId);
      assert.deepEqual(ids, [...new Set(ids)]);
      const tags = document.tags?.map(tag => tag.name) ?? [];
      for (const { path, method, operation } of operations) {
        const where = `${method} ${path}`;
        assert.match(operation.operationId ?? '', /^[A-Za-z][A-Za-z0-9_]*$/, where);
        assert.ok(operation.summary, where);
        assert.ok(operation.tags?.length === 1 && tags.includes(operation.tags[0]), where);
        const statuses = Object.keys(operation.responses ?? {});
        assert.ok(
          statuses.some(status => status.startsWith('2') || status === '101'),
          where,
        );
        const runs = /\/(predict|steps|infer)$/.test(path);
        const protocol = path.startsWith('/v2');
        const known = runs ? ['404', '408', '413', '415', '503', '504'] : [];
        known.push('400', '401', '429', '500');
        if (runs && !protocol) known.push('422');
        const open = operation.security?.length === 0;
        for (const status of open ? ['400', '500'] : known)
          assert.ok(statuses.includes(status), `${where} lists no ${status}`);
        assert.equal(statuses.includes('401'), !open, where);
        for (const [status, response] of Object.entries(operation.responses ?? {})) {
          const { description, content = {} } = response as OpenAPIV3_1.ResponseObject;
          assert.ok(description, `${where} ${status}`);
          if (Number(status) >= 400 && path !== '/readyz')
            assert.deepEqual(Object.keys(content), [protocol ? 'application/json' : 'application/problem+json']);
        }
      }
    });

    it('lists every route that the server answers, and answers every one it lists', async () => {
      for (const listed of operations.filter(({ method, path }) => method === 'get' && !path.includes('{stream}'))) {
        const path = filled(listed);
        assert.ok(!path.includes('{'), `${listed.path} has no example`);
        const { status } = await call(path);
        const right = path.endsWith('/card') ? [200, 404] : /^\/v1\/.*\/live$/.test(path) ? [400] : [200]; // no card; no upgrade
        assert.ok(right.includes(status), `${path}: ${status}`);
      }
    });

    it('has an operation for every loaded model, whose example succeeds as it stands', async () => {
      const posts = operations.filter(({ method, path }) => method === 'post' && path.endsWith('/predict'));
      const own = new Set(posts.map(({ path }) => path));
      for (const { name } of app.service.models.all()) assert.ok(own.has(`/v1/models/${name}/predict`), name);
      const ajv = new Ajv2020({ strict: false });
      for (const listed of posts) {
        const { schema, example } = bodyOf(listed);
        const validate = ajv.compile(schema);
        assert.ok(validate(example), `${listed.path}: ${JSON.stringify(validate.errors?.slice(0, 3))}`);
        const path = filled(listed);
        const reply = await call(path, { body: example });
        assert.equal(reply.status, 200, `${path}: ${reply.text}`);
        assert.equal(JSON.parse(reply.text).predictions.length, example.sequences.length);
      }
    });

    it('types what a model takes: its schema refuses what the server refuses', async () => {
      const own = operations.filter(({ path }) => path.endsWith('/predict') && !path.includes('{'));
      assert.ok(own.length > 0);
      for (const listed of own) {
        const { schema, example } = bodyOf(listed);
        const validate = new Ajv2020({ strict: false }).compile(schema);
        const bad = [
          {},
          { sequences: [] },
          { sequences: [[]] },
          { sequences: [null] },
          { ...example, heads: ['no-such-head'] },
          { ...example, probabilities: 'some' },
          { ...example, extra: 1 },
        ];
        for (const body of bad) {
          const text = JSON.stringify(body).slice(-100);
          assert.ok(!validate(body), `${listed.path} accepts ${text}`);
          const { status } = await call(listed.path, { body });
          assert.ok(status === 400 || status === 422, `${listed.path} answers ${status} to ${text}`);
        }
      }
    });
  });
}

documentTests('the weather model', WEATHER);
documentTests('the fixtures', FIXTURES);

describe('the committed document', () => {
  it('is what the server generates from models/', async () => {
    const app = await startApp({
      POLYHEAD_MODEL_REPOSITORY: `${ROOT}models`,
      POLYHEAD_EXECUTION_PROVIDER: 'cpu',
      POLYHEAD_WORKERS: '1',
      POLYHEAD_REQUEST_TIMEOUT_MS: '10000', // it tells the default
    });
    await app.app.ready();
    const generated = `${JSON.stringify(app.app.apiDocument(), null, 2)}\n`;
    await app.close();
    const committed = readFileSync(`${ROOT}openapi/openapi.json`, 'utf8');
    assert.ok(committed === generated, 'openapi/openapi.json is out of date: run "npm run openapi"');
  });
});
