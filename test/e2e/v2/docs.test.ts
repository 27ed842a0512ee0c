// docs/protocol.md is true: its curl commands work as printed, and its table names what is served.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { WEATHER } from '../../support/models/served-copies.ts';
import { type ServerProcess, startProcess } from '../../support/server/process.ts';
import { ROOT } from '../../support/server/service.ts';

const run = promisify(execFile);
const text = readFileSync(`${ROOT}docs/protocol.md`, 'utf8');
const commands = [...text.matchAll(/^```bash\n(.*?)^```/gms)].map(([, block]) => block);

describe('docs/protocol.md', () => {
  let server: ServerProcess;
  before(async () => {
    server = await startProcess({ env: { POLYHEAD_MODEL_REPOSITORY: WEATHER } });
  });
  after(() => server?.stop());

  for (const command of commands) {
    it(command.split('\n')[0], async () => {
      const { host } = new URL(server.origin);
      const local = command.replaceAll('localhost:8080', host).replace(/^curl/, 'curl --fail');
      assert.ok(local.includes(host));
      const { stdout } = await run('bash', ['-c', local], { timeout: 600_000 });
      const reply = JSON.parse(stdout);
      assert.ok(!('error' in reply));
      if (command.includes('/infer')) {
        const names = reply.outputs.map((output: { name: string }) => output.name);
        assert.deepEqual(names, ['rain', 'temp_max']);
      }
    });
  }

  it('names the versions that are tested', () => {
    const pinned = ['requirements.txt', 'requirements-perf.txt'].flatMap(file =>
      [...readFileSync(`${ROOT}test/clients/${file}`, 'utf8').matchAll(/^\S+==(\S+)$/gm)].map(([, version]) => version),
    );
    assert.equal(pinned.length, 3);
    for (const version of pinned) assert.ok(text.includes(version), version);
  });
});
