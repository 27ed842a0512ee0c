// The API document before strict readers of others: linters, generators of clients, and schemathesis, which asks for whatever the
// document allows and holds every answer to it. Where they cannot be installed, the tests say why and count as skipped.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import type { OpenAPIV3_1 } from 'openapi-types';
import { documentPython, documentTools, type Made } from '../support/client/tools.ts';
import { repositoryOf, temporaryFolder } from '../support/models/served-copies.ts';
import { type ServerProcess, startProcess } from '../support/server/process.ts';
import { ROOT } from '../support/server/service.ts';

const run = promisify(execFile);
const CONFIGURATION = `${ROOT}test/clients/schemathesis.toml`;
/** Names that come to the same where programs make names of them, beside operations' own. */
const ALIKE = ['w-1', 'w_1', 'W1', 'Version', 'label'];
const REPOSITORY = repositoryOf(
  ...['assistant', 'rnnoise', 'storms', 'tagger', 'two-cities', 'weather'].map(name => `models/${name}`),
  ...['external', 'ids', 'plain', 'steps', 'tokens'].map(name => `test/fixtures/models/${name}`),
  ...['jx-two-heads', 'os-labels', 'tl-names', 'tl-perstep'].map(name => `test/fixtures/exporters/${name}`),
);
for (const name of ALIKE) cpSync(`${ROOT}test/fixtures/models/lstm`, path.join(REPOSITORY, name), { recursive: true });

const folder = temporaryFolder();
const file = path.join(folder, 'openapi.json');
const python = await documentPython(folder);
const tools = await documentTools(folder);
const skipOf = (tool: Made<unknown>) => ('reason' in tool ? tool.reason : false);
for (const tool of [python, tools]) if (skipOf(tool)) console.log(`Not tested: ${skipOf(tool)}`);

/** What a program prints, whether or not it succeeds. */
async function outputOf(
  command: string,
  args: readonly string[],
  cwd = folder,
): Promise<{ code: number; text: string }> {
  const env = { PATH: `${path.dirname(command)}:${process.env.PATH}`, HOME: folder, PYTHONDONTWRITEBYTECODE: '1' };
  try {
    const { stdout, stderr } = await run(command, args, { cwd, env, maxBuffer: 64 << 20 });
    return { code: 0, text: stdout + stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, text: `${stdout}${stderr}` };
  }
}
const ofPython = (name: string) => path.join(path.dirname('made' in python ? python.made : ''), name);
const ofNpm = (name: string) => path.join('made' in tools ? tools.made : '', name);

describe('the API document', { timeout: 1_200_000, skip: skipOf(python) && skipOf(tools) }, () => {
  let server: ServerProcess;
  let document: OpenAPIV3_1.Document;
  let operations: number;
  before(async () => {
    server = await startProcess({ env: { POLYHEAD_MODEL_REPOSITORY: REPOSITORY, LOG_LEVEL: 'info' } });
    const text = await (await fetch(`${server.origin}/openapi.json`)).text();
    document = JSON.parse(text);
    operations = Object.values(document.paths ?? {}).flatMap(item => Object.keys(item ?? {})).length;
    writeFileSync(file, text);
  });
  after(() => server?.stop());

  it('redocly finds nothing, warnings included', { skip: skipOf(tools) }, async () => {
    // A WebSocket's first answer is 101, which the rule does not know.
    const strict = ['lint', '--extends=recommended-strict', '--skip-rule=operation-2xx-response', file];
    const { code, text } = await outputOf(ofNpm('redocly'), strict);
    assert.equal(code, 0, text);
  });

  it("openapi-typescript's types compile", { skip: skipOf(tools) }, async () => {
    const types = path.join(folder, 'types.ts');
    const made = await outputOf(ofNpm('openapi-typescript'), [file, '-o', types]);
    assert.equal(made.code, 0, made.text);
    const tsc = [
      `${ROOT}node_modules/typescript/bin/tsc`,
      '--noEmit',
      '--strict',
      '--skipLibCheck',
      '--types',
      '',
      types,
    ];
    const { code, text } = await outputOf(process.execPath, tsc);
    assert.equal(code, 0, text);
  });

  it('openapi-spec-validator finds nothing', { skip: skipOf(python) }, async () => {
    const { code, text } = await outputOf(ofPython('openapi-spec-validator'), [file]);
    assert.equal(code, 0, text);
  });

  it('openapi-python-client makes a function of every operation', { skip: skipOf(python) }, async () => {
    const into = path.join(folder, 'generated');
    const args = ['generate', '--path', file, '--output-path', into, '--meta', 'none', '--fail-on-warning'];
    const { code, text } = await outputOf(ofPython('openapi-python-client'), args);
    assert.equal(code, 0, text);
    const modules = readdirSync(path.join(into, 'api'), { recursive: true, encoding: 'utf8' });
    assert.equal(modules.filter(name => /\.py$/.test(name) && !/__init__/.test(name)).length, operations);
    const [tag] = readdirSync(path.join(into, 'api')).filter(name =>
      existsSync(path.join(into, 'api', name, 'predict_tagger.py')),
    );
    assert.match(readFileSync(path.join(into, 'api', tag, 'predict_tagger.py'), 'utf8'), /PredictTaggerResponse200/);
  });

  it('schemathesis finds no answer that it does not allow', { skip: skipOf(python) }, async () => {
    const checks = ['-c', 'all', '--seed', '1', '-n', '15', '--no-color'];
    const args = ['--config-file', CONFIGURATION, 'run', `${server.origin}/openapi.json`, ...checks];
    const { code, text } = await outputOf(ofPython('schemathesis'), args, path.dirname(CONFIGURATION));
    const [summary] = /\d+ generated,.*/.exec(text) ?? [text];
    assert.equal(code, 0, text.slice(0, 20_000));
    console.log(`schemathesis: ${summary}`);
    assert.ok(Number(/(\d+) generated, \1 passed/.exec(summary)?.[1]) > 2000, text.slice(-2000));
  });
});
