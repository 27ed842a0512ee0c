// What a process may use: a container's quota counts, not the machine's cores.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { ownShare, processesFor } from '../../src/core/machine.ts';
import { temporaryFolder } from '../support/models/served-copies.ts';

test('cores by the quota of the control group, at least one and no more than there are', () => {
  const file = path.join(temporaryFolder(), 'cpu.max');
  const all = availableParallelism();
  const cases: [text: string, cores: number][] = [
    ['max 100000\n', all],
    ['50000 100000\n', 1],
    ['100000 100000\n', 1],
    [`${all * 100_000 + 50_000} 100000\n`, all],
    ['100000000 100000\n', all],
  ];
  for (const [text, cores] of cases) {
    writeFileSync(file, text);
    assert.equal(ownShare(file).cores, cores, text);
  }
  assert.equal(ownShare(`${file}.none`).cores, all);
  assert.ok(ownShare().bytes > 0 && ownShare().bytes <= totalmem());
});

test('as many processes as cores and memory allow, eight at most', () => {
  const GIB = 1024 ** 3;
  const cases: [cores: number, bytes: number, processes: number][] = [
    [1, 64 * GIB, 1],
    [4, 64 * GIB, 4],
    [64, 64 * GIB, 8],
    [64, GIB / 2, 1],
    [64, GIB / 4, 1],
    [8, GIB, 2],
  ];
  for (const [cores, bytes, processes] of cases) assert.equal(processesFor({ cores, bytes }), processes);
});
