// What is tried of features that may be missing: which graphs handle NaN, and why the others are refused.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readVersion } from '../../src/model/version.ts';
import { type Proof, prove } from '../../src/proof/prove.ts';
import { openSession } from '../../src/runtime/session.ts';
import { watcherOf } from '../../src/runtime/watched.ts';
import { HANDLED, UNHANDLED, writeGapModel } from '../support/models/gaps.ts';
import { refusalOf } from '../support/models/refusal.ts';
import { temporaryFolder } from '../support/models/served-copies.ts';

async function proofOf(model: Parameters<typeof writeGapModel>[1]): Promise<Proof> {
  const folder = writeGapModel(`${temporaryFolder()}/m/1`, model);
  const { graph, graphFile, given } = await readVersion(folder);
  const options = { graphFile, provider: 'cpu', intraOpThreads: 1 } as const;
  const session = await openSession(options);
  try {
    const limits = { batchSize: 16, paddedSteps: 1024 };
    return await prove({ folder, graph, given, limits }, session.run, watcherOf(options, graph));
  } finally {
    await session.release();
  }
}

for (const [name, model] of Object.entries(HANDLED)) {
  test(`handled: ${name}`, async () => {
    const { certificate } = await proofOf(model);
    assert.notEqual(certificate.mixing, 'alone', certificate.counterExample ?? '');
  });
}

for (const [name, { reason, ...model }] of Object.entries(UNHANDLED)) {
  test(`refused, since ${name}`, async () => {
    const refusal = await refusalOf(proofOf(model));
    assert.match(refusal, /^manifest\.json: features may not be missing: /);
    assert.match(refusal, reason);
    // The same graph is served where nothing may be missing.
    await proofOf({ ...model, missing: [] });
  });
}
