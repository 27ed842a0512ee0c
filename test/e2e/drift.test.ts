// Drift end to end: polyhead reference writes what is usual, the same traffic shows none, other traffic shows it.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { clientOf } from '../support/client/client.ts';
import { answerOf, faultOf } from '../support/client/command.ts';
import { repositoryOf } from '../support/models/served-copies.ts';
import { startApp } from '../support/server/service.ts';

const MODEL = 'test/fixtures/models/lstm';
const PATH = '/v1/models/lstm';

/** Park and Miller's numbers in (0, 1). */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
}

/** Sequences of three features, each in a range around `centre`. */
function sequencesOf(count: number, seed: number, centre: number): number[][][] {
  const random = numbers(seed);
  return Array.from({ length: count }, () =>
    Array.from({ length: 2 + Math.floor(random() * 6) }, () => [0, 1, 2].map(() => centre + 2 * random() - 1)),
  );
}

describe('drift', () => {
  it('is told by callers and metrics, against what polyhead reference wrote', async t => {
    const repository = repositoryOf(MODEL);
    const file = `${repository}/usual.jsonl`;
    const usual = sequencesOf(400, 7, 0);
    writeFileSync(file, usual.map(sequence => JSON.stringify(sequence)).join('\n'));
    assert.match(await answerOf(['reference', repository, 'lstm', file, '--version', '2']), /lstm\/2: 400 sequences/);
    const reference = JSON.parse(readFileSync(`${repository}/lstm/2/reference.json`, 'utf8'));
    const flat = usual.flat().map(step => step[0]);
    assert.deepEqual(reference.features[0], {
      input: 'signal',
      feature: 'u',
      minimum: Math.fround(Math.min(...flat)),
      maximum: Math.fround(Math.max(...flat)),
      missing: 0,
    });

    const app = await startApp({ POLYHEAD_MODEL_REPOSITORY: repository, POLYHEAD_WORKERS: '1' });
    t.after(app.close);
    const call = await clientOf(app);
    const ask = async (sequences: unknown) => {
      const reply = await call(`${PATH}/predict`, { body: { sequences } });
      assert.equal(reply.status, 200, reply.text);
    };
    const report = async () => JSON.parse((await call(`${PATH}/drift`)).text);
    const quiet = await report();
    assert.ok(quiet.heads.every((head: { stabilityIndex: unknown }) => head.stabilityIndex === null));

    await ask(usual);
    const same = await report();
    assert.ok(same.heads.length >= 2);
    for (const { head, stabilityIndex, answers } of same.heads) {
      assert.ok(Math.abs(stabilityIndex) < 1e-9, `${head}: ${stabilityIndex}`);
      assert.ok(answers >= 400);
    }
    for (const { outside, values } of same.features) assert.deepEqual([outside, values], [0, flat.length]);

    await ask(sequencesOf(400, 11, 3));
    const other = await report();
    for (const { feature, outside } of other.features) assert.ok(outside > 0.3, `${feature}: ${outside}`);
    assert.ok(
      other.heads.some((head: { stabilityIndex: number }) => head.stabilityIndex > 0.1),
      JSON.stringify(other.heads),
    );
    // The formula itself, from the shares that are told.
    for (const { shares, usualShares, stabilityIndex } of other.heads) {
      const sum = shares.reduce((total: number, q: number, i: number) => {
        const [a, b] = [usualShares[i] || 1e-4, q || 1e-4];
        return total + (b - a) * Math.log(b / a);
      }, 0);
      assert.ok(Math.abs(sum - stabilityIndex) < 1e-9);
    }
    const metrics = (await call('/metrics')).text;
    assert.match(metrics, /polyhead_drift_stability_index\{model="lstm",version="2",head="\w+"\} /);
    assert.match(metrics, /polyhead_drift_outside_share\{model="lstm",version="2",feature="signal\.u"\} 0\.[3-9]/);
    const none = JSON.parse((await call(`${PATH}/versions/1/drift`)).text);
    assert.deepEqual(none, { name: 'lstm', version: '1', windowS: 0, features: [], heads: [] });
  });

  it('is not told against another graph, or from what is no file of sequences', async () => {
    const repository = repositoryOf(MODEL);
    writeFileSync(`${repository}/bad.jsonl`, '[[1, 2, 3]]\n[[1, 2]]\n');
    assert.match(await faultOf(['reference', repository, 'lstm', `${repository}/bad.jsonl`]), /line 2: .*expected 3/);
    writeFileSync(`${repository}/none.jsonl`, '\n');
    assert.match(await faultOf(['reference', repository, 'lstm', `${repository}/none.jsonl`]), /holds no sequence/);
    writeFileSync(
      `${repository}/lstm/2/reference.json`,
      JSON.stringify({ formatVersion: 1, sha256: '0'.repeat(64), sequences: 1, features: [], heads: [] }),
    );
    const asked = ['predict', repository, 'lstm', `${repository}/lstm/2/example.json`];
    assert.match(await faultOf(asked), /reference\.json is another graph's/);
  });
});
