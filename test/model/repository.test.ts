// models/<name>/<version>/ on disk: what counts as a model, and that no link leads out of it.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { checkContained, listRepository } from '../../src/model/repository.ts';
import { refusalOf } from '../support/models/refusal.ts';
import { TemporaryRepository } from '../support/models/repository.ts';
import { whileUnreadable } from '../support/models/unreadable.ts';

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
  const { root } = repository;
  assert.deepEqual(await listRepository(root), [
    { model: 'Z', root, version: '3', folder: repository.at('Z/3'), fault: undefined },
    { model: 'a.1-x_', root, version: '0', folder: repository.at('a.1-x_/0'), fault: undefined },
    ...['2', '9', '10'].map(version => ({
      model: 'b',
      root,
      version,
      folder: repository.at('b', version),
      fault: undefined,
    })),
  ]);
});

test('files, hidden folders and what is no version are passed over', async () => {
  const repository = repositoryOf(
    'm/1',
    'm/recipe',
    'm/01',
    'm/v02',
    'm/V2',
    'm/-1',
    'm/1.0',
    'm/1234567890',
    '.git/1',
    '.m/1',
    'lost+found',
  );
  for (const file of ['README.md', 'm/CARD.md', 'm/7']) writeFileSync(repository.at(file), 'text');
  const found = await listRepository(repository.root);
  assert.deepEqual(
    found.map(({ model, version, fault }) => [model, version, fault]),
    [['m', '1', undefined]],
  );
});

test('the layouts of others: versions called v1, a model without versions, one model alone', async () => {
  const cases: [folders: string[], files: string[], name: string | undefined, expected: [string, string, string][]][] =
    [
      [
        ['m/v1', 'm/v10', 'm/2'],
        [],
        undefined,
        [
          ['m', '1', 'm/v1'],
          ['m', '2', 'm/2'],
          ['m', '10', 'm/v10'],
        ],
      ],
      [
        ['m', 'n/1'],
        ['m/model.onnx', 'm/labels.txt'],
        undefined,
        [
          ['m', '1', 'm'],
          ['n', '1', 'n/1'],
        ],
      ],
      [['m'], ['m/manifest.json'], undefined, [['m', '1', 'm']]],
      [['m/1'], ['m/config.pbtxt', 'm/1/model.onnx'], undefined, [['m', '1', 'm/1']]],
      [
        ['1', '2'],
        ['1/model.onnx', '2/net.onnx'],
        'storms',
        [
          ['storms', '1', '1'],
          ['storms', '2', '2'],
        ],
      ],
      [['lost+found'], ['model.onnx'], 'storms', [['storms', '1', '']]],
      [['1/1'], ['1/1/model.onnx'], 'storms', [['1', '1', '1/1']]],
    ];
  for (const [folders, files, name, expected] of cases) {
    const repository = repositoryOf(...folders);
    for (const file of files) writeFileSync(repository.at(file), 'graph');
    const found = await listRepository(repository.root, name);
    assert.deepEqual(
      found.map(({ model, version, folder, fault }) => [model, version, folder, fault]),
      expected.map(([model, version, folder]) => [
        model,
        version,
        folder ? repository.at(folder) : repository.root,
        undefined,
      ]),
    );
  }
});

test('one model alone is called as its folder, which has to be a name', async () => {
  const repository = repositoryOf('good', 'b a d');
  for (const folder of ['good', 'b a d']) writeFileSync(repository.at(folder, 'model.onnx'), 'graph');
  const [good] = await listRepository(repository.at('good'));
  assert.deepEqual([good.model, good.fault], ['good', undefined]);
  const [bad] = await listRepository(repository.at('b a d'));
  assert.match(bad.fault ?? '', /is no model name/);
});

test('a version that is there twice is refused once', async () => {
  const repository = repositoryOf('m/1', 'm/v1');
  const faults = (await listRepository(repository.root)).map(({ fault }) => fault);
  assert.deepEqual(faults, [undefined, 'is version 1 a second time']);
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
  const pattern = 'is no model name (expected ^(?!stats$)[A-Za-z0-9][A-Za-z0-9._-]{0,63}$)';
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

test('a folder that cannot be read is a fault of its own, and no more than that', async () => {
  const repository = repositoryOf('a/1', 'closed/1', 'z/1');
  const { root } = repository;
  const folder = repository.at('closed');
  const found = await whileUnreadable(folder, () => listRepository(root));
  assert.deepEqual(
    found.map(({ model, version }) => [model, version]),
    [
      ['a', '1'],
      ['closed', ''],
      ['z', '1'],
    ],
  );
  const fault = 'cannot be read (EACCES)';
  assert.deepEqual(found[1], { model: 'closed', root, version: '', folder, fault, isUnread: true });
  const version = repository.at('closed/1');
  assert.equal(await refusalOf(whileUnreadable(version, () => checkContained(version))), fault);
});

test('a version folder holds no pipe: whoever opened one would wait for ever', async () => {
  const repository = repositoryOf('m/1');
  execFileSync('mkfifo', [repository.at('m/1/model.onnx')]);
  assert.equal(await refusalOf(checkContained(repository.at('m/1'))), 'model.onnx is neither a file nor a folder');
});
