// The reference beside a model: what is read, and what is refused and why.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { REFERENCE_FILE, readReference } from '../../src/drift/reference.ts';
import { temporaryFolder } from '../support/models/served-copies.ts';

const SHA = 'a'.repeat(64);
const FEATURE = { input: 'x', feature: 'u', minimum: -1, maximum: 1, missing: 0 };
const LABELS = { head: 'kind', kind: 'labels', shares: [0.25, 0.75], entropy: 0.5 };
const VALUES = { head: 'level', kind: 'values', edges: [0, 1], shares: [0.25, 0.5, 0.25] };

function read(features: readonly object[], heads: readonly object[]) {
  const folder = temporaryFolder();
  const reference = { formatVersion: 1, sha256: SHA, sequences: 4, features, heads };
  writeFileSync(path.join(folder, REFERENCE_FILE), JSON.stringify(reference));
  return readReference(folder, SHA);
}

describe('a reference', () => {
  it('is read as it is written, and need not be there', async () => {
    const empty = { ...VALUES, edges: [], shares: [1] };
    const open = { ...FEATURE, minimum: null, maximum: null };
    assert.deepEqual((await read([FEATURE, open], [LABELS, VALUES, empty]))?.heads, [LABELS, VALUES, empty]);
    assert.equal(await readReference(temporaryFolder(), SHA), undefined);
  });

  for (const [what, features, heads, why] of [
    ['shares that fit no bins', [FEATURE], [{ ...VALUES, shares: [0.5, 0.5] }], /heads\.0: .*one share more/],
    ['edges that fall', [FEATURE], [LABELS, { ...VALUES, edges: [1, 0] }], /heads\.1: .*do not rise/],
    ['edges that are one', [FEATURE], [{ ...VALUES, edges: [1, 1] }], /do not rise/],
    ['a range the wrong way round', [{ ...FEATURE, minimum: 2 }], [LABELS], /features\.0: .*above the maximum/],
    ['a share above one', [FEATURE], [{ ...LABELS, shares: [2, 0] }], /heads\.0\.shares\.0/],
  ] as const) {
    it(`is refused with ${what}`, async () => {
      await assert.rejects(read(features, heads), why);
    });
  }
});
