// A repository loaded as it is: what is sound serves, what is not is refused in one line and harms nobody.
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { LoadError } from '../../src/core/errors.ts';
import { checkGolden, readGolden } from '../../src/proof/golden.ts';
import { Service } from '../../src/service/service.ts';
import { load, reasonsOf, repositoryOf, threads } from '../support/models/registries.ts';
import { until } from '../support/runner/until.ts';
import { configOf, log, ROOT } from '../support/server/service.ts';

const LINK = 'is a link; the repository holds plain folders only';
const REFUSED: Record<string, RegExp | string> = {
  'bad-manifest/1': /^bad-manifest\/1: manifest\.json: inputs\.0: Unrecognized key: "normalise"; heads\.0\.kind: /,
  'empty/1': 'empty/1: model.onnx is empty',
  'external-escape/1':
    'external-escape/1: model.onnx: external data "../../secret.bin" of weight "color.weight" must be a file beside the graph',
  'lfs-pointer/1':
    /^lfs-pointer\/1: model\.onnx is a git-lfs pointer, not a graph: fetch the file with "git lfs pull"$/,
  'nan-weight/1':
    'nan-weight/1: model.onnx: weight "onnx::LSTM_114" holds NaN, as W of LSTM "/trunk/lstm/LSTM"; weights must be finite',
  'not-onnx/1': 'not-onnx/1: model.onnx is not an ONNX graph, or it is truncated (43 bytes)',
  'truncated/1': 'truncated/1: model.onnx is not an ONNX graph, or it is truncated (1867 bytes)',
  'unknown-op/1':
    'unknown-op/1: model.onnx: operator com.example.missing.Polish is of domain "com.example.missing", which is not supported',
  'wrong-digest/1':
    /^wrong-digest\/1: model\.onnx has sha256 06e7a984[0-9a-f]{56}, the manifest says aa3e8878[0-9a-f]{56}$/,
  'wrong-golden/1': 'wrong-golden/1: golden.json case 2: output "size" is off by 1.00e-1, tolerance 0.00001',
  'wrong-heads/1':
    /^wrong-heads\/1: manifest and graph disagree: input "signal": .*; head "color": .*; head "size": .*$/,
};
const DAMAGED: Record<string, string> = {
  'linked/': `linked: ${LINK}`,
  'lstm/3': `lstm/3: ${LINK}`,
  'linked-graph/1': 'linked-graph/1: model.onnx is a link; a version folder holds plain files only',
  'no-version/': 'no-version: has no version folder (expected for example 1/)',
  'bad name/': 'bad name: is no model name (expected ^(?!stats$)[A-Za-z0-9][A-Za-z0-9._-]{0,63}$)',
  'broken-lines/1': 'broken-lines/1: manifest.json: manifest: Unrecognized key: "a b"',
  'bad-example/1': 'bad-example/1: example.json: sequences[0][0] has 1 features, expected 3',
};

test('every broken model is refused with its reason, and the others serve unharmed', async () => {
  const broken = readdirSync(`${ROOT}test/fixtures/broken`).filter(name => !name.includes('.'));
  const small = 'test/fixtures/models/external/1';
  const repository = repositoryOf({
    ...Object.fromEntries(broken.map(name => [`${name}/1`, `test/fixtures/broken/${name}/1`])),
    'lstm/1': 'test/fixtures/models/lstm/1',
    'lstm/2': 'test/fixtures/models/lstm/2',
    'plain/1': 'test/fixtures/models/plain/1',
    'linked-graph/1': small,
    'broken-lines/1': small,
    'bad-example/1': small,
    'bad name/1': small,
  });
  writeFileSync(repository.at('secret.bin'), readFileSync(`${ROOT}test/fixtures/broken/secret.bin`));
  symlinkSync(repository.at('plain'), repository.at('linked'));
  symlinkSync(repository.at('lstm/2'), repository.at('lstm/3'));
  renameSync(repository.at('linked-graph/1/model.onnx'), repository.at('elsewhere.onnx'));
  symlinkSync(repository.at('elsewhere.onnx'), repository.at('linked-graph/1/model.onnx'));
  mkdirSync(repository.at('no-version/recipe'), { recursive: true });
  repository.edit<Record<string, unknown>>('broken-lines/1/manifest.json', manifest => {
    manifest['a\nb'] = 1;
  });
  writeFileSync(repository.at('bad-example/1/example.json'), '{"sequences": [[[1]]]}');

  const registry = await load(repository.root);
  const reasons = reasonsOf(registry);
  assert.deepEqual(Object.keys(reasons).sort(), [...Object.keys(REFUSED), ...Object.keys(DAMAGED)].sort());
  for (const [model, expected] of Object.entries({ ...REFUSED, ...DAMAGED })) {
    if (typeof expected === 'string') assert.equal(reasons[model], expected);
    else assert.match(reasons[model], expected);
  }
  assert.deepEqual(
    registry.all().map(({ name, version }) => `${name}/${version}`),
    ['lstm/1', 'lstm/2', 'no-manifest/1', 'plain/1'],
  );
  for (const model of registry.all()) {
    const golden = await readGolden(repository.at(model.name, model.version), model.signature, model.graph);
    if (model.inferred) continue; // how it is served stands in exporters.test.ts
    assert.ok(golden);
    for (const { sequence, feeds, outputs } of golden.cases) {
      assert.ok(sequence);
      const [row] = await model.batcher.submit([sequence]).rows;
      const run = async () => row.outputs;
      const fetched = Object.entries(outputs).filter(([name]) => name in row.outputs);
      await checkGolden({ ...golden, cases: [{ feeds, outputs: Object.fromEntries(fetched) }] }, run);
    }
  }
  await registry.close();
});

test('the newest version is the default, others by their number, and what is not there is not found', async () => {
  const registry = await load(
    repositoryOf({ 'm/10': 'test/fixtures/models/ids/1', 'm/9': 'test/fixtures/models/ids/1' }).root,
  );
  assert.equal(registry.get('m').version, '10');
  assert.equal(registry.get('m', '9').version, '9');
  for (const [name, version] of [
    ['m', '1'],
    ['m', '010'],
    ['m', ''],
    ['n', undefined],
    ['__proto__', undefined],
  ] as const) {
    assert.throws(() => registry.get(name, version), { code: 'MODEL_NOT_FOUND' });
  }
  await registry.close();
});

test('refusals leave no thread behind, nor does a closed registry', async () => {
  const before = threads();
  const registry = await load(`${ROOT}test/fixtures/broken`, { workers: 2 });
  assert.deepEqual(
    registry.all().map(({ name }) => name),
    ['no-manifest'],
  );
  const { length } = registry.refused;
  await registry.close();
  assert.equal(length, Object.keys(REFUSED).length);
  await until('the threads of the refused are gone', () => threads() <= before);
  const good = await load(repositoryOf({ 'm/1': 'test/fixtures/models/ids/1' }).root, { workers: 2 });
  assert.equal(good.get('m').alive(), 2);
  await good.close();
  assert.equal(good.get('m').alive(), 0);
  await until('the threads of the closed are gone', () => threads() <= before);
});

test('a strict start names every refused model and leaves nothing running', async () => {
  const before = threads();
  const repository = repositoryOf({
    'good/1': 'test/fixtures/models/ids/1',
    'empty/1': 'test/fixtures/broken/empty/1',
    'wrong-golden/1': 'test/fixtures/broken/wrong-golden/1',
  });
  const models = { ...configOf(), workers: 1, executionProvider: 'cpu' } as const;
  const options = { ...configOf(), modelRepository: repository.root, strictRepository: true, version: '0', models };
  const expected = ['empty/1: model.onnx is empty', REFUSED['wrong-golden/1']].map(line => `\n  ${line}`).join('');
  await assert.rejects(Service.start(options, log), error => {
    assert.ok(error instanceof LoadError);
    assert.ok(error.message.endsWith(`:${expected}`), error.message);
    return true;
  });
  await until('the threads are gone', () => threads() <= before);
  const empty = { ...options, modelRepository: repositoryOf({}).root };
  await assert.rejects(Service.start(empty, log), /^LoadError: model repository ".*" holds no model$/);
  const lenient = await Service.start({ ...options, strictRepository: false }, log);
  assert.deepEqual(lenient.readiness(), {
    ready: true,
    status: 'ready',
    models: [{ model: 'good', version: '1', workers: 1 }],
    refused: [
      { model: 'empty', version: '1' },
      { model: 'wrong-golden', version: '1' },
    ],
  });
  await lenient.close();
});
