// Certificates kept beside the models: read again only for the very same graph, and never a reason to fail.
import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { after, test } from 'node:test';
import { CertificateCache } from '../../src/proof/cache.ts';
import type { Finding } from '../../src/proof/finding.ts';
import { manifestOf } from '../support/models/models.ts';
import { load, repositoryOf } from '../support/models/registries.ts';
import { TemporaryRepository } from '../support/models/repository.ts';
import { log } from '../support/server/service.ts';

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
  provider: { provider: 'cpu' },
};
const FACTS = { version: '1', digest: 'a' };
const cacheOf = (facts: unknown, version = '1', model = 'm') =>
  new CertificateCache({ folder: folder.at('.certificates') }, model, version, facts);
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

test('servers with other settings keep theirs side by side, up to a bound; those of other models stay', async () => {
  await cacheOf(FACTS, '10').write(FINDING);
  await cacheOf(FACTS, '1', 'other').write(FINDING);
  for (let i = 0; i < 12; i++) await cacheOf({ ...FACTS, digest: `${i}` }).write(FINDING);
  assert.deepEqual(await cacheOf({ ...FACTS, digest: '11' }).read(), FINDING);
  assert.deepEqual(await cacheOf(FACTS, '10').read(), FINDING);
  assert.deepEqual(await cacheOf(FACTS, '1', 'other').read(), FINDING);
  assert.equal(files().filter(name => name.startsWith('m@1-')).length, 8);
});

test('what ran out of its bounds is never kept', async () => {
  const facts = { ...FACTS, digest: 'incomplete' };
  const certificate = { ...FINDING.certificate, complete: false };
  assert.equal(await cacheOf(facts).write({ ...FINDING, certificate }), false);
  assert.equal(await cacheOf(facts).read(), undefined);
});

test('an edited file, one sealed with another key, one of another name and a link are as good as none', async () => {
  const facts = { ...FACTS, digest: 'sealed' };
  const at = (key: number, asked: object = facts) =>
    new CertificateCache({ folder: folder.at('.sealed'), key: new Uint8Array(32).fill(key) }, 'm', '1', asked);
  assert.equal(await at(1).write(FINDING), true);
  assert.deepEqual(await at(1).read(), FINDING);
  assert.equal(await at(2).read(), undefined);
  const [name] = readdirSync(folder.at('.sealed'));
  const file = folder.at('.sealed', name);
  const whole = readFileSync(file, 'utf8');
  writeFileSync(file, whole.replace('"equal"', '"classes"'));
  assert.equal(await at(1).read(), undefined);
  writeFileSync(file, whole.slice(0, -10));
  assert.equal(await at(1).read(), undefined);
  await at(1, FACTS).write(FINDING);
  const other = readdirSync(folder.at('.sealed')).find(entry => entry !== name) as string;
  writeFileSync(folder.at('.sealed', other), whole);
  assert.equal(await at(1, FACTS).read(), undefined);
  rmSync(file);
  writeFileSync(folder.at('elsewhere'), whole);
  symlinkSync(folder.at('elsewhere'), file);
  assert.equal(await at(1).read(), undefined);
  assert.equal(await at(1).write(FINDING), true); // takes the link's place
  assert.deepEqual(await at(1).read(), FINDING);
  assert.equal(readFileSync(folder.at('elsewhere'), 'utf8'), whole);
});

test('a file that is spoilt, or says what no certificate says, is as good as none', async () => {
  rmSync(folder.at('.certificates'), { recursive: true });
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
  const stamp = statSync(file).mtimeMs;
  const second = await find();
  assert.deepEqual(second, first); // the time it took too, which only a kept certificate can give
  assert.equal(statSync(file).mtimeMs, stamp);
  writeFileSync(file, 'spoilt');
  assert.equal((await find()).certificate.mixing, first.certificate.mixing);
  assert.notEqual(readFileSync(file, 'utf8'), 'spoilt');
  repository.copy('test/fixtures/exporters/tl-state/1', 'm/1');
  const other = await find();
  assert.notDeepEqual(other.certificate.axes, first.certificate.axes);
  const now = readdirSync(repository.at('.certificates'));
  assert.equal(now.length, 2);
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

test('a folder that was asked for and cannot be written is told', async t => {
  const repository = repositoryOf({ 'm/1': MODEL });
  const told: unknown[] = [];
  const listener = Object.assign(Object.create(log), { warn: (...said: unknown[]) => told.push(said.at(-1)) });
  t.mock.method(log, 'child', () => listener);
  const certificateFolder = repository.at('m/1/golden.json/kept');
  await load(repository.root, { ...certificates, certificateFolder });
  await load(repository.root, { certificateCache: false, certificateFolder });
  assert.deepEqual(told, [`its certificate is not kept: "${certificateFolder}" cannot be written`]);
});
