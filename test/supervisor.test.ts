// Several serving processes where the system gives none: the supervisor itself goes on, and tries again.
import assert from 'node:assert/strict';
import cluster from 'node:cluster';
import { EventEmitter } from 'node:events';
import { it, mock } from 'node:test';
import { pino } from 'pino';
import { Supervisor } from '../src/supervisor.ts';
import { until } from './support/runner/until.ts';
import { configOf } from './support/server/service.ts';

it('goes on where a process cannot be started, and starts it when that can be had', async () => {
  const lines: { msg: string; reason?: string }[] = [];
  const log = pino({}, { write: line => void lines.push(JSON.parse(line)) });
  const workers: EventEmitter[] = [];
  /** The first serves, the second is not to be had. */
  const fork = mock.method(cluster, 'fork', () => {
    const place = workers.length;
    const worker = Object.assign(new EventEmitter(), {
      process: { kill: () => {}, pid: place === 1 ? undefined : 1 },
      isConnected: () => false,
      send: ({ id }: { id: number }) => worker.emit('message', { rpc: 'done', id, value: { ready: true } }),
    });
    workers.push(worker);
    const serving = { rpc: 'call', id: 0, method: 'serving', args: [] };
    if (place === 0) process.nextTick(() => worker.emit('message', serving));
    if (place === 1) process.nextTick(() => worker.emit('error', new Error('spawn EAGAIN')));
    return worker;
  });
  const supervisor = new Supervisor(configOf({ POLYHEAD_PROCESSES: '2', POLYHEAD_SPARE_PROCESSES: '0' }), log);
  try {
    void supervisor.start();
    await until('it is tried again', () => workers.length === 3);
    const told = lines.map(({ msg, reason }) => [msg, reason]);
    assert.ok(told.some(([msg, reason]) => msg === 'a process cannot be started' && reason === 'spawn EAGAIN'));
  } finally {
    fork.mock.restore();
    await supervisor.close();
  }
});
