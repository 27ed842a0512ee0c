// How a repository is looked at: again and again, one look at a time, and none for every notice that came meanwhile.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { watchRepository } from '../../src/service/watch.ts';
import { temporaryFolder } from '../support/models/served-copies.ts';
import { until } from '../support/runner/until.ts';

it('looks once more, and not many times, after a look that took many intervals', async () => {
  let looks = 0;
  let release = () => {};
  const held = new Promise<void>(resolve => {
    release = resolve;
  });
  const look = async () => {
    looks++;
    if (looks === 1) await held;
  };
  const stop = watchRepository(temporaryFolder(), { mode: 'poll', pollMs: 20, look });
  const since = performance.now();
  await until('many intervals pass', () => performance.now() - since > 400);
  assert.equal(looks, 1);
  release();
  await turn(); // longer than all that waits takes, and shorter than an interval
  assert.ok(looks <= 3, `${looks} looks`);
  await until('it goes on', () => looks > 5);
  await stop();
  const ended = looks;
  await turn();
  assert.equal(looks, ended);
});
