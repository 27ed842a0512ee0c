// Streams in a real Redis: the cases of every store, and what only a store apart from its callers can meet.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { RedisStreamStore } from '../../src/state/redis-store.ts';
import type { StreamStore } from '../../src/state/store.ts';
import { HOLD_MS, holdFresh, recordOf, refused, storeCases } from '../support/runner/store-cases.ts';
import { until } from '../support/runner/until.ts';
import { Redis, redisMissing } from '../support/server/redis.ts';
import { log } from '../support/server/service.ts';

const skip = redisMissing();
if (skip) console.log(`the Redis store is not tested: ${skip}`);
const BOUNDS = { idleMs: 60_000, streams: 100, bytes: 1e6 };

describe('streams in Redis', { skip, timeout: 120_000 }, () => {
  let redis: Redis;
  const stores: StreamStore[] = [];
  const open = async (url = redis.emptyUrl(), bounds = BOUNDS) => {
    const store: StreamStore = await RedisStreamStore.open(url, bounds, log);
    stores.push(store);
    return store;
  };
  before(async () => {
    redis = await Redis.start();
  });
  after(async () => {
    await Promise.all(stores.map(store => store.close()));
    await redis?.end();
  });

  storeCases('like any store', bounds => RedisStreamStore.open(redis.emptyUrl(), bounds, log));

  it('are the same through two clients, of which one holds', async () => {
    const url = redis.emptyUrl();
    const [here, there] = [await open(url), await open(url)];
    const id = randomUUID();
    await here.create(recordOf(id), 4);
    for (let round = 1; round <= 10; round++) {
      const attempts = await Promise.allSettled([here, there, here, there].map(store => store.hold(id, HOLD_MS)));
      const won = attempts.flatMap(attempt => (attempt.status === 'fulfilled' ? [attempt.value] : []));
      assert.equal(won.length, 1);
      await there.commit(won[0], Uint8Array.of(round), round);
      assert.deepEqual([...((await here.read(id))?.state ?? [])], [round]);
    }
    await refused(
      open(url, { ...BOUNDS, streams: 1 }).then(store => store.create(recordOf(randomUUID()), 0)),
      'TOO_MANY_STREAMS',
    );
  });

  it('take nothing from a holder who took too long, once another went on', async () => {
    const store = await open();
    const id = randomUUID();
    await store.create(recordOf(id), 4);
    const slow = await store.hold(id, 60);
    const other = await until('the hold ends', () => store.hold(id, HOLD_MS).catch(() => undefined));
    await refused(store.commit(slow, Uint8Array.of(1), 1), 'STREAM_CONFLICT');
    await store.release(slow);
    await refused(store.hold(id, HOLD_MS), 'STREAM_CONFLICT');
    await store.commit(other, Uint8Array.of(2), 1);
    assert.deepEqual([...((await store.read(id))?.state ?? [])], [2]);
  });

  it('are not held by a caller who was told that the store is away', async () => {
    const store = await open();
    const id = randomUUID();
    await store.create(recordOf(id), 4);
    redis.freeze();
    try {
      await refused(store.hold(id, 60_000), 'STREAMS_UNAVAILABLE');
    } finally {
      redis.thaw();
    }
    await until('the stream can be taken', () => store.hold(id, HOLD_MS).catch(() => undefined), 30_000);
  });

  it('leave nothing in Redis once they are over', async () => {
    const url = redis.emptyUrl();
    const store = await open(url, { ...BOUNDS, idleMs: 1000 });
    const sizeOf = async () => Number((await redis.command('DBSIZE', Number(url.split('/').at(-1)))).slice(1));
    await until('twenty are there at once', async () => {
      await Promise.all(Array.from({ length: 20 }, () => store.create(recordOf(randomUUID()), 0)));
      return (await sizeOf()) >= 20;
    });
    await until('the idle ones go', async () => (await sizeOf()) <= 1);
    const id = randomUUID();
    await store.commit(await holdFresh(store, id), Uint8Array.of(1), 1);
    await store.remove(id);
    await until('nothing is left', async () => (await sizeOf()) === 0);
  });
});
