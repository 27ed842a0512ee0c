// The README's commands work as printed: every curl command of its bash blocks is run against the real server.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { WEATHER } from '../support/models/served-copies.ts';
import { type ServerProcess, startProcess } from '../support/server/process.ts';
import { ROOT } from '../support/server/service.ts';

const run = promisify(execFile);
const readme = readFileSync(`${ROOT}README.md`, 'utf8');

/** The commands of the bash blocks, with continued lines joined. */
function commandsOf(markdown: string): string[] {
  const blocks = [...markdown.matchAll(/^```(?:bash|sh|shell)\n(.*?)^```/gms)].map(([, block]) => block);
  return blocks.flatMap(block => block.replaceAll('\\\n', ' ').split('\n')).filter(line => line.trim() !== '');
}

describe('README.md', () => {
  const commands = commandsOf(readme);
  const curls = commands.filter(command => /^curl\s/.test(command));
  let server: ServerProcess;
  before(async () => {
    server = await startProcess({ env: { POLYHEAD_MODEL_REPOSITORY: WEATHER } });
  });
  after(() => server?.stop());

  it('has curl commands, and npm scripts that exist', () => {
    assert.ok(curls.length > 0);
    const { scripts } = JSON.parse(readFileSync(`${ROOT}package.json`, 'utf8'));
    const named = [...readme.matchAll(/npm (?:run )?(?:-s )?([a-z:]+)/g)].map(([, name]) => name);
    for (const name of named) assert.ok(name === 'ci' || name in scripts, `npm ${name}`);
    assert.ok(named.includes('start') && named.includes('test'));
  });

  for (const command of curls) {
    it(command, async () => {
      const { host } = new URL(server.origin);
      const local = command.replace(/localhost:8080|127\.0\.0\.1:8080/g, host).replace(/^curl/, 'curl --fail');
      assert.ok(local.includes(host), 'it asks some other server');
      const { stdout } = await run('bash', ['-c', local], { cwd: ROOT, timeout: 600_000 });
      assert.ok(stdout.length > 0);
    });
  }

  it('links to files that exist', () => {
    for (const [, target] of readme.matchAll(/\]\(([^)#]+)\)/g)) {
      if (!/^https?:/.test(target)) assert.ok(existsSync(`${ROOT}${target}`), target);
    }
  });
});
