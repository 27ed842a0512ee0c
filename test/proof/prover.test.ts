// Graphs that do harm are tried in a process of their own: each is refused in one line, and what is proved beside them is.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { LoadError } from '../../src/core/errors.ts';
import { readVersion } from '../../src/model/version.ts';
import type { Finding } from '../../src/proof/finding.ts';
import { Prover, type ProverOptions } from '../../src/proof/prover.ts';
import { CRASHING, ENDLESS, HUNGRY } from '../support/models/rogue.ts';
import { temporaryFolder } from '../support/models/served-copies.ts';
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
