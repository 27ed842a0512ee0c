// What any store of streams promises: one table of cases, run over the one in memory and over Redis.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, describe, it } from 'node:test';
import { type ErrorCode, ServiceError } from '../../../src/core/errors.ts';
import type { Held, StreamBounds, StreamRecord, StreamStore } from '../../../src/state/store.ts';
import { until } from './until.ts';

/** Longer than any case takes, on a slow and busy machine either. */
export const HOLD_MS = 60_000;

export function recordOf(id: string, more: Partial<StreamRecord> = {}, now = Date.now()): StreamRecord {
  const fresh = { model: 'weather', version: '1', digest: 'ab'.repeat(32), length: 0, state: new Uint8Array(0) };
  return { id, ...fresh, createdMs: now, usedMs: now, ...more };
}

export async function refused(act: Promise<unknown>, code: ErrorCode): Promise<void> {
  await assert.rejects(act, (error: unknown) => {
    assert.ok(error instanceof ServiceError, String(error));
    assert.equal(error.code, code, error.message);
    return true;
  });
}

/** A new stream, held before it is idle for too long: made again where this machine made a pause of that length. */
export function holdFresh(store: StreamStore, id: string): Promise<Held> {
  return until('it is held before it is idle for too long', async () => {
    await store.create(recordOf(id), 1);
    return store.hold(id, HOLD_MS).catch(() => undefined);
  });
}

const plain = (record: StreamRecord | undefined) => record && { ...record, state: [...record.state] };

/** `open` gives an empty store of these bounds. */
export function storeCases(title: string, open: (bounds: StreamBounds) => Promise<StreamStore>): void {
  describe(title, () => {
    const stores: StreamStore[] = [];
    after(() => Promise.all(stores.map(store => store.close())));
    const fresh = async (bounds: Partial<StreamBounds> = {}) => {
      const store = await open({ idleMs: 60_000, streams: 100, bytes: 1e6, ...bounds });
      stores.push(store);
      return store;
    };

    it('gives back what was put in', async () => {
      const store = await fresh();
      const record = recordOf(randomUUID(), { length: 12, state: Uint8Array.from([0, 255, 10, 13, 128, 0]) });
      await store.create(record, 6);
      assert.deepEqual(plain(await store.read(record.id)), plain(record));
      assert.equal(await store.read(randomUUID()), undefined);
    });

    it('moves on with each commit, whatever the bytes', async () => {
      const store = await fresh();
      const id = randomUUID();
      await store.create(recordOf(id), 256);
      for (let step = 1; step <= 5; step++) {
        const held = await store.hold(id, HOLD_MS);
        assert.equal(held.record.length, step - 1);
        const state = Uint8Array.from({ length: 256 }, (_, i) => (i * step) & 255);
        await store.commit(held, state, step);
        const read = await store.read(id);
        assert.deepEqual([read?.length, [...(read?.state ?? [])]], [step, [...state]]);
        assert.ok(read && read.usedMs >= read.createdMs);
      }
    });

    it('lets one hold a stream at a time', async () => {
      const store = await fresh();
      const id = randomUUID();
      await refused(store.hold(id, HOLD_MS), 'STREAM_NOT_FOUND');
      await store.create(recordOf(id), 4);
      const attempts = await Promise.allSettled(Array.from({ length: 20 }, () => store.hold(id, HOLD_MS)));
      const won = attempts.flatMap(attempt => (attempt.status === 'fulfilled' ? [attempt.value] : []));
      assert.equal(won.length, 1);
      for (const attempt of attempts) {
        if (attempt.status === 'rejected') assert.equal(attempt.reason.code, 'STREAM_CONFLICT');
      }
      await refused(store.remove(id), 'STREAM_CONFLICT');
      await refused(store.create(recordOf(id), 4), 'STREAM_CONFLICT');
      await store.release(won[0]);
      await store.release(await store.hold(id, HOLD_MS));
    });

    it('stays as it was when let go', async () => {
      const store = await fresh();
      const id = randomUUID();
      const record = recordOf(id, { length: 3, state: Uint8Array.from([1, 2, 3, 4]) });
      await store.create(record, 4);
      await store.release(await store.hold(id, HOLD_MS));
      assert.deepEqual(plain(await store.read(id)), plain(record));
    });

    it('takes a commit of none but the holder, and of that one once', async () => {
      const store = await fresh();
      const id = randomUUID();
      await store.create(recordOf(id), 1);
      const first = await store.hold(id, HOLD_MS);
      await store.commit(first, Uint8Array.of(1), 1);
      await refused(store.commit(first, Uint8Array.of(2), 2), 'STREAM_CONFLICT');
      const second = await store.hold(id, HOLD_MS);
      await store.release(first); // a late one, which no longer means anything
      await refused(store.hold(id, HOLD_MS), 'STREAM_CONFLICT');
      await refused(store.commit(first, Uint8Array.of(3), 3), 'STREAM_CONFLICT');
      await store.release(second);
      await refused(store.commit(second, Uint8Array.of(4), 4), 'STREAM_CONFLICT');
      assert.deepEqual([...((await store.read(id))?.state ?? [])], [1]);
      assert.ok(await store.remove(id));
      await refused(store.commit(second, Uint8Array.of(5), 5), 'STREAM_CONFLICT');
      await store.release(second);
      assert.equal(await store.read(id), undefined);
    });

    it('says whether there was one to remove', async () => {
      const store = await fresh();
      const id = randomUUID();
      await store.create(recordOf(id), 0);
      assert.equal(await store.remove(id), true);
      assert.equal(await store.remove(id), false);
      await refused(store.hold(id, HOLD_MS), 'STREAM_NOT_FOUND');
    });

    it('replaces a stream of the same id, with nothing left of the old one', async () => {
      const store = await fresh({ streams: 1 });
      const id = randomUUID();
      await store.create(recordOf(id, { length: 9, state: Uint8Array.of(9) }), 1);
      const record = recordOf(id, { version: '2' });
      await store.create(record, 1);
      assert.deepEqual(plain(await store.read(id)), plain(record));
    });

    it('has a bound on streams, and room again when one ends', async () => {
      const store = await fresh({ streams: 3 });
      const ids = [1, 2, 3].map(() => randomUUID());
      for (const id of ids) await store.create(recordOf(id), 0);
      await refused(store.create(recordOf(randomUUID()), 0), 'TOO_MANY_STREAMS');
      await store.remove(ids[1]);
      await store.create(recordOf(randomUUID()), 0);
      await refused(store.create(recordOf(randomUUID()), 0), 'TOO_MANY_STREAMS');
    });

    it('lets go of streams that are idle for too long, and makes room of them', async () => {
      const idleMs = 300;
      const store = await fresh({ streams: 2, idleMs });
      const [idle, used] = [randomUUID(), randomUUID()];
      let length = 0;
      let usedMs = 0;
      const begin = async () => {
        for (const id of [idle, used]) await store.create(recordOf(id), 1);
        length = 0;
      };
      const use = async () => {
        await store.commit(await store.hold(used, HOLD_MS), Uint8Array.of(1), ++length);
        assert.equal((await store.read(used))?.length, length);
        return (await store.read(idle)) === undefined;
      };
      await begin();
      await until('the idle one goes', async () => {
        const lastMs = usedMs;
        usedMs = performance.now();
        try {
          return await use();
        } catch (error) {
          if (performance.now() - lastMs < idleMs) throw error;
          await begin(); // this machine itself made a pause of that length
          return false;
        }
      });
      await refused(store.hold(idle, HOLD_MS), 'STREAM_NOT_FOUND');
      await store.create(recordOf(randomUUID()), 0);
    });

    it('keeps a stream in flight beyond its idle timeout', async () => {
      const store = await fresh({ streams: 1, idleMs: 100 });
      const id = randomUUID();
      const held = await holdFresh(store, id);
      const since = performance.now();
      await until('three idle timeouts pass', () => performance.now() - since > 300);
      assert.equal((await store.read(id))?.length, 0);
      await store.commit(held, Uint8Array.of(8), 1); // which a store refuses that has let go of it
    });
  });
}
