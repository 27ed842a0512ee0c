// Repositories as other servers lay them out, mounted as they are, served end to end.
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { clientOf } from '../support/client/client.ts';
import { temporaryFolder } from '../support/models/served-copies.ts';
import { ROOT, startApp } from '../support/server/service.ts';

const LSTM = `${ROOT}test/fixtures/models/lstm/1`;
const body = { sequences: [[[0.1, 0.2, 0.3]]] };

describe('a repository of another layout', () => {
  const cases: [what: string, folder: string, files: Record<string, string>][] = [
    ['one model in the root', '', {}],
    ['the versions of one model', '1', {}],
    ['a model without versions', 'storms', {}],
    ['a version called v1', 'storms/v1', {}],
    ["Triton's, with its configuration", 'storms/1', { 'storms/config.pbtxt': 'platform: "onnxruntime_onnx"' }],
  ];
  for (const [what, folder, files] of cases) {
    it(what, async t => {
      const root = temporaryFolder();
      mkdirSync(`${root}/${folder}`, { recursive: true });
      cpSync(LSTM, `${root}/${folder}`, { recursive: true });
      for (const [file, text] of Object.entries(files)) writeFileSync(`${root}/${file}`, text);
      const app = await startApp({
        POLYHEAD_MODEL_REPOSITORY: root,
        POLYHEAD_MODEL_NAME: 'storms',
        POLYHEAD_WORKERS: '1',
      });
      t.after(app.close);
      const call = await clientOf(app);
      const reply = await call('/v1/models/storms/versions/1/predict', { body });
      assert.equal(reply.status, 200, reply.text);
    });
  }
});
