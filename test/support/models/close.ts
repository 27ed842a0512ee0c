// Numbers near others, by the larger of 1 and what is expected.
import assert from 'node:assert/strict';

export function assertClose(actual: number, expected: number, tolerance: number): void {
  const difference = Math.abs(actual - expected) / Math.max(1, Math.abs(expected));
  assert.ok(difference <= tolerance, `${actual}, expected ${expected}`);
}
