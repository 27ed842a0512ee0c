// serving.json and Triton's config.pbtxt: what they mean, and what is refused with the place.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { after, describe, it } from 'node:test';
import { readServing } from '../../src/model/serving.ts';
import { refusalOf } from '../support/models/refusal.ts';
import { TemporaryRepository } from '../support/models/repository.ts';

const folder = new TemporaryRepository();
after(() => folder.remove());

async function read(file: string, text: string) {
  const at = new TemporaryRepository();
  writeFileSync(at.at(file), text);
  return readServing(at.root).finally(() => at.remove());
}

describe('serving.json', () => {
  it('is all versions and no labels where there is none', async () => {
    assert.deepEqual(await readServing(folder.root), { labels: {} });
  });

  it('is read', async () => {
    const text =
      '{"versions": {"latest": 2}, "labels": {"stable": 1, "next": 2}, "canary": {"version": "next", "share": 0.1}, "shadow": {"version": 3}}';
    assert.deepEqual(await read('serving.json', text), {
      versions: { latest: 2 },
      labels: { stable: 1, next: 2 },
      canary: { version: 'next', share: 0.1 },
      shadow: { version: 3, share: 1 },
    });
  });

  const faults: [text: string, reason: RegExp][] = [
    ['{', /serving\.json is not JSON/],
    ['[]', /serving\.json: serving\.json: /],
    ['{"version": 1}', /serving\.json: .*version/],
    ['{"versions": {"latest": 0}}', /versions/],
    ['{"labels": {"1": 1}}', /labels/],
    ['{"labels": {"Stable": 1}}', /labels/],
    ['{"canary": {"version": 1, "share": 2}}', /canary\.share/],
    ['{"canary": {"version": "next", "share": 0.5}}', /canary\.version: there is no label "next"/],
  ];
  for (const [text, reason] of faults) {
    it(`refuses ${text}`, async () => assert.match(await refusalOf(read('serving.json', text)), reason));
  }
});

describe('config.pbtxt', () => {
  const cases: [text: string, versions: unknown][] = [
    ['platform: "onnxruntime_onnx"\nmax_batch_size: 8', { latest: 1 }],
    ['version_policy: { latest: { num_versions: 3 } }', { latest: 3 }],
    ['version_policy { all { } }', 'all'],
    ['version_policy: { specific: { versions: [1, 3] } }', { specific: [1, 3] }],
    ['version_policy { specific { versions: 1 versions: 3 } }', { specific: [1, 3] }],
    ['# version_policy: { all {} }\nname: "m"', { latest: 1 }],
  ];
  for (const [text, versions] of cases) {
    it(text.replaceAll('\n', ' '), async () => assert.deepEqual((await read('config.pbtxt', text)).versions, versions));
  }
});
