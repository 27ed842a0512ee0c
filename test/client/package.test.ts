// The package as a user gets it: packed, installed into an empty project, its types made from a running server and checked
// by the compiler, which must refuse what the server would refuse.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { listen } from '../support/client/client.ts';
import { repositoryOf, temporaryFolder } from '../support/models/served-copies.ts';
import { ROOT, startApp, type TestApp } from '../support/server/service.ts';
import { EXAMPLE } from './server.ts';

const run = promisify(execFile);
const TSC = `${ROOT}node_modules/typescript/bin/tsc`;

/** What a first user writes; the address comes from the command line. */
const FIRST = `import { connect } from '@polyhead/client';
const weather = await connect<typeof import('./polyhead.js')>(process.argv[2]).model('weather');
const day = { precipitation: 0, temp_max: 9.4, temp_min: -1.6, wind: 3, weather: 'sun', day_of_year: 331, city: 'Seattle' } as const;
const { rain, temp_max } = (await weather.predict([[day]])).predictions[0].heads;
console.log(JSON.stringify([rain.label satisfies 'dry' | 'rain', temp_max.value, temp_max.unit satisfies 'degC']));
`;

/** Changes to that program, and what the compiler must say of each. */
const MISTAKES: [string, string, string, RegExp][] = [
  ['a feature that there is none of', 'wind: 3', 'wnd: 3', /'wnd' does not exist|'wind' is missing/],
  ['a category that there is none of', "'sun'", "'sunny'", /"sunny"/],
  ['a head that there is none of', '{ rain, temp_max }', '{ rane, temp_max }', /'rane' does not exist/],
  [
    'a label that there is none of',
    "'dry' | 'rain'",
    "'dry' | 'wet'",
    /"rain"' does not satisfy|does not satisfy the expected type/,
  ],
  ['a model that there is none of', "model('weather')", "model('wether')", /"wether"/],
  [
    'a head that was not asked for',
    'predict([[day]])',
    "predict([[day]], { heads: ['temp_max'] })",
    /'rain' does not exist/,
  ],
  [
    'a probability that was not asked for',
    'rain.label satisfies',
    "(await weather.predict([[day]], { probabilities: 'none' })).predictions[0].heads.rain.probability satisfies",
    /'probability' does not exist/,
  ],
];

describe('@polyhead/client, installed', () => {
  const project = temporaryFolder();
  let server: TestApp;
  let origin: string;
  const inProject = (command: string, ...args: string[]) => run(command, args, { cwd: project, timeout: 900_000 });
  const compile = () => inProject(process.execPath, TSC, '-p', '.');

  before(async () => {
    server = await startApp({
      POLYHEAD_MODEL_REPOSITORY: repositoryOf('models/weather', 'models/tagger', 'models/assistant'),
    });
    origin = await listen(server);
    const options = { cwd: `${ROOT}client`, timeout: 900_000 };
    await run(process.execPath, [TSC, '-p', '.'], options);
    const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', project], options);
    const [{ filename, files }] = JSON.parse(stdout);
    const names: string[] = files.map((file: { path: string }) => file.path);
    assert.ok(names.includes('dist/client.js') && names.includes('dist/client.d.ts') && names.includes('README.md'));
    assert.ok(
      names.every(name => /^(dist\/.*\.(js|d\.ts)|package\.json|README\.md)$/.test(name)),
      names.join(),
    );
    writeFileSync(path.join(project, 'package.json'), '{"name": "first", "private": true, "type": "module"}');
    await inProject('npm', 'install', '--offline', '--no-audit', '--no-fund', `./${filename}`);
    const compilerOptions = {
      module: 'nodenext',
      target: 'es2022',
      strict: true,
      types: ['node'],
      typeRoots: [`${ROOT}node_modules/@types`],
    };
    writeFileSync(path.join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['first.ts'] }));
    const types = await inProject('npx', '--no-install', '@polyhead/client', 'types', origin);
    writeFileSync(path.join(project, 'polyhead.d.ts'), types.stdout);
  });
  after(() => server.close());

  it('brings nothing else along', () => {
    const lock = JSON.parse(readFileSync(path.join(project, 'package-lock.json'), 'utf8'));
    assert.deepEqual(Object.keys(lock.packages), ['', 'node_modules/@polyhead/client']);
  });

  it('works in five lines, typed', async () => {
    writeFileSync(path.join(project, 'first.ts'), FIRST);
    await compile();
    const { stdout } = await inProject(process.execPath, 'first.js', origin);
    const body = JSON.stringify({ sequences: [[EXAMPLE[0][0]]] });
    const reply = await fetch(`${origin}/v1/models/weather/predict`, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json' },
    });
    const [{ heads }] = (
      (await reply.json()) as { predictions: { heads: Record<string, { label: string; value: number }> }[] }
    ).predictions;
    assert.deepEqual(EXAMPLE[0][0], {
      precipitation: 0,
      temp_max: 9.4,
      temp_min: -1.6,
      wind: 3,
      weather: 'sun',
      day_of_year: 331,
      city: 'Seattle',
    });
    assert.deepEqual(JSON.parse(stdout), [heads.rain.label, heads.temp_max.value, 'degC']);
  });

  for (const [what, right, wrong, message] of MISTAKES) {
    it(`does not compile with ${what}`, async () => {
      assert.ok(FIRST.includes(right));
      writeFileSync(path.join(project, 'first.ts'), FIRST.replace(right, wrong));
      await assert.rejects(compile(), (error: { stdout: string }) => {
        assert.match(error.stdout, message);
        return true;
      });
    });
  }

  it('writes the same types from the saved document', async () => {
    const document = await (await fetch(`${origin}/openapi.json`)).text();
    mkdirSync(path.join(project, 'saved'));
    writeFileSync(path.join(project, 'saved/openapi.json'), document);
    const { stdout } = await inProject('npx', '--no-install', '@polyhead/client', 'types', 'saved/openapi.json');
    const withoutSource = (text: string) => text.split('\n').slice(1);
    assert.deepEqual(withoutSource(stdout), withoutSource(readFileSync(path.join(project, 'polyhead.d.ts'), 'utf8')));
    assert.match(stdout, /upos: StepHead<ClassHead<"ADJ" \|/);
    assert.match(stdout, /\/\*\* Unit: mm\. From 0 to 1000\. \*\//);
  });

  it('types spans by their labels', async () => {
    const slots = `import { connect } from '@polyhead/client';
const assistant = await connect<typeof import('./polyhead.js')>(process.argv[2]).model('assistant');
const { predictions } = await assistant.predict(['play the newest album by The Lantern Keepers']);
const { HEAD } = predictions[0].heads;
console.log(HEAD.probability > 0, HEAD.spans.map(({ label, text }) => (label satisfies LABEL) + text));
`;
    const { signature } = server.service.models.get('assistant');
    const head = signature.heads.find(({ spec }) => spec.kind === 'sequence-labels')?.spec;
    const labels = head && 'labels' in head ? head.labels : [];
    const kinds = [...new Set(labels.filter(label => label !== 'O').map(label => JSON.stringify(label.slice(2))))];
    assert.ok(kinds.length > 1);
    const text = slots.replaceAll('HEAD', head?.name ?? '').replace('LABEL', kinds.join(' | '));
    writeFileSync(path.join(project, 'first.ts'), text);
    await compile();
    const { stdout } = await inProject(process.execPath, 'first.js', origin);
    assert.match(stdout, /^true \[.*Lantern Keepers.*\]/s);
    writeFileSync(path.join(project, 'first.ts'), text.replace(kinds.join(' | '), kinds.slice(1).join(' | ')));
    await assert.rejects(compile(), { stdout: /does not satisfy the expected type/ });
  });

  it('says how it is used, and what it cannot reach', async () => {
    await assert.rejects(inProject('npx', '--no-install', '@polyhead/client'), {
      stderr: /^Usage: npx @polyhead\/client types/,
    });
    await assert.rejects(inProject('npx', '--no-install', '@polyhead/client', 'types', 'http://127.0.0.1:9'), {
      stderr: /cannot be reached/,
    });
  });
});
