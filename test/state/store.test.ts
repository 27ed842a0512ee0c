// The store of streams in memory: the common cases, and its bounds and idle timeout on a clock of the test's own.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MemoryStreamStore, type StreamStore } from '../../src/state/store.ts';
import { HOLD_MS, recordOf, refused, storeCases } from '../support/runner/store-cases.ts';
import { bytesUsed } from '../support/server/memory.ts';

storeCases('streams in memory', async bounds => new MemoryStreamStore(bounds));

/** What is set aside for a stream beside its state. */
const OVERHEAD = 512;

function storeAt(bounds: { idleMs?: number; streams?: number; bytes?: number }) {
  const clock = { now: 1_000_000 };
  const store: StreamStore = new MemoryStreamStore(
    { idleMs: 1000, streams: 100, bytes: 1e9, ...bounds },
    () => clock.now,
  );
  const create = (id: string, bytes = 0) => store.create(recordOf(id, {}, clock.now), bytes);
  return { store, clock, create };
}

describe('the bounds of streams in memory', () => {
  it('counts bytes when a stream is opened, so that a step never finds no room', async () => {
    const { store, create } = storeAt({ bytes: 3 * (OVERHEAD + 100) });
    for (const id of ['a', 'b', 'c']) await create(id, 100);
    assert.deepEqual(store.usage(), { streams: 3, bytes: 3 * (OVERHEAD + 100) });
    await refused(create('d'), 'TOO_MANY_STREAMS');
    await store.commit(await store.hold('a', HOLD_MS), new Uint8Array(100), 1);
    assert.equal(store.usage().bytes, 3 * (OVERHEAD + 100));
    await create('b', 100); // in place of the old one
    await refused(create('b', 101), 'TOO_MANY_STREAMS');
    assert.ok(await store.read('b'), 'a refused replacement ended the old stream');
    await store.remove('c');
    assert.equal(store.usage().bytes, 2 * (OVERHEAD + 100));
    await create('d', 100);
  });

  it('forgets exactly at the idle timeout, counted from the last step', async () => {
    const { store, clock, create } = storeAt({ idleMs: 1000 });
    await create('a');
    await create('b');
    clock.now += 999;
    await store.commit(await store.hold('a', HOLD_MS), Uint8Array.of(1), 1);
    clock.now += 1;
    assert.equal(await store.read('b'), undefined);
    assert.equal((await store.read('a'))?.usedMs, 1_000_999);
    clock.now += 998;
    assert.ok(await store.read('a'));
    clock.now += 1;
    assert.equal(await store.read('a'), undefined);
    assert.deepEqual(store.usage(), { streams: 0, bytes: 0 });
  });

  it('looks at a stream without using it', async () => {
    const { store, clock, create } = storeAt({ idleMs: 1000 });
    await create('a');
    clock.now += 900;
    await store.read('a');
    clock.now += 100;
    assert.equal(await store.read('a'), undefined);
  });

  it('never lets go of one in flight, and finds the idle ones behind it', async () => {
    const { store, clock, create } = storeAt({ idleMs: 1000, streams: 3 });
    for (const id of ['flying', 'b', 'c']) await create(id);
    const held = await store.hold('flying', HOLD_MS);
    clock.now += 5000;
    assert.equal(store.usage().streams, 1);
    await refused(store.hold('flying', HOLD_MS), 'STREAM_CONFLICT');
    await store.commit(held, Uint8Array.of(1), 1);
    assert.equal((await store.read('flying'))?.length, 1);
    const again = await store.hold('flying', HOLD_MS);
    clock.now += 5000;
    await store.release(again); // it failed, and was idle meanwhile
    assert.equal(await store.read('flying'), undefined);
  });

  it('drops the idle before it refuses', async () => {
    const { store, clock, create } = storeAt({ idleMs: 1000, streams: 2 });
    await create('a');
    clock.now += 600;
    await create('b');
    await refused(create('c'), 'TOO_MANY_STREAMS');
    clock.now += 400;
    await create('c');
    assert.deepEqual([await store.read('a'), (await store.read('b'))?.id], [undefined, 'b']);
  });

  it('takes of memory what it counts, also when most streams have ended', async () => {
    const { store, create } = storeAt({ streams: 20_000 });
    const idOf = (i: number) => `${i}`.padStart(36, '0');
    const step = async (i: number) => {
      await create(idOf(i), 256);
      const state = Buffer.concat([Buffer.alloc(256, i)]); // as a step gives it: a slice of Node's pool
      await store.commit(await store.hold(idOf(i), HOLD_MS), state, 1);
    };
    const before = await bytesUsed();
    for (let i = 0; i < 10_000; i++) await step(i);
    const full = (await bytesUsed()) - before;
    assert.ok(full < 1.1 * store.usage().bytes, `${full / 10_000} bytes for a stream, ${256 + OVERHEAD} counted`);
    for (let i = 0; i < 10_000; i++) if (i % 10) await store.remove(idOf(i));
    const left = (await bytesUsed()) - before;
    assert.ok(left < 2 * store.usage().bytes, `${left / 1000} bytes for each that is left`);
  });

  it('keeps count through thousands of random deeds', async () => {
    const { store, clock, create } = storeAt({ idleMs: 500, streams: 20, bytes: 20 * (OVERHEAD + 30) });
    let seed = 1;
    const random = (below: number) => {
      seed = (seed * 48271) % 2147483647;
      return seed % below;
    };
    const held = new Map<string, Awaited<ReturnType<typeof store.hold>>>();
    for (let i = 0; i < 5000; i++) {
      const id = `s${random(40)}`;
      const deed = random(5);
      const flying = held.get(id);
      if (deed === 0) await create(id, random(60)).catch(() => {});
      else if (deed === 1 && !flying) {
        await store.hold(id, HOLD_MS).then(
          hold => held.set(id, hold),
          () => {},
        );
      } else if (deed === 2 && flying) {
        await store.commit(flying, new Uint8Array(8), 1);
        held.delete(id);
      } else if (deed === 3 && flying) {
        await store.release(flying);
        held.delete(id);
      } else if (deed === 4) await store.remove(id).catch(() => {});
      clock.now += random(30);
      const { streams, bytes } = store.usage();
      assert.ok(streams <= 20 && bytes <= 20 * (OVERHEAD + 30) && bytes >= streams * OVERHEAD);
      assert.ok(streams >= held.size);
      for (const flown of held.keys()) assert.ok(await store.read(flown), `${flown} was evicted in flight`);
    }
    for (const [id, hold] of held) {
      await store.release(hold);
      await store.remove(id);
    }
    clock.now += 1000;
    assert.deepEqual(store.usage(), { streams: 0, bytes: 0 });
  });
});
