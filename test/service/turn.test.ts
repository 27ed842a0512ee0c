// Waiting for one's turn ends with the caller's patience, holds its room no longer, and never acts late.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Turns } from '../../src/core/turns.ts';
import type { Caller } from '../../src/service/caller.ts';
import { inTurn } from '../../src/service/turn.ts';

/** A caller who can leave. */
function callerOf(timeoutMs: number): { caller: Caller; leave: () => void } {
  const acts: (() => void)[] = [];
  let gone = false;
  return {
    caller: { timeoutMs, gone: () => gone, onGone: act => acts.push(act) },
    leave: () => {
      gone = true;
      for (const act of acts) act();
    },
  };
}

function holdTurn(turns: Turns, key: string): () => void {
  let end = () => {};
  turns.run(key, () => new Promise<void>(resolve => (end = resolve))).catch(assert.fail);
  return () => end();
}

describe('a turn', () => {
  it('comes in the order of arrival, with the time that is left', async () => {
    const turns = new Turns();
    const order: number[] = [];
    const act = (n: number) => async (left: Caller) => {
      assert.ok(left.timeoutMs > 0 && left.timeoutMs <= 60_000);
      order.push(n);
      return n;
    };
    const { caller } = callerOf(60_000);
    assert.deepEqual(await Promise.all([1, 2, 3].map(n => inTurn(turns, 'a', caller, () => {}, act(n)))), [1, 2, 3]);
    assert.deepEqual(order, [1, 2, 3]);
  });

  for (const [how, code] of [
    ['time is up', 'DEADLINE_EXCEEDED'],
    ['caller has left', 'CALLER_GONE'],
  ] as const) {
    it(`is given up at once when the ${how}, before the one ahead has ended`, async () => {
      const turns = new Turns();
      const end = holdTurn(turns, 'a');
      const { caller, leave } = callerOf(code === 'CALLER_GONE' ? 3_600_000 : 1);
      let waited = 0;
      const acted = inTurn(
        turns,
        'a',
        caller,
        () => waited++,
        async () => assert.fail('it acted all the same'),
      );
      if (code === 'CALLER_GONE') leave();
      await assert.rejects(acted, { code });
      assert.equal(waited, 1);
      end();
      await turns.idle();
      assert.equal(waited, 1);
    });
  }

  it('passes on what goes wrong, and the next one has its turn', async () => {
    const turns = new Turns();
    const { caller } = callerOf(60_000);
    const failing = inTurn(
      turns,
      'a',
      caller,
      () => {},
      async () => {
        throw new Error('no');
      },
    );
    const next = inTurn(
      turns,
      'a',
      caller,
      () => {},
      async () => 7,
    );
    await assert.rejects(failing, /no/);
    assert.equal(await next, 7);
  });
});
