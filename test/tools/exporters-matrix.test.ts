// docs/exporters.md is what its script writes.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { it } from 'node:test';
import { documentWithMatrix, MATRIX_FILE, readCatalogue } from '../../tools/exporters-matrix.ts';

/** Without what the last bits of another processor may change: the size of a difference, and where it was largest. */
function withoutLastBits(document: string): string {
  return document
    .replace(/output "[^"]*" of a sequence of .*? moves by \S+/g, '(counter-example)')
    .replace(/\d\.\d+e[+-]\d+/g, '(difference)')
    .replaceAll('exactInPairs', 'exact');
}

it('docs/exporters.md is up to date', async () => {
  const document = readFileSync(MATRIX_FILE, 'utf8');
  const expected = await documentWithMatrix(document);
  assert.equal(
    withoutLastBits(document),
    withoutLastBits(expected),
    'run "npm run exporters" and commit docs/exporters.md',
  );
});

it('has a row for every graph of the catalogue, and leaves the measured numbers in', () => {
  const [, matrix] = readFileSync(MATRIX_FILE, 'utf8').split('<!-- matrix: ');
  const rows = matrix.split('\n').filter(line => /^\| (?!exporter|---)/.test(line));
  const catalogue = readCatalogue();
  assert.ok(catalogue.length >= 40);
  assert.deepEqual(
    rows.map(row => row.split(' | ').slice(1, 4).join(' | ')),
    catalogue.map(({ version, opset, network }) => [version, opset, network].join(' | ')),
  );
  for (const row of rows) {
    const [, worst, tolerance] = /(\d\.\de[+-]\d+) of (\de[+-]\d+)/.exec(row) ?? [];
    assert.ok(Number(worst) <= Number(tolerance), row);
  }
});
