// The columns that a table of answers has for each kind of head, and what stands in them.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { type HeadColumns, tableOut } from '../../src/cli/predict/table-out.ts';

it('every kind of head has its columns', () => {
  const normal = { value: 1.5, sd: 0.5, lower: 0.68, upper: 2.32, unit: 'm' };
  const labelled = { label: 'b', probability: 0.75, probabilities: { a: 0.25, b: 0.75 } };
  const spans = [{ label: 'city', start: 0, end: 1 }];
  const LABELS = ['a', 'b'];
  const cases: [HeadColumns, answer: unknown, expected: Record<string, unknown>][] = [
    [{ name: 'h', kind: 'regression' }, normal, { h: 1.5 }],
    [{ name: 'h', kind: 'regression', interval: {} }, normal, { h: 1.5, 'h.lower': 0.68, 'h.upper': 2.32 }],
    [{ name: 'h', kind: 'gaussian' }, normal, { h: 1.5, 'h.sd': 0.5, 'h.lower': 0.68, 'h.upper': 2.32 }],
    [
      { name: 'h', kind: 'gaussian' },
      { ...normal, sd: null, lower: null, upper: null },
      { h: 1.5, 'h.sd': null, 'h.lower': null, 'h.upper': null },
    ],
    ...['binary', 'multiclass', 'ordinal'].map((kind): (typeof cases)[number] => [
      { name: 'h', kind, labels: LABELS },
      labelled,
      { h: 'b', 'h.probability': 0.75, 'h.probability.a': 0.25, 'h.probability.b': 0.75 },
    ]),
    [
      { name: 'h', kind: 'multilabel', labels: LABELS },
      { labels: ['b'], probabilities: labelled.probabilities },
      { h: '["b"]', 'h.probability.a': 0.25, 'h.probability.b': 0.75 },
    ],
    [
      { name: 'h', kind: 'sequence-labels', labels: ['O'] },
      { spans, probability: 0.9 },
      { h: JSON.stringify(spans), 'h.probability': 0.9 },
    ],
    [{ name: 'h', kind: 'tensor' }, { values: [1, 2] }, { h: '[1,2]' }],
    [{ name: 'h', kind: 'multiclass', labels: LABELS }, null, { h: null, 'h.probability': null, 'h.probability.a': null, 'h.probability.b': null }], // biome-ignore format: one line
  ];
  for (const [head, answer, expected] of cases) {
    const { columns, rows } = tableOut([head], 'all');
    const [cells] = rows('s', { length: 3, heads: { h: answer as Record<string, unknown> } });
    const row = Object.fromEntries(columns.map(({ name }, i) => [name, cells[i]]));
    assert.deepEqual(row, { sequence: 's', length: 3, ...expected }, head.kind);
  }
});
