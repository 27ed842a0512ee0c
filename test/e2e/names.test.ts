// Models whose names are words of the API, or come to the same where programs make names of them: each is reached, and has an
// operation of its own in the document.
import assert from 'node:assert/strict';
import { cpSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { OpenAPIV3_1 } from 'openapi-types';
import { listRepository } from '../../src/model/repository.ts';
import { type Client, clientOf } from '../support/client/client.ts';
import { temporaryFolder } from '../support/models/served-copies.ts';
import { FIXTURES, startApp, type TestApp } from '../support/server/service.ts';

const WORDS = ['docs', 'ready', 'versions', 'predict', 'infer', 'streams'];
const ALIKE = ['w-1', 'w_1', 'W1', 'Version'];

describe('names of models', () => {
  let app: TestApp;
  let call: Client;
  before(async () => {
    const repository = temporaryFolder();
    for (const name of [...WORDS, ...ALIKE])
      cpSync(`${FIXTURES}/lstm`, path.join(repository, name), { recursive: true });
    app = await startApp({
      POLYHEAD_MODEL_REPOSITORY: repository,
      POLYHEAD_EXECUTION_PROVIDER: 'cpu',
      POLYHEAD_WORKERS: '1',
    });
    call = await clientOf(app);
  });
  after(() => app.close());

  it('may be words of the API', async () => {
    for (const name of WORDS) {
      const { example } = app.service.models.get(name);
      const { status, text } = await call(`/v1/models/${name}/predict`, { body: example });
      assert.equal(status, 200, text);
      assert.equal(JSON.parse(text).model, name);
      for (const place of [`/v1/models/${name}`, `/v2/models/${name}`, `/v2/models/${name}/ready`]) {
        const reply = await call(place);
        assert.equal(reply.status, 200, place);
        assert.equal(JSON.parse(reply.text).name, name, place);
      }
    }
  });

  it('have operations that differ by more than case and signs', async () => {
    const { paths }: OpenAPIV3_1.Document = JSON.parse((await call('/openapi.json')).text);
    const operations = Object.values(paths ?? {}).flatMap(item => Object.values(item ?? {}));
    const ids = operations.map(operation => String((operation as OpenAPIV3_1.OperationObject).operationId));
    const bare = ids.map(id => id.replaceAll('_', '').toLowerCase());
    assert.deepEqual(bare, [...new Set(bare)]);
    for (const name of ALIKE) assert.ok(paths?.[`/v1/models/${name}/predict`]?.post, name);
  });

  it('may not be stats, which is a path of the protocol', async () => {
    const repository = temporaryFolder();
    mkdirSync(path.join(repository, 'stats'));
    const [{ fault }] = await listRepository(repository);
    assert.match(fault ?? '', /is no model name/);
  });
});
