// What every refusal of a model must be: a LoadError of one line that names no path of the machine.
import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { LoadError, ServiceError } from '../../../src/core/errors.ts';
import { ROOT } from '../server/service.ts';

/** Asserts that a text is one readable line without an absolute path. */
export function assertReadable(text: string): void {
  assert.doesNotMatch(text, /[\r\n]/);
  for (const folder of [ROOT, tmpdir(), process.cwd()]) assert.ok(!text.includes(folder), `a path in: ${text}`);
  assert.ok(text.length < 1000, text);
}

/** The text of the LoadError that the work ends with. */
export async function refusalOf(work: Promise<unknown> | (() => unknown)): Promise<string> {
  try {
    await (typeof work === 'function' ? work() : work);
  } catch (error) {
    assert.ok(error instanceof LoadError, String(error));
    assertReadable(error.message);
    return error.message;
  }
  return assert.fail('nothing was refused');
}

/** The one fault of a caller's sequence that the work ends with. */
export function faultOf(work: () => unknown): { message: string; pointer: string } {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof ServiceError && error.code === 'INVALID_SEQUENCE', String(error));
    assert.equal(error.faults.length, 1);
    assert.equal(error.faults[0].detail, error.message);
    return { message: error.message, pointer: error.faults[0].pointer };
  }
  return assert.fail('nothing was refused');
}
