// Where a thread stands after it went behind, from wherever it began.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { getPriority } from 'node:os';
import { it } from 'node:test';
import { ROOT } from '../support/server/service.ts';

const skip = process.platform !== 'linux' && 'only Linux gives each thread a priority';
const script = `
  import { getPriority } from 'node:os';
  import { standBehind } from '${ROOT}dist/src/core/priority.js';
  standBehind();
  console.log(getPriority());`;
/** Begun so much behind this process. */
const after = (nice: number) =>
  Number(execFileSync('nice', ['-n', `${nice}`, process.execPath, '--input-type=module', '-e', script]));

it('goes behind, and never comes forward again, for which it might lack the right', { skip }, () => {
  const own = getPriority();
  assert.equal(after(0), Math.max(own, 5));
  assert.equal(after(10), Math.min(own + 10, 19));
});
