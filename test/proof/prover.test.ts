// Graphs that do harm are tried in a process of their own: each is refused in one line, and what is proved beside them is.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { LoadError } from '../../src/core/errors.ts';
import { readVersion } from '../../src/model/version.ts';
import type { Finding } from '../../src/proof/finding.ts';
import { Prover, type ProverOptions } from '../../src/proof/prover.ts';
import { CRASHING, ENDLESS, HUNGRY } from '../support/models/rogue.ts';
import { temporaryFolder } from '../support/models/served-copies.ts';
import { until } from '../support/runner/until.ts';
import { FIXTURES } from '../support/server/service.ts';

const MIB = 1024 * 1024;
const OPTIONS: ProverOptions = { processes: 2, timeoutMs: 3_600_000, memoryBytes: 1e12 };
const SOUND = path.join(FIXTURES, 'ids/1');

function folderOf(graph: Uint8Array): string {
  const folder = path.join(temporaryFolder(), '1');
  mkdirSync(folder);
  writeFileSync(path.join(folder, 'model.onnx'), graph);
  return folder;
}

async function prove(prover: Prover, folder: string): Promise<Finding> {
  const { graph, given, graphFile } = await readVersion(folder);
  const session = { graphFile, provider: 'cpu', intraOpThreads: 1 } as const;
  return prover.prove({
    folder,
    graph,
    given,
    limits: { batchSize: 8, paddedSteps: 64 },
    session,
    workers: 1,
    runBytes: 1e9,
  });
}

/** The one line with which it is refused. */
async function refusal(prover: Prover, folder: string): Promise<string> {
  const error = await prove(prover, folder).then(
    () => assert.fail('it was proved'),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof LoadError, `${error}`);
  assert.doesNotMatch(error.message, /\n/);
  return error.message;
}

test('one that never ends is given up, and the same prover goes on to prove others', async () => {
  const hasty = new Prover({ ...OPTIONS, timeoutMs: 500 });
  assert.equal(await refusal(hasty, folderOf(ENDLESS)), 'not proved within 500 ms (POLYHEAD_LOAD_TIMEOUT_MS)');
  hasty.close();
});

test('one that never ends keeps nobody waiting, even where one at a time is proved', async () => {
  const prover = new Prover({ ...OPTIONS, processes: 1 });
  const endless = refusal(prover, folderOf(ENDLESS));
  assert.equal((await prove(prover, SOUND)).certificate.complete, true);
  prover.close();
  assert.match(await endless, /makes the process that tries it end \(signal SIGKILL\)/);
  await assert.rejects(prove(prover, SOUND), /^LoadError: not proved: the server ends$/);
});

test('one that ends its process is told as that', {
  skip: process.arch !== 'x64' && 'others give a number',
}, async () => {
  const prover = new Prover(OPTIONS);
  const [reason, sound] = await Promise.all([refusal(prover, folderOf(CRASHING)), prove(prover, SOUND)]);
  prover.close();
  assert.match(reason, /^the graph makes the process that tries it end \(signal SIG[A-Z]+\)$/);
  assert.equal(sound.certificate.complete, true);
});

test('one that wants ever more memory is stopped at the bound', {
  skip: process.platform !== 'linux' && 'not told',
}, async () => {
  const prover = new Prover({ ...OPTIONS, memoryBytes: 400 * MIB });
  assert.equal(await refusal(prover, folderOf(HUNGRY)), 'needs more than 400 MiB (POLYHEAD_LOAD_MEMORY_BYTES)');
  assert.equal((await prove(prover, SOUND)).certificate.complete, true);
  prover.close();
});

test('a process that waited for the next model and is gone is passed over', {
  skip: process.platform !== 'linux' && 'not told',
}, async () => {
  const prover = new Prover(OPTIONS);
  await prove(prover, SOUND);
  const children = () =>
    readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  for (const child of children()) process.kill(child, 'SIGKILL');
  await until('it is gone', () => children().length === 0);
  assert.equal((await prove(prover, SOUND)).certificate.complete, true);
  prover.close();
});

test('where no process can be started, one model is refused and the server goes on', {
  skip: process.platform === 'win32' && 'there is no ulimit',
}, () => {
  const script = `
    import { closeSync, openSync } from 'node:fs';
    import { setTimeout } from 'node:timers/promises';
    import { Prover } from '${new URL('../../src/proof/prover.js', import.meta.url)}';
    const prover = new Prover({ processes: 1, timeoutMs: 60_000, memoryBytes: 1e12 });
    const files = [];
    try { for (;;) files.push(openSync('/dev/null')); } catch {}
    for (let i = 0; i < 2; i++) await prover.prove({}).catch(error => process._rawDebug(error.name, error.message));
    await setTimeout(100);
    files.forEach(closeSync); // a measurement of coverage wants to write its own
    process.exit(0);`;
  const limited = ['-c', 'ulimit -n 64 && exec "$0" --input-type=module -e "$1"', process.execPath, script];
  const { status, stderr } = spawnSync('sh', limited, { encoding: 'utf8' });
  assert.deepEqual([status, stderr], [0, 'LoadError not proved: no process could be started\n'.repeat(2)]);
});

test('signals that come to every process of the server do not end a proof', {
  skip: process.platform !== 'linux' && 'no list of children',
}, async () => {
  const prover = new Prover({ ...OPTIONS, processes: 1 });
  const children = () => new Set(readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').trim().split(' '));
  const others = children();
  await prove(prover, SOUND);
  const [child] = [...children()].filter(pid => !others.has(pid));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT']) process.kill(Number(child), signal);
  assert.equal((await prove(prover, SOUND)).certificate.complete, true);
  assert.ok(children().has(child), 'it is the same process');
  prover.close();
});
