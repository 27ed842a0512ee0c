// The repository folder goes away while models serve: they go on, and load and index give a defined error until it is back.
import assert from 'node:assert/strict';
import { renameSync } from 'node:fs';
import { describe, it } from 'node:test';
import { errorOf, inject } from '../support/client/v2.ts';
import { repositoryOf } from '../support/models/served-copies.ts';
import { startApp } from '../support/server/service.ts';

describe('a repository that is gone', () => {
  it('refuses to load and to list, and serves on', async () => {
    const root = repositoryOf('test/fixtures/models/lstm');
    const app = await startApp({
      POLYHEAD_MODEL_REPOSITORY: root,
      POLYHEAD_WORKERS: '1',
      POLYHEAD_MODEL_CONTROL: 'explicit',
    });
    const post = (path: string) => inject(app, path, { method: 'POST' });
    renameSync(root, `${root}-away`);
    for (const path of [
      '/v2/repository/models/lstm/load',
      '/v2/repository/models/other/load',
      '/v2/repository/index',
    ]) {
      errorOf(await post(path), 503, /repository cannot be read now/);
    }
    const reply = await app.app.inject({
      method: 'POST',
      url: '/v1/models/lstm/predict',
      payload: { sequences: [[[1, 2, 3]]] },
    });
    assert.equal(reply.statusCode, 200);
    assert.equal((await inject(app, '/v2/health/ready')).status, 200);
    renameSync(`${root}-away`, root);
    for (const path of ['/v2/repository/models/lstm/load', '/v2/repository/index']) {
      assert.equal((await post(path)).status, 200, path);
    }
    await app.close();
  });
});
