// Digests of a graph's files: the ones that manifests carry.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { digestFile } from '../../../src/model/onnx/weights.ts';
import { TemporaryRepository } from '../../support/models/repository.ts';
import { FIXTURES } from '../../support/server/service.ts';

const folder = new TemporaryRepository();
after(() => folder.remove());

test('the digest is the SHA-256 that the manifests carry', async () => {
  writeFileSync(folder.at('nothing'), '');
  const sha256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
  assert.deepEqual(await digestFile(folder.at('nothing')), { file: 'nothing', bytes: 0, sha256 });
  for (const model of ['lstm/1', 'plain/1', 'ids/1']) {
    const file = `${FIXTURES}/${model}/model.onnx`;
    const manifest = JSON.parse(readFileSync(`${FIXTURES}/${model}/manifest.json`, 'utf8'));
    const digest = await digestFile(file);
    assert.equal(digest.sha256, manifest.graph.sha256);
    const content = readFileSync(file);
    assert.deepEqual(digest, {
      file: 'model.onnx',
      bytes: content.length,
      sha256: createHash('sha256').update(content).digest('hex'),
    });
  }
});

test('a file of many chunks has the digest of the whole', async () => {
  const content = Buffer.alloc(3 * 1024 * 1024 + 5, 'abcdefg');
  writeFileSync(folder.at('large'), content);
  const { sha256, bytes } = await digestFile(folder.at('large'));
  assert.deepEqual([bytes, sha256], [content.length, createHash('sha256').update(content).digest('hex')]);
});
