// One memory for several processes: the cases of every store over calls, and holds of a process that died.
import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { type Channel, type Handlers, Peer } from '../../src/core/peer.ts';
import { RemoteStreamStore, SharedStreams } from '../../src/state/shared-store.ts';
import { MemoryStreamStore } from '../../src/state/store.ts';
import { HOLD_MS, recordOf, refused, storeCases } from '../support/runner/store-cases.ts';

const BOUNDS = { idleMs: 60_000, streams: 100, bytes: 1e6 };

/** Two ends of a channel that copies what it carries, a turn later, as one between processes does. */
function channels(): [Channel, Channel] {
  const ends = [new EventEmitter(), new EventEmitter()];
  return ends.map((end, i) => ({
    on: (event: 'message', listener: (message: unknown) => void) => end.on(event, listener),
    send: (message: unknown, sent: (error: null) => void) => {
      const copy = structuredClone(message);
      setImmediate(() => ends[1 - i].emit('message', copy));
      sent(null);
    },
  })) as unknown as [Channel, Channel];
}

function connect(handlers: Handlers): Peer {
  const [near, far] = channels();
  new Peer(far, handlers);
  return new Peer(near, {});
}

function remoteOf(shared: SharedStreams, process: number): { store: RemoteStreamStore; peer: Peer } {
  const peer = connect(shared.handlersFor(process));
  return { store: new RemoteStreamStore((...args) => peer.call(...args)), peer };
}

storeCases('streams kept by another process', async bounds => {
  const keeper = new MemoryStreamStore(bounds);
  const { store } = remoteOf(new SharedStreams(keeper), 0);
  return Object.assign(store, { usage: () => keeper.usage(), close: () => keeper.close() });
});

test('a process that dies lets go of what it held, and of nothing else', async () => {
  const shared = new SharedStreams(new MemoryStreamStore(BOUNDS));
  const [dying, living] = [remoteOf(shared, 0).store, remoteOf(shared, 1).store];
  for (const id of ['a', 'b']) await dying.create(recordOf(id), 8);
  await dying.hold('a', HOLD_MS);
  const held = await living.hold('b', HOLD_MS);
  await refused(living.hold('a', HOLD_MS), 'STREAM_CONFLICT');
  await shared.forget(0);
  const taken = await living.hold('a', HOLD_MS);
  assert.equal(taken.record.length, 0);
  await living.commit(held, Uint8Array.of(1), 3);
  assert.equal((await living.read('b'))?.length, 3);
});

test('what a process waited for when it died is not held for it', async () => {
  const shared = new SharedStreams(new MemoryStreamStore(BOUNDS));
  const [dying, living] = [remoteOf(shared, 0).store, remoteOf(shared, 1).store];
  await dying.create(recordOf('a'), 8);
  const held = await living.hold('a', HOLD_MS);
  const waiting = dying.hold('a', HOLD_MS, HOLD_MS);
  await new Promise(setImmediate);
  await new Promise(setImmediate);
  await shared.forget(0);
  await living.release(held);
  await waiting;
  await living.hold('a', HOLD_MS, HOLD_MS);
});

test('a hold waits with patience for a step of another process', async () => {
  const shared = new SharedStreams(new MemoryStreamStore(BOUNDS));
  const [one, other] = [remoteOf(shared, 0).store, remoteOf(shared, 1).store];
  await one.create(recordOf('a'), 8);
  const held = await one.hold('a', HOLD_MS);
  const next = other.hold('a', HOLD_MS, HOLD_MS);
  await one.commit(held, Uint8Array.of(7), 1);
  assert.equal((await next).record.length, 1);
});

test('a keeper that is gone is STREAMS_UNAVAILABLE, for calls under way and for those to come', async () => {
  const peer = connect({ 'streams.read': () => new Promise(() => {}) });
  const store = new RemoteStreamStore((...args) => peer.call(...args));
  const read = store.read('a');
  peer.lose(new Error('gone'));
  await refused(read, 'STREAMS_UNAVAILABLE');
  await refused(store.read('a'), 'STREAMS_UNAVAILABLE');
});
