// docs/clients.md is true: every program of it is run as it stands and says what the server says. Where a language is not
// installed, its test says so and counts as skipped.
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { clientPython } from '../support/client/tools.ts';
import { temporaryFolder, WEATHER } from '../support/models/served-copies.ts';
import { type ServerProcess, startProcess } from '../support/server/process.ts';
import { ROOT } from '../support/server/service.ts';

const run = promisify(execFile);
const TSC = `${ROOT}node_modules/typescript/bin/tsc`;
const blocks = [...readFileSync(`${ROOT}docs/clients.md`, 'utf8').matchAll(/^```(\w+)\n(.*?)^```/gms)].map(
  ([, language, code]) => ({ language, code }),
);
const folder = temporaryFolder();
const python = await clientPython(folder);

/** Why a language is not tested; false if it is. */
function missing(command: string, ...args: string[]): string | false {
  try {
    execFileSync(command, args, { stdio: 'ignore' });
    return false;
  } catch {
    return `${command} is not installed`;
  }
}
const SKIPS: Record<string, string | false> = {
  bash: missing('curl', '--version'),
  ts: false,
  python: 'made' in python ? false : python.reason,
  go: missing('go', 'version'),
  java: missing('java', '--version'),
};
for (const [language, reason] of Object.entries(SKIPS)) if (reason) console.log(`${language} is not tested: ${reason}`);

describe('docs/clients.md', { timeout: 300_000 }, () => {
  let server: ServerProcess;
  let expected: { rain: { label: string }; temp_max: { value: number } };
  before(async () => {
    server = await startProcess({ env: { POLYHEAD_MODEL_REPOSITORY: WEATHER } });
    const days = [[0.0, 12.8, 5.0, 4.7, 'sun', 1, 'Seattle'], [10.9, 10.6, 2.8, 4.5, 'rain', 2, 'Seattle']]; // biome-ignore format: two days
    const body = JSON.stringify({ sequences: [days] });
    const headers = { 'content-type': 'application/json' };
    const reply = await fetch(`${server.origin}/v1/models/weather/predict`, { method: 'POST', body, headers });
    expected = ((await reply.json()) as { predictions: { heads: typeof expected }[] }).predictions[0].heads;
  });
  after(() => server?.stop());

  const file = (name: string, code: string) => {
    const full = path.join(folder, name);
    writeFileSync(full, code);
    return full;
  };
  const runners: Record<string, (code: string) => Promise<{ stdout: string }>> = {
    bash: code => run('bash', ['-c', code.replace(/^curl/, 'curl --fail')]),
    ts: async code => {
      await run(process.execPath, [TSC, '-p', `${ROOT}client`]);
      mkdirSync(path.join(folder, 'node_modules/@polyhead'), { recursive: true });
      symlinkSync(`${ROOT}client`, path.join(folder, 'node_modules/@polyhead/client'));
      const types = await run(process.execPath, [`${ROOT}client/dist/command.js`, 'types', server.origin]);
      file('polyhead.d.ts', types.stdout);
      file('package.json', '{"type": "module"}');
      const options = {
        module: 'nodenext',
        target: 'es2022',
        strict: true,
        types: ['node'],
        typeRoots: [`${ROOT}node_modules/@types`],
      };
      file('tsconfig.json', JSON.stringify({ compilerOptions: options, files: ['weather.ts'] }));
      file('weather.ts', code);
      await run(process.execPath, [TSC, '-p', folder]);
      return run(process.execPath, [path.join(folder, 'weather.js')]);
    },
    python: code => run('made' in python ? python.made : 'python3', [file('weather.py', code)]),
    go: code =>
      run('go', ['run', file('main.go', code)], { env: { ...process.env, GOCACHE: path.join(folder, 'go') } }),
    java: code => run('java', [file('Weather.java', code)]),
  };

  it('has the same call in every language', () => {
    const languages = blocks.filter(({ code }) => !code.startsWith('npx')).map(({ language }) => language);
    assert.deepEqual(languages, ['bash', 'ts', 'python', 'python', 'python', 'go', 'java']);
  });

  for (const { language, code } of blocks.filter(block => !block.code.startsWith('npx'))) {
    it(`${language}: ${code.split('\n').find(line => /^import|curl/.test(line))}`, {
      skip: SKIPS[language],
    }, async () => {
      const { host } = new URL(server.origin);
      assert.ok(code.includes('localhost:8080'));
      const { stdout } = await runners[language](code.replaceAll('localhost:8080', host));
      assert.ok(stdout.includes(expected.rain.label), stdout);
      const numbers = [...stdout.matchAll(/-?\d+\.\d+/g)].map(Number);
      assert.ok(
        numbers.some(value => Math.abs(value - expected.temp_max.value) < 1e-4),
        `${stdout} lacks ${expected.temp_max.value}`,
      );
    });
  }
});
