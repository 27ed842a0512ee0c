// polyhead check: one line for every model version, each refusal with its reason, and the exit code.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { it } from 'node:test';
import { answerOf, faultOf, polyhead } from '../support/client/command.ts';
import { BROKEN, repositoryOf, temporaryFolder } from '../support/models/served-copies.ts';
import { FIXTURES } from '../support/server/service.ts';

/** Model folders; other tests leave certificates beside them. */
const modelsIn = (repository: string) =>
  readdirSync(repository, { withFileTypes: true }).flatMap(entry =>
    entry.isDirectory() && !entry.name.startsWith('.') ? [entry.name] : [],
  );

const OK =
  /^ok {7}(\S+) +mixing (classes|equal|alone) +rows (exact|exactInPairs|tolerance|alone) +lengths (lengths|mask|zeroPadding|equalOnly) +golden (\S+) of (\S+) +manifest +\d+ ms$/;

it('tells of every version of a sound repository what the server would find', async () => {
  const lines = (await answerOf(['check', FIXTURES])).trimEnd().split('\n');
  const versions = modelsIn(FIXTURES).flatMap(name =>
    readdirSync(path.join(FIXTURES, name)).map(version => `${name}/${version}`),
  );
  const found = lines.slice(0, -1).map(line => {
    const [, name, mixing, , lengths, worst, tolerance] = OK.exec(line) ?? assert.fail(line);
    const { tolerance: allowed } = JSON.parse(readFileSync(path.join(FIXTURES, name, 'golden.json'), 'utf8'));
    assert.equal(Number(tolerance), allowed);
    assert.ok(Number(worst) <= allowed && Number(worst) > 0, line);
    return [name, { mixing, lengths }] as const;
  });
  assert.deepEqual(found.map(([name]) => name).sort(), versions.sort());
  const byName = Object.fromEntries(found);
  assert.deepEqual(byName['lstm/1'], { mixing: 'classes', lengths: 'lengths' });
  assert.deepEqual(byName['masked/1'], { mixing: 'classes', lengths: 'mask' });
  assert.deepEqual(byName['plain/1'], { mixing: 'equal', lengths: 'equalOnly' });
  assert.equal(lines.at(-1), `${versions.length} ok, 0 refused`);
});

it('names every refusal, goes on to the next, and ends with exit code 1', async () => {
  const { code, stdout, stderr } = await polyhead(['check', BROKEN]);
  assert.deepEqual([code, stderr], [1, '']);
  for (const name of modelsIn(BROKEN)) {
    const expected = name === 'no-manifest' ? 'ok {7}' : 'refused {2}';
    assert.match(stdout, new RegExp(`^${expected}${name}(/1)? .{10,}$`, 'm'));
  }
  assert.match(stdout, /^refused {2}nan-weight\/1 +model\.onnx: weight ".*" holds NaN/m);
  assert.match(stdout, /^refused {2}wrong-golden\/1 +golden\.json case 2: output "size" is off by/m);
  assert.match(stdout, /^1 ok, \d+ refused\n$/m);
});

it('reads the settings of a model, too', async () => {
  const repository = repositoryOf('test/fixtures/models/lstm');
  writeFileSync(path.join(repository, 'lstm/serving.json'), '{"canary": {"version": "next", "share": 0.1}}');
  const { code, stdout } = await polyhead(['check', repository]);
  assert.equal(code, 1);
  assert.match(stdout, /^refused {2}lstm +serving\.json: canary\.version: there is no label "next"\nok {7}lstm\/1 /);
  assert.match(stdout, /^2 ok, 1 refused$/m);
});

it('writes warnings below their model, indented', async () => {
  const repository = repositoryOf('test/fixtures/exporters/tl-padded-last', 'test/fixtures/exporters/tl-lstm');
  const lines = (await answerOf(['check', repository])).split('\n');
  const place = lines.findIndex(line => line.startsWith('ok       tl-padded-last/1 '));
  assert.match(lines[place], / no manifest /);
  assert.match(lines[place + 1], /^ {9}warning: the graph is told its lengths, yet "wrong" changes with padding/);
  assert.equal(lines.filter(line => line.includes('warning')).length, 1);
});

it('proves anew and leaves nothing behind', async () => {
  const repository = repositoryOf('test/fixtures/exporters/tl-lstm');
  await answerOf(['check', repository], { env: { POLYHEAD_CERTIFICATE_CACHE: 'true' } });
  assert.ok(!existsSync(path.join(repository, '.certificates')));
});

it('refuses links and names outside the pattern, on a line each', async () => {
  const repository = repositoryOf('test/fixtures/models/lstm');
  symlinkSync(path.join(repository, 'lstm'), path.join(repository, 'link'));
  mkdirSync(path.join(repository, 'bad name\u001b[31m'));
  const { code, stdout } = await polyhead(['check', repository]);
  assert.equal(code, 1);
  assert.match(stdout, /^refused {2}link +is a link/m);
  assert.match(stdout, /^refused {2}bad name\\u\{1b\}\[31m +is no model name/m);
  assert.match(stdout, /^2 ok, 2 refused$/m);
});

it('says of a folder without a model, of a file and of nothing that they are no repository', async () => {
  const empty = temporaryFolder();
  assert.match(await faultOf(['check', empty]), /holds no model\n$/);
  assert.match(await faultOf(['check', 'package.json']), /"package\.json" cannot be read \(ENOTDIR\)\n$/);
  assert.match(await faultOf(['check', path.join(empty, 'none')]), /cannot be read \(ENOENT\)\n$/);
});
