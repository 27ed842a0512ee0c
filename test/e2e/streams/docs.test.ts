// docs/state.md works as printed: its commands are run in one shell against the real server, and its sizes are true.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { SETTINGS } from '../../../src/settings.ts';
import { stateBytes } from '../../../src/state/bytes.ts';
import { TokenSealer } from '../../../src/state/token.ts';
import { openFixture } from '../../support/models/models.ts';
import { WEATHER } from '../../support/models/served-copies.ts';
import { type ServerProcess, startProcess } from '../../support/server/process.ts';
import { ROOT } from '../../support/server/service.ts';

const run = promisify(execFile);
const text = readFileSync(`${ROOT}docs/state.md`, 'utf8');
const blocks = [...text.matchAll(/^```bash\n(.*?)^```/gms)].map(([, block]) => block);

describe('docs/state.md', () => {
  let server: ServerProcess;
  before(async () => {
    server = await startProcess({ env: { POLYHEAD_MODEL_REPOSITORY: WEATHER } });
  });
  after(() => server?.stop());

  /** What each curl command of a block prints, a line for each. */
  async function outputs(block: string): Promise<string[]> {
    const local = block.replaceAll('localhost:8080', new URL(server.origin).host).replaceAll('curl ', 'curl --fail ');
    const script = `set -euo pipefail\n${local.replace(/^(curl.*)$/gm, '$1; echo')}`;
    const { stdout } = await run('bash', ['-c', script], { timeout: 600_000 });
    return stdout.trimEnd().split('\n');
  }

  it('steps a stream', async () => {
    const [first, second, info] = (await outputs(blocks[0])).filter(Boolean).map(line => JSON.parse(line));
    assert.deepEqual([first.length, second.length, info.length], [4, 5, 5]);
    assert.deepEqual(Object.keys(second.prediction.heads), ['rain', 'temp_max']);
    const days = [...blocks[0].matchAll(/"sequence": (\[\[.*?\]\])/g)].flatMap(([, json]) => JSON.parse(json));
    const body = JSON.stringify({ sequences: [days], heads: ['rain', 'temp_max'] });
    const headers = { 'content-type': 'application/json' };
    const whole = await fetch(`${server.origin}/v1/models/weather/predict`, { method: 'POST', headers, body });
    const { predictions } = (await whole.json()) as { predictions: { heads: unknown }[] };
    assert.deepEqual(second.prediction.heads, predictions[0].heads);
    const gone = await fetch(`${server.origin}/v1/models/weather/streams/${info.stream}`);
    assert.equal(gone.status, 404);
  });

  it('continues from a token', async () => {
    const [reply] = (await outputs(blocks[1])).map(line => JSON.parse(line));
    assert.deepEqual(
      reply.predictions.map(({ length }: { length: number }) => length),
      [1, 1],
    );
  });

  it('tells sizes and settings that are so', async () => {
    assert.equal(TokenSealer.size(0), Math.ceil((59 * 4) / 3));
    for (const [, name, state, token] of text.matchAll(/^\| (\w+) \| (\d+) bytes \| (\d+) characters/gm)) {
      const { signature } = await openFixture(`models/${name}/1`);
      assert.deepEqual(
        [stateBytes(signature), TokenSealer.size(stateBytes(signature))],
        [Number(state), Number(token)],
      );
    }
    const known = Object.values(SETTINGS).map(({ env }) => env as string);
    for (const [name] of text.matchAll(/POLYHEAD_[A-Z_]+/g))
      assert.ok(known.includes(name.replace(/_FILE$/, '')), name);
    assert.equal(SETTINGS.stateTokenTtlS.fallback, '86400');
  });
});
