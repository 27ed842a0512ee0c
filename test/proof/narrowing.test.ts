// A manifest may narrow what its graph allows; one that claims more is refused with the counter-example's numbers.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Mixing } from '../../src/model/mixing.ts';
import { narrowest } from '../../src/model/mixing.ts';
import type { Certificate } from '../../src/proof/certificate.ts';
import { narrowed } from '../../src/proof/certify.ts';
import { refusalOf } from '../support/models/refusal.ts';
import { load, reasonsOf, repositoryOf } from '../support/models/registries.ts';

const MIXINGS: readonly Mixing[] = ['alone', 'equal', 'classes'];

test('narrower or equal is what is asked for, wider is refused, nothing asked leaves what was found', async () => {
  for (const [found, mixing] of MIXINGS.entries()) {
    const certificate = { mixing, complete: true, counterExample: 'output "y" moves by 1.0e-2' } as Certificate;
    const begun = { ...certificate, complete: false };
    assert.equal(narrowed(certificate, undefined), mixing);
    for (const [width, asked] of MIXINGS.entries()) {
      if (width <= found) assert.equal(narrowed(certificate, asked), asked);
      else {
        const text = `manifest.json: limits.mixing says "${asked}", the graph allows "${mixing}": output "y" moves by 1.0e-2`;
        assert.equal(await refusalOf(() => narrowed(certificate, asked)), text);
      }
      assert.equal(narrowest(mixing, asked), MIXINGS[Math.min(found, width)]);
      assert.equal(narrowed(begun, asked), MIXINGS[Math.min(found, width)], 'what was not tried yet refuses nothing');
    }
  }
});

const FOLDERS = {
  lstm: 'test/fixtures/models/lstm/1',
  plain: 'test/fixtures/models/plain/1',
  padded: 'test/fixtures/special/padded-last/1',
  mean: 'test/fixtures/special/batch-mean/1',
};

test('manifests are narrowed, or refused with what speaks against them', async () => {
  const asked: [keyof typeof FOLDERS, Mixing, RegExp | undefined][] = [
    ['lstm', 'classes', undefined],
    ['lstm', 'equal', undefined],
    ['lstm', 'alone', undefined],
    ['plain', 'equal', undefined],
    [
      'plain',
      'classes',
      /^says "classes", the graph allows "equal": output "\w+" of a sequence of \d+ steps, beside \d+ others of up to \d+ steps moves by \d\.\de[+-]\d+$/,
    ],
    [
      'padded',
      'classes',
      /^says "classes", the graph allows "equal": output "\w+" of .* steps moves by \d\.\de[+-]\d+$/,
    ],
    ['mean', 'alone', undefined],
    [
      'mean',
      'equal',
      /^says "equal", the graph allows "alone": output "\w+" of a sequence of \d+ steps, beside \d+ others of that length moves by \d\.\de[+-]\d+$/,
    ],
  ];
  const repository = repositoryOf(Object.fromEntries(asked.map(([name], i) => [`m${i}/1`, FOLDERS[name]])));
  asked.forEach(([, mixing], i) => {
    repository.edit<{ limits: object }>(`m${i}/1/manifest.json`, manifest => {
      manifest.limits = { ...manifest.limits, mixing };
    });
  });
  const registry = await load(repository.root);
  const reasons = reasonsOf(registry);
  asked.forEach(([name, mixing, refused], i) => {
    if (refused) {
      const start = `m${i}/1: manifest.json: limits.mixing `;
      assert.ok(reasons[`m${i}/1`]?.startsWith(start), `${name} as ${mixing}: ${reasons[`m${i}/1`]}`);
      assert.match(reasons[`m${i}/1`].slice(start.length), refused);
    } else {
      assert.equal(registry.get(`m${i}`).mixing, mixing, name);
    }
  });
  assert.equal(registry.get('m1').certificate.mixing, 'classes', 'what was found stands beside what is done');
  await registry.close();
});
