// Graphs that couple the rows of a run in rare ways: none is certified wider than it is.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { it } from 'node:test';
import { readVersion } from '../../src/model/version.ts';
import { prove } from '../../src/proof/prove.ts';
import { openSession } from '../../src/runtime/session.ts';
import { watcherOf } from '../../src/runtime/watched.ts';
import { COUPLED, coupledFile } from '../support/models/coupled.ts';
import { temporaryFolder } from '../support/models/served-copies.ts';

const LIMITS = { batchSize: 64, paddedSteps: 16_384 };

for (const name of Object.keys(COUPLED)) {
  it(`runs alone: ${name}`, async () => {
    const folder = `${temporaryFolder()}/m/1`;
    mkdirSync(folder, { recursive: true });
    writeFileSync(`${folder}/model.onnx`, coupledFile(name));
    const { graph, graphFile } = await readVersion(folder);
    const options = { graphFile, provider: 'cpu', intraOpThreads: 1 } as const;
    const session = await openSession(options);
    const watch = watcherOf(options, graph);
    const { certificate } = await prove({ folder, graph, limits: LIMITS }, session.run, watch);
    await session.release();
    assert.deepEqual([certificate.mixing, certificate.rows], ['alone', 'alone'], certificate.counterExample ?? '');
    assert.match(certificate.counterExample ?? '', /moves by|works along the rows of a run|fails|no batch axis/);
  });
}
