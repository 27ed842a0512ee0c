// The repository changes while the server answers: new versions take over, bad ones do not, nobody notices but by the version.
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { describe, it, type TestContext } from 'node:test';
import type { Manifest } from '../../src/model/manifest.ts';
import { type Client, clientOf, listen } from '../support/client/client.ts';
import { problemOf } from '../support/client/contract.ts';
import { send } from '../support/client/exchange.ts';
import { parseMetrics } from '../support/client/prometheus.ts';
import { temporaryFolder } from '../support/models/served-copies.ts';
import { whileUnreadable } from '../support/models/unreadable.ts';
import { until } from '../support/runner/until.ts';
import { ROOT, startApp, type TestApp } from '../support/server/service.ts';

const LSTM = `${ROOT}test/fixtures/models/lstm/1`;
const PATH = '/v1/models/m/predict';
const body = {
  sequences: [
    [
      [0.1, 0.2, 0.3],
      [0.3, -0.2, 0.1],
    ],
  ],
};

/** Puts a version there as the documents tell to: whole, by a rename. `spoil` changes it first. */
function publish(root: string, version: string, spoil = (_folder: string) => {}): void {
  const draft = `${root}/.draft`;
  cpSync(LSTM, draft, { recursive: true });
  spoil(draft);
  mkdirSync(`${root}/m`, { recursive: true });
  rmSync(`${root}/m/${version}`, { recursive: true, force: true });
  renameSync(draft, `${root}/m/${version}`);
}

/** Its goldens no longer hold. */
function wrongGolden(folder: string): void {
  const golden = JSON.parse(readFileSync(`${folder}/golden.json`, 'utf8'));
  writeFileSync(`${folder}/golden.json`, JSON.stringify(golden).replace(/0\.(\d)/g, '7.$1'));
}

async function start(
  t: TestContext,
  root: string,
  env: Record<string, string> = {},
): Promise<{ app: TestApp; call: Client }> {
  const app = await startApp({
    POLYHEAD_MODEL_REPOSITORY: root,
    POLYHEAD_WORKERS: '1',
    POLYHEAD_RELOAD_INTERVAL_S: '1',
    ...env,
  });
  t.after(app.close);
  return { app, call: await clientOf(app) };
}

const versionOf = async (call: Client, path = PATH) => JSON.parse((await call(path, { body })).text).version;

describe('a changing repository', () => {
  for (const mode of ['watch', 'poll']) {
    it(`by ${mode}: a new version takes over, a bad one does not, a removed one ends`, async t => {
      const root = temporaryFolder();
      publish(root, '1');
      const { call } = await start(t, root, { POLYHEAD_RELOAD: mode, POLYHEAD_VERSIONS: 'latest:1' });
      assert.equal(await versionOf(call), '1');
      publish(root, '2');
      await until('version 2 answers', async () => (await versionOf(call)) === '2', 30_000);
      const list = async () => JSON.parse((await call('/v1/models')).text);
      await until('version 1 has ended', async () => (await list()).models.length === 1, 30_000);

      publish(root, '3', wrongGolden);
      const { refused } = await until(
        'version 3 is refused',
        async () => {
          const found = await list();
          return found.refused.length > 0 && found;
        },
        30_000,
      );
      assert.deepEqual(refused, [{ model: 'm', version: '3' }]);
      assert.equal(await versionOf(call), '2');
      assert.match((await call('/metrics')).text, /polyhead_model_refused\{model="m",version="3"\} 1/);

      publish(root, '3');
      await until('the mended version 3 answers', async () => (await versionOf(call)) === '3', 30_000);
      rmSync(`${root}/m`, { recursive: true });
      await until('the model is gone', async () => (await call(PATH, { body })).status === 404, 30_000);
    });
  }

  it('loses no request over many swaps under load', async t => {
    const root = temporaryFolder();
    publish(root, '1');
    const { app } = await start(t, root, { POLYHEAD_RELOAD: 'watch', POLYHEAD_VERSIONS: 'latest:1' });
    const origin = await listen(app);
    let ended = false;
    const statuses = new Map<number, number>();
    const callers = Array.from({ length: 8 }, async () => {
      while (!ended) {
        const { status } = await send(origin, PATH, { body });
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      }
    });
    for (let version = 2; version <= 6; version++) {
      publish(root, `${version}`);
      await until(
        `version ${version} answers`,
        async () => {
          return JSON.parse((await send(origin, PATH, { body })).text).version === `${version}`;
        },
        30_000,
      );
    }
    ended = true;
    await Promise.all(callers);
    assert.deepEqual([...statuses.keys()], [200]);
    const { samples } = parseMetrics((await send(origin, '/metrics')).text);
    assert.equal([...samples.keys()].filter(key => key.startsWith('polyhead_reloads_total')).length, 5);
  });

  it('goes on with what it has when the repository cannot be read', async t => {
    const root = temporaryFolder();
    publish(root, '1');
    const { app, call } = await start(t, root, { POLYHEAD_RELOAD: 'poll', POLYHEAD_RELOAD_INTERVAL_S: '3600' });
    renameSync(root, `${root}-elsewhere`);
    t.after(() => rmSync(`${root}-elsewhere`, { recursive: true, force: true }));
    await app.service.control.refresh();
    assert.equal(await versionOf(call), '1');
  });

  it('goes on with what it has of one model whose folder cannot be read, and takes over the others', async t => {
    const root = temporaryFolder();
    publish(root, '1');
    const { app, call } = await start(t, root, { POLYHEAD_RELOAD: 'poll', POLYHEAD_RELOAD_INTERVAL_S: '3600' });
    const { control, models } = app.service;
    renameSync(`${root}/m`, `${root}/closed`);
    publish(root, '1');
    await control.refresh();
    rmSync(`${root}/m`, { recursive: true });
    await whileUnreadable(`${root}/closed`, () => control.refresh());
    const reason = 'closed: cannot be read (EACCES)';
    assert.deepEqual(models.refused, [{ model: 'closed', version: '', reason }]);
    assert.equal(await versionOf(call, '/v1/models/closed/predict'), '1');
    problemOf(await call(PATH, { body }), 404, 'MODEL_NOT_FOUND');
    await control.refresh();
    assert.deepEqual(models.refused, []);
  });
});

describe('who gets which version', () => {
  const serving = (root: string, settings: object) => writeFileSync(`${root}/m/serving.json`, JSON.stringify(settings));

  it('labels name versions on every skin, and the stable one is asked where none is named', async t => {
    const root = temporaryFolder();
    for (const version of ['1', '2']) publish(root, version);
    serving(root, { labels: { stable: 1, next: 2 } });
    const { call } = await start(t, root);
    assert.equal(await versionOf(call), '1');
    assert.equal(await versionOf(call, '/v1/models/m/labels/next/predict'), '2');
    assert.equal(await versionOf(call, '/v1/models/m/versions/next/predict'), '2');
    assert.equal((await call('/v1/models/m/labels/none/predict', { body })).status, 404);
    assert.equal(JSON.parse((await call('/v2/models/m/versions/next')).text).name, 'm');
    const { labels, version } = JSON.parse((await call('/v1/models/m/versions/2')).text);
    assert.deepEqual([labels, version], [['next'], '2']);
    const opened = JSON.parse((await call('/v1/models/m/versions/next/streams', { method: 'POST' })).text);
    assert.equal(opened.version ?? opened.code, opened.version ? '2' : 'INVALID_REQUEST');
  });

  it('the API document tells of the version that answers where none is named', async t => {
    const root = temporaryFolder();
    publish(root, '1');
    publish(root, '2', folder => {
      const manifest: Manifest = JSON.parse(readFileSync(`${folder}/manifest.json`, 'utf8'));
      for (const head of manifest.heads) head.name = `new_${head.name}`;
      writeFileSync(`${folder}/manifest.json`, JSON.stringify(manifest));
    });
    serving(root, { labels: { stable: 1 } });
    const { call } = await start(t, root);
    assert.equal(await versionOf(call), '1'); // which is held against the document
    const { paths } = JSON.parse((await call('/openapi.json')).text);
    const summaries = ['', '/versions/1', '/versions/2'].map(of => paths[`/v1/models/m${of}/predict`].post.summary);
    assert.deepEqual(summaries, [
      'm: alarm, kind, tags, level',
      'm version 1: alarm, kind, tags, level',
      'm version 2: new alarm, new kind, new tags, new level',
    ]);
  });

  it('a canary gets its share, and its own numbers', async t => {
    const root = temporaryFolder();
    for (const version of ['1', '2']) publish(root, version);
    serving(root, { canary: { version: 2, share: 0.1 } });
    const { call } = await start(t, root);
    const counts = new Map<string, number>();
    for (let i = 0; i < 500; i++) {
      const version = await versionOf(call);
      counts.set(version, (counts.get(version) ?? 0) + 1);
    }
    assert.deepEqual(
      counts,
      new Map([
        ['1', 450],
        ['2', 50],
      ]),
    );
    const { samples } = parseMetrics((await call('/metrics')).text);
    assert.equal(samples.get('polyhead_requests_total{model="m",version="1",outcome="answered"}'), 450);
    assert.equal(samples.get('polyhead_requests_total{model="m",version="2",outcome="answered"}'), 50);
    assert.equal(await versionOf(call, '/v1/models/m/versions/1/predict'), '1', 'who names a version gets it');
  });

  it('a shadow is compared head by head, in whatever order its own stand', async t => {
    const root = temporaryFolder();
    publish(root, '1');
    publish(root, '2', folder => {
      const manifest: Manifest = JSON.parse(readFileSync(`${folder}/manifest.json`, 'utf8'));
      const [first, ...others] = manifest.heads;
      manifest.heads = [...others.toReversed(), { ...first, name: 'renamed' }];
      writeFileSync(`${folder}/manifest.json`, JSON.stringify(manifest));
    });
    serving(root, { shadow: { version: 2 } });
    const { call } = await start(t, root);
    assert.equal(await versionOf(call), '1');
    const shadowed = 'polyhead_shadow_requests_total{model="m",version="2",outcome="answered"}';
    const samples = await until('the shadow has followed', async () => {
      const metrics = parseMetrics((await call('/metrics')).text);
      return metrics.samples.get(shadowed) === 1 && metrics.samples;
    });
    const differences = [...samples.keys()].filter(key => key.startsWith('polyhead_shadow_differences_total'));
    assert.deepEqual(differences, ['polyhead_shadow_differences_total{model="m",version="2",head="alarm"}']);
  });

  it('a shadow is asked the same, its differences are counted, its answers never sent', async t => {
    const root = temporaryFolder();
    publish(root, '1');
    publish(root, '2', folder => {
      rmSync(`${folder}/golden.json`);
      const manifest = JSON.parse(readFileSync(`${folder}/manifest.json`, 'utf8'));
      for (const head of manifest.heads) if (head.kind === 'regression') head.offset = 5; // says something else
      writeFileSync(`${folder}/manifest.json`, JSON.stringify(manifest));
    });
    serving(root, { shadow: { version: 2 } });
    const { call } = await start(t, root);
    for (let i = 0; i < 20; i++) assert.equal(await versionOf(call), '1');
    const shadowed = 'polyhead_shadow_requests_total{model="m",version="2",outcome="answered"}';
    const samples = await until('the shadow has followed', async () => {
      const metrics = parseMetrics((await call('/metrics')).text);
      return metrics.samples.get(shadowed) === 20 && metrics.samples;
    });
    const differences = [...samples].filter(([key]) => key.startsWith('polyhead_shadow_differences_total'));
    const manifest = JSON.parse(readFileSync(`${LSTM}/manifest.json`, 'utf8'));
    const moved = manifest.heads.filter((head: { kind: string }) => head.kind === 'regression');
    assert.equal(differences.length, moved.length);
    for (const [key, count] of differences) assert.equal(count, 20, key);
  });
});
