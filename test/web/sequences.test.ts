// What people paste and type, as the sequence that predict takes.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { drawable } from '../../web/src/drawable.ts';
import { short } from '../../web/src/format.ts';
import type { Input, NumericInput } from '../../web/src/model.ts';
import { draftOf, sequenceOf } from '../../web/src/sequence/draft.ts';
import { pasted } from '../../web/src/sequence/paste.ts';
import { sentenceOf, tokensOf } from '../../web/src/sequence/tokens.ts';

const time = { minimum: 1, maximum: 9 };
const days: NumericInput = {
  name: 'days',
  kind: 'numeric',
  time,
  features: [{ name: 'rain', unit: 'mm' }, { name: 'sky', categories: ['clear', 'grey'] }, { name: 'wind' }],
};
const words: Input = { name: 'words', kind: 'token', time };
const rate: Input = { name: 'rate', kind: 'side', default: 8 };
const EXPECTED = [
  [1.5, 'grey', 3],
  [0, 'clear', -2e-3],
];

describe('a pasted sequence', () => {
  const spellings: [string, string][] = [
    ['CSV with a heading in another order', 'wind,rain,sky\n3,1.5,grey\n-0.002,0,clear\n'],
    ['CSV without a heading', '1.5,grey,3\n0,clear,-0.002'],
    ['a spreadsheet', 'rain\tsky\twind\r\n1.5\tgrey\t3\r\n0\tclear\t-2e-3\r\n'],
    ['semicolons, quotes and indices', '"1.5";"1";"3"\n0;0;-0.002'],
    ['JSON arrays', '[[1.5,"grey",3],[0,0,-0.002]]'],
    ['JSON objects', '[{"sky":"grey","rain":1.5,"wind":3},{"rain":0,"sky":"clear","wind":-0.002}]'],
    ['a whole request', '{"sequences":[[[1.5,"grey",3],[0,"clear",-0.002]]]}'],
  ];
  for (const [name, text] of spellings) {
    it(`as ${name}`, () => {
      assert.deepEqual(sequenceOf([days], pasted([days], {}, days, text)), EXPECTED);
    });
  }

  const faults: [string, string, RegExp][] = [
    ['nothing', '  ', /nothing/],
    ['broken JSON', '[[1,', /JSON/],
    ['a missing column', 'rain,wind\n1,2', /names no sky/],
    ['a word for a number', '1.5,grey,windy', /line 1: wind is "windy"/],
    ['a short line', '1.5,grey,3\n1', /line 2 has no sky/],
    ['only a heading', 'rain,sky,wind', /no line/],
    ['a step without a feature', '[{"rain":1}]', /step 1 has no sky/],
  ];
  for (const [name, text, message] of faults) {
    it(`is refused for ${name}`, () => {
      assert.throws(() => pasted([days], {}, days, text), message);
    });
  }

  it('may leave out what may be missing', () => {
    const [rain, sky, wind] = days.features;
    const open = { ...days, features: [{ ...rain, missing: true }, { ...sky, missing: true }, wind] };
    const expected = [
      [null, 'grey', 3],
      [0, null, -2e-3],
    ];
    for (const text of [',grey,3\n0,,-0.002', '[[null,1,3],{"rain":0,"sky":null,"wind":-0.002}]'])
      assert.deepEqual(sequenceOf([open], pasted([open], {}, open, text)), expected);
    assert.throws(() => pasted([open], {}, open, '1,grey,'), /line 1 has no wind/);
  });

  it('of several inputs keeps the others', () => {
    const inputs = [days, words, rate];
    const draft = draftOf(inputs, { days: EXPECTED, words: ['a'] });
    const next = pasted(inputs, draft, words, 'Two words.');
    assert.deepEqual(sequenceOf(inputs, next), { days: EXPECTED, words: ['Two', 'words', '.'] });
  });

  it('is written with names for people', () => {
    const draft = draftOf([days], EXPECTED);
    assert.deepEqual(sequenceOf([days], draft, true), [
      { rain: 1.5, sky: 'grey', wind: 3 },
      { rain: 0, sky: 'clear', wind: -2e-3 },
    ]);
  });
});

it('sentences part into words and marks, and come back', () => {
  const cases: [string, string[]][] = [
    ['Could you bring me two warm blankets?', ['Could', 'you', 'bring', 'me', 'two', 'warm', 'blankets', '?']],
    ['It costs 3.50, he said...', ['It', 'costs', '3.50', ',', 'he', 'said', '...']],
    ['Évora is well-known!', ['Évora', 'is', 'well-known', '!']],
  ];
  for (const [sentence, tokens] of cases) {
    assert.deepEqual(tokensOf(sentence), tokens);
    assert.equal(sentenceOf(tokens), sentence);
  }
  assert.deepEqual(tokensOf(' '), []);
});

it('numbers are short and plain', () => {
  const cases: [number, number, string][] = [
    [0, 4, '0'],
    [10.5479965, 3, '10.5'],
    [-0.00012345, 2, '-0.00012'],
    [1003.7, 3, '1004'],
    [123456, 2, '123456'],
    [2.5e-15, 3, '0'],
  ];
  for (const [value, digits, text] of cases) assert.equal(short(value, digits), text);
});

it('draws what is no finite number as such, and what could not be decided as nothing', () => {
  const heads = { level: { value: null, unit: 'dB' }, kind: null, tags: { steps: [{ label: 'a' }, null] } };
  assert.deepEqual(drawable({ length: 2, heads } as never), {
    length: 2,
    heads: { level: { value: Number.NaN, unit: 'dB' }, kind: {}, tags: { steps: [{ label: 'a' }, {}] } },
  });
  assert.equal(short(Number.NaN), 'no number');
});
