// Drift and calibration against numpy's, scipy's and scikit-learn's numbers (test/fixtures/makers/drift.py).
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { calibrationError, conformalMargin, fitIsotonic, fitTemperature } from '../../src/drift/fit.ts';
import { binOf, edgesOf, entropy, quantile, sharesOf, stabilityIndex } from '../../src/drift/statistics.ts';
import { mapped } from '../../src/sequence/monotone.ts';
import { ROOT } from '../support/server/service.ts';

const expected = JSON.parse(readFileSync(`${ROOT}test/fixtures/drift/expected.json`, 'utf8'));

function near(actual: number, wanted: number, tolerance = 1e-12): void {
  assert.ok(Math.abs(actual - wanted) <= tolerance * Math.max(1, Math.abs(wanted)), `${actual}, expected ${wanted}`);
}

describe('distributions', () => {
  it('stability index', () => {
    for (const { reference, current, value } of expected.stabilities) near(stabilityIndex(reference, current), value);
  });

  it('entropy', () => {
    for (const { p, value } of expected.entropies) near(entropy(p), value);
  });

  it('quantiles', () => {
    const { values, at, expected: wanted } = expected.quantiles;
    const sorted = [...values].sort((a: number, b: number) => a - b);
    at.forEach((share: number, i: number) => {
      near(quantile(sorted, share), wanted[i]);
    });
  });

  it('bins of equal share, also where values repeat', () => {
    for (const { values, edges, counts } of expected.histograms) {
      const found = edgesOf(values, 10);
      assert.equal(found.length, edges.length);
      found.forEach((edge, i) => {
        near(edge, edges[i]);
      });
      const bins = new Array(edges.length + 1).fill(0);
      for (const value of values) bins[binOf(edges, value)]++;
      assert.deepEqual(bins, counts);
    }
  });

  it('nothing has no shares', () => {
    assert.deepEqual(sharesOf([0, 0]), [0, 0]);
    assert.deepEqual(edgesOf([], 10), []);
  });
});

describe('calibration', () => {
  it('temperature', () => {
    for (const { logits, labels, temperature } of expected.temperatures) {
      near(fitTemperature(logits, labels), temperature, 1e-5);
    }
  });

  it('isotonic regression, with ties', () => {
    for (const { scores, outcomes, at, values } of expected.isotonic) {
      const map = fitIsotonic(scores, outcomes);
      at.forEach((x: number, i: number) => {
        near(mapped(map, x), values[i], 1e-6);
      });
    }
  });

  it('conformal margin', () => {
    for (const { scores, coverage, margin } of expected.margins)
      assert.equal(conformalMargin(scores, coverage), margin);
    assert.equal(conformalMargin([1, 2, 3], 0.9), Number.POSITIVE_INFINITY);
  });

  it('calibration error by hand: two bins, one right by 0.1, one wrong by 0.2', () => {
    near(calibrationError([0.6, 0.6, 0.9, 0.9], [true, false, true, true]), (2 * 0.1 + 2 * 0.1) / 4);
    near(calibrationError([1, 1], [true, false]), 0.5);
  });
});
