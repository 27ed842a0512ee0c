// Shares of traffic: exact over many requests and spread among them, and what names a version that is not there is without effect.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { servingSchema } from '../../src/model/serving.ts';
import { Share, Traffic, wanted } from '../../src/service/traffic.ts';

const versions = ['1', '2', '3'].map(version => ({ version }));
const traffic = (serving: object, among = versions) => new Traffic(servingSchema.parse(serving), among);

describe('a share', () => {
  it('of 20,000 calls is what it says, to a few, in every stretch of them', () => {
    for (const share of [0, 0.001, 0.1, 1 / 3, 0.5, 0.99, 1]) {
      const taker = new Share(share);
      let taken = 0;
      for (let n = 1; n <= 20_000; n++) {
        if (taker.take()) taken++;
        assert.ok(Math.abs(taken - n * share) <= 6, `${taken} of ${n} at ${share}`);
      }
    }
  });

  it('is the same for every second caller', () => {
    const taker = new Share(0.1);
    const taken = [0, 0];
    for (let n = 0; n < 20_000; n++) if (taker.take()) taken[n % 2]++;
    assert.ok(Math.abs(taken[0] - taken[1]) < 20, `${taken}`);
  });
});

describe('traffic', () => {
  it('goes to the newest, and to the stable one where one is called so', () => {
    assert.equal(traffic({}).choose()?.version, '3');
    assert.equal(traffic({ labels: { stable: 2 } }).choose()?.version, '2');
    assert.equal(traffic({ labels: { stable: 9 } }).choose()?.version, '3');
  });

  it('a canary gets its share and no more, by number or label', () => {
    for (const version of [3, 'next']) {
      const some = traffic({ labels: { next: 3 }, canary: { version, share: 0.1 } });
      const counts = new Map<string, number>();
      for (let n = 0; n < 1000; n++) {
        const { version: chosen = '' } = some.choose() ?? {};
        counts.set(chosen, (counts.get(chosen) ?? 0) + 1);
      }
      assert.deepEqual(
        counts,
        new Map([
          ['2', 900],
          ['3', 100],
        ]),
      );
    }
  });

  it('a canary that is not loaded leaves all to the others', () => {
    const some = traffic({ canary: { version: 9, share: 1 } });
    assert.equal(some.choose()?.version, '3');
    assert.equal(traffic({ canary: { version: 9, share: 1 } }, []).choose(), undefined);
  });

  it('a shadow answers nobody, and does not shadow itself', () => {
    const some = traffic({ shadow: { version: 3 } });
    assert.equal(some.choose()?.version, '2');
    assert.equal(some.shadowOf(versions[1])?.version, '3');
    assert.equal(some.shadowOf(versions[2]), undefined);
    assert.equal(traffic({ shadow: { version: 3 } }, [versions[2]]).choose()?.version, '3', 'better than nobody');
  });
});

describe('a policy', () => {
  const told = (policy: Parameters<typeof wanted>[1]) => {
    const { candidates, most } = wanted(versions, policy);
    return [candidates.map(({ version }) => version), most];
  };
  it('names candidates, newest first, and how many of them', () => {
    assert.deepEqual(told('all'), [['3', '2', '1'], Number.POSITIVE_INFINITY]);
    assert.deepEqual(told({ latest: 2 }), [['3', '2', '1'], 2]);
    assert.deepEqual(told({ specific: [1, 3, 7] }), [['3', '1'], Number.POSITIVE_INFINITY]);
  });
});
