// models/<name>/<version>/ on disk: what counts as a model, and that no link leads out of it.
import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { checkContained, listRepository } from '../../src/model/repository.ts';
import { refusalOf } from '../support/models/refusal.ts';
import { TemporaryRepository } from '../support/models/repository.ts';

const temporary: TemporaryRepository[] = [];
after(() => {
  for (const repository of temporary) repository.remove();
});

function repositoryOf(...folders: string[]): TemporaryRepository {
  const repository = new TemporaryRepository();
  temporary.push(repository);
  for (const folder of folders) mkdirSync(repository.at(folder), { recursive: true });
  return repository;
}

const LINK = 'is a link; the repository holds plain folders only';

test('models by name, versions by number, each with its folder', async () => {
  const repository = repositoryOf('b/10', 'b/9', 'b/2', 'a.1-x_/0', 'Z/3');
  assert.deepEqual(await listRepository(repository.root), [
    { model: 'Z', version: '3', folder: repository.at('Z/3'), fault: undefined },
    { model: 'a.1-x_', version: '0', folder: repository.at('a.1-x_/0'), fault: undefined },
    ...['2', '9', '10'].map(version => ({
      model: 'b',
      version,
      folder: repository.at('b', version),
      fault: undefined,
    })),
  ]);
});

test('files, hidden folders and what is no version are passed over', async () => {
  const repository = repositoryOf('m/1', 'm/recipe', 'm/01', 'm/v2', 'm/-1', 'm/1.0', 'm/1234567890', '.git/1', '.m/1');
  for (const file of ['README.md', 'm/CARD.md', 'm/7']) writeFileSync(repository.at(file), 'text');
  const found = await listRepository(repository.root);
  assert.deepEqual(
    found.map(({ model, version, fault }) => [model, version, fault]),
    [['m', '1', undefined]],
  );
});

test('what is meant as a model but is none says why', async () => {
  const repository = repositoryOf(
    'real/1',
    'none',
    'only-recipe/recipe',
    'a b/1',
    '-x/1',
    '_x/1',
    'é/1',
    `${'x'.repeat(65)}/1`,
  );
  symlinkSync(repository.at('real'), repository.at('linked'));
  symlinkSync(repository.at('real/1'), repository.at('real/2'));
  symlinkSync(repository.at('nowhere'), repository.at('dangling'));
  const found = await listRepository(repository.root);
  const faults = Object.fromEntries(found.map(({ model, version, fault }) => [`${model}/${version}`, fault]));
  const pattern = 'is no model name (expected ^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$)';
  assert.deepEqual(faults, {
    'real/1': undefined,
    'real/2': LINK,
    'linked/': LINK,
    'dangling/': LINK,
    'none/': 'has no version folder (expected for example 1/)',
    'only-recipe/': 'has no version folder (expected for example 1/)',
    'a b/': pattern,
    '-x/': pattern,
    '_x/': pattern,
    'é/': pattern,
    [`${'x'.repeat(65)}/`]: pattern,
  });
});

test('a repository that cannot be read is named as the operator wrote it', async () => {
  assert.equal(
    await refusalOf(listRepository('no/such/folder')),
    'model repository "no/such/folder" cannot be read (ENOENT)',
  );
});

test('a version folder holds no link, not even one that stays inside', async () => {
  const repository = repositoryOf('m/1');
  writeFileSync(repository.at('m/1/real.onnx'), 'graph');
  await checkContained(repository.at('m/1'));
  symlinkSync('real.onnx', repository.at('m/1/model.onnx'));
  assert.equal(
    await refusalOf(checkContained(repository.at('m/1'))),
    'model.onnx is a link; a version folder holds plain files only',
  );
});
