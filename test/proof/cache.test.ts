// Certificates kept beside the models: read again only for the very same graph, and never a reason to fail.
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { CertificateCache, type Finding } from '../../src/service/certificate-cache.ts';
import { manifestOf } from '../support/models/models.ts';
import { load, repositoryOf } from '../support/models/registries.ts';
import { TemporaryRepository } from '../support/models/repository.ts';

const folder = new TemporaryRepository();
after(() => folder.remove());
const inputs = [{ name: 'x', tensor: 'x', kind: 'numeric', features: [{ name: 'u' }] }];
const FINDING: Finding = {
  manifest: manifestOf({ inputs }),
  certificate: {
    mixing: 'equal',
    rows: 'exact',
    lengths: 'equalOnly',
    worstDifference: 0,
    state: null,
    axes: { x: { batch: 0, time: 1 }, y: { batch: 0, time: null } },
    sideInputs: {},
    counterExample: 'every sequence has the same length',
    warnings: [],
    sequences: 3,
    batches: 2,
    milliseconds: 1,
    complete: true,
  },
};
const FACTS = { version: '1', digest: 'a' };
const cacheOf = (facts: unknown, version = '1', model = 'm') =>
  new CertificateCache(folder.root, model, version, facts);
const files = () => readdirSync(folder.at('.certificates')).sort();

test('what was written is read back, for the same facts only', async () => {
  assert.equal(await cacheOf(FACTS).read(), undefined);
  assert.equal(await cacheOf(FACTS).write(FINDING), true);
  assert.deepEqual(await cacheOf({ ...FACTS }).read(), FINDING);
  for (const facts of [{ ...FACTS, digest: 'b' }, { ...FACTS, version: '2' }, {}]) {
    assert.equal(await cacheOf(facts).read(), undefined);
  }
  assert.equal(await cacheOf(FACTS, '2').read(), undefined);
  assert.equal(await cacheOf(FACTS, '1', 'n').read(), undefined);
});

test('older findings of a version go when a newer one is written; those of others stay', async () => {
  await cacheOf(FACTS, '10').write(FINDING);
  await cacheOf(FACTS, '1', 'other').write(FINDING);
  await cacheOf({ ...FACTS, digest: 'b' }).write(FINDING);
  assert.equal(await cacheOf(FACTS).read(), undefined);
  assert.deepEqual(await cacheOf({ ...FACTS, digest: 'b' }).read(), FINDING);
  assert.deepEqual(await cacheOf(FACTS, '10').read(), FINDING);
  assert.deepEqual(await cacheOf(FACTS, '1', 'other').read(), FINDING);
  assert.deepEqual(
    files().map(name => name.replace(/-[0-9a-f]{24}/, '')),
    ['m@1.json', 'm@10.json', 'other@1.json'],
  );
});

test('a file that is spoilt, or says what no certificate says, is as good as none', async () => {
  await cacheOf(FACTS).write(FINDING);
  const [name] = files().filter(file => file.startsWith('m@1-'));
  const file = folder.at('.certificates', name);
  const { certificate } = FINDING;
  const spoilt = [
    '',
    '{',
    'null',
    JSON.stringify({ ...FINDING, certificate: { ...certificate, mixing: 'anything' } }),
    JSON.stringify({ ...FINDING, certificate: { ...certificate, rows: undefined } }),
    JSON.stringify({ ...FINDING, manifest: {} }),
    JSON.stringify({ ...FINDING, extra: 1 }),
  ];
  for (const content of spoilt) {
    writeFileSync(file, content);
    assert.equal(await cacheOf(FACTS).read(), undefined, content);
  }
  await cacheOf(FACTS).write(FINDING);
  assert.deepEqual(await cacheOf(FACTS).read(), FINDING);
});

test('where nothing can be written, that is said and nothing more happens', async () => {
  rmSync(folder.at('.certificates'), { recursive: true });
  writeFileSync(folder.at('.certificates'), 'a file stands in the way');
  assert.equal(await cacheOf(FACTS).write(FINDING), false);
  assert.equal(await cacheOf(FACTS).read(), undefined);
  rmSync(folder.at('.certificates'));
  if (process.getuid?.() === 0) return; // nothing is read-only for root
  chmodSync(folder.root, 0o555);
  assert.equal(await cacheOf(FACTS).write(FINDING), false);
  chmodSync(folder.root, 0o755);
});

const MODEL = 'test/fixtures/exporters/tl-packed/1';
const certificates = { certificateCache: true };

test('a restart takes the certificate from the cache, and another graph finds out anew', async () => {
  const repository = repositoryOf({ 'm/1': MODEL });
  const find = async (options = certificates) => {
    const registry = await load(repository.root, options);
    assert.deepEqual(registry.refused, []);
    const { certificate, manifest, inferred } = registry.get('m');
    await registry.close();
    return { certificate, manifest, inferred };
  };
  const first = await find();
  const [name] = readdirSync(repository.at('.certificates'));
  assert.deepEqual(
    readdirSync(repository.at('m/1')).sort(),
    ['golden.json', 'model.onnx'],
    'the version stays as it was',
  );
  const file = repository.at('.certificates', name);
  const kept = JSON.parse(readFileSync(file, 'utf8'));
  assert.deepEqual(kept, JSON.parse(JSON.stringify({ manifest: first.manifest, certificate: first.certificate })));
  kept.certificate.milliseconds = 123_456; // a mark that only the cache can give
  writeFileSync(file, JSON.stringify(kept));
  const second = await find();
  assert.deepEqual(second, { ...first, certificate: { ...first.certificate, milliseconds: 123_456 } });
  writeFileSync(file, 'spoilt');
  assert.notEqual((await find()).certificate.milliseconds, 123_456);
  repository.copy('test/fixtures/exporters/tl-state/1', 'm/1');
  const other = await find();
  assert.notDeepEqual(other.certificate.axes, first.certificate.axes);
  const now = readdirSync(repository.at('.certificates'));
  assert.equal(now.length, 1);
  assert.notEqual(now[0], name);
});

test('without the cache, or where it cannot be written, models load all the same', async () => {
  const repository = repositoryOf({ 'm/1': MODEL });
  const off = await load(repository.root, { certificateCache: false });
  assert.ok(!existsSync(repository.at('.certificates')));
  mkdirSync(repository.at('.certificates'));
  rmSync(repository.at('.certificates'), { recursive: true });
  writeFileSync(repository.at('.certificates'), 'in the way');
  const blocked = await load(repository.root, certificates);
  for (const registry of [off, blocked]) {
    assert.equal(registry.get('m').mixing, 'classes');
    await registry.close();
  }
});
