// Every fault of a sequence, with its place in the body and the words for what was expected.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServiceError } from '../../src/core/errors.ts';
import type { Signature } from '../../src/model/signature.ts';
import { FLOAT32_MAX } from '../../src/sequence/faults.ts';
import type { Part } from '../../src/sequence/rows.ts';
import { type SequenceParser, sequenceParser } from '../../src/sequence/sequence.ts';
import { EIGHT, FIXED, IDS, NAMED, RULED, SEVERAL, THREE, WORDS } from '../support/models/signatures.ts';

/** Signature, a sequence as JSON text, what follows `sequences[3]` in the message, and the rest of the pointer. */
const FAULTS: readonly (readonly [Signature, string, string, string])[] = [
  // the array of time steps
  [THREE, '5', ' is 5, expected an array of time steps', ''],
  [THREE, 'null', ' is null, expected an array of time steps', ''],
  [THREE, 'true', ' is true, expected an array of time steps', ''],
  [THREE, '"[]"', ' is "[]", expected an array of time steps', ''],
  [THREE, '{"signal":[[1,2,3],[1,2,3]]}', ' is an object, expected an array of time steps', ''],
  [THREE, '[]', ' has 0 time steps, expected 2 to 4', ''],
  [THREE, '[[1,2,3]]', ' has 1 time steps, expected 2 to 4', ''],
  [THREE, '[[1,2,3],[1,2,3],[1,2,3],[1,2,3],[1,2,3]]', ' has 5 time steps, expected 2 to 4', ''],
  [FIXED, '[[1],[1]]', ' has 2 time steps, expected 3', ''],
  // a time step
  [THREE, '[[1,2,3],[1,2]]', '[1] has 2 features, expected 3', '/1'],
  [THREE, '[[1,2,3],[1,2,3,4]]', '[1] has 4 features, expected 3', '/1'],
  [THREE, '[[1,2,3],[]]', '[1] has 0 features, expected 3', '/1'],
  [THREE, '[[1,2,3],7]', '[1] is 7, expected an object by feature name or an array', '/1'],
  [THREE, '[[1,2,3],null]', '[1] is null, expected an object by feature name or an array', '/1'],
  [THREE, '["abc",[1,2,3]]', '[0] is "abc", expected an object by feature name or an array', '/0'],
  [THREE, '[{"u":1,"v":2},[1,2,3]]', '[0] has no feature "w"', '/0'],
  [THREE, '[{},[1,2,3]]', '[0] has no feature "u"', '/0'],
  [THREE, '[{"u":1,"v":2,"W":3},[1,2,3]]', '[0] has no feature "w"', '/0'],
  [THREE, '[[1,2,3],{"u":1,"v":2,"w":3,"x":4}]', '[1] has an unknown feature "x", expected "u", "v", "w"', '/1'],
  [
    THREE,
    '[{"u":1,"v":2,"w":3,"__proto__":4},[1,2,3]]',
    '[0] has an unknown feature "__proto__", expected "u", "v", "w"',
    '/0',
  ],
  [THREE, '[{"__proto__":{"u":1,"v":2,"w":3}},[1,2,3]]', '[0] has no feature "u"', '/0'],
  [
    THREE,
    '[{"u":1,"v":2,"w":3,"constructor":4},[1,2,3]]',
    '[0] has an unknown feature "constructor", expected "u", "v", "w"',
    '/0',
  ],
  [NAMED, '[{}]', '[0] has no feature "constructor"', '/0'],
  [NAMED, '[{"constructor":1}]', '[0] has no feature "toString"', '/0'],
  [
    NAMED,
    '[{"constructor":1,"toString":2,"a/b~c":"3"}]',
    '[0].a/b~c is "3", expected a number in the range of float32 (a/b~c)',
    '/0/a~1b~0c',
  ],
  // a number
  [THREE, '[[1,2,"3"],[1,2,3]]', '[0][2] is "3", expected a number in the range of float32 (w)', '/0/2'],
  [THREE, '[[1,null,3],[1,2,3]]', '[0][1] is null, expected a number in the range of float32 (v)', '/0/1'],
  [THREE, '[[true,2,3],[1,2,3]]', '[0][0] is true, expected a number in the range of float32 (u)', '/0/0'],
  [THREE, '[[1,2,3],[1,[2],3]]', '[1][1] is an array, expected a number in the range of float32 (v)', '/1/1'],
  [THREE, '[[1,2,3],[1,{},3]]', '[1][1] is an object, expected a number in the range of float32 (v)', '/1/1'],
  [THREE, '[[1,2,3],[1,1e999,3]]', '[1][1] is Infinity, expected a number in the range of float32 (v)', '/1/1'],
  [THREE, '[[1,2,3],[-1e999,2,3]]', '[1][0] is -Infinity, expected a number in the range of float32 (u)', '/1/0'],
  [THREE, '[[1,2,3],[1,3.5e38,3]]', '[1][1] is 3.5e+38, expected a number in the range of float32 (v)', '/1/1'],
  [
    THREE,
    '[[1,2,3],{"w":3,"v":-3.5e38,"u":1}]',
    '[1].v is -3.5e+38, expected a number in the range of float32 (v)',
    '/1/v',
  ],
  // the manifest's rules for a number
  [RULED, '[[-0.5,1,1,0]]', '[0][0] is -0.5, expected a number from 0 to 1000 mm (rain)', '/0/0'],
  [RULED, '[[1000.0001,1,1,0]]', '[0][0] is 1000.0001, expected a number from 0 to 1000 mm (rain)', '/0/0'],
  [RULED, '[[1,5.5,1,0]]', '[0][1] is 5.5, expected a number of at most 5 (depth)', '/0/1'],
  [RULED, '[[1,-1e39,1,0]]', '[0][1] is -1e+39, expected a number of at most 5 (depth)', '/0/1'],
  [RULED, '[[1,1,0,0]]', '[0][2] is 0, expected a whole number of at least 1 (count)', '/0/2'],
  [RULED, '[[1,1,1.5,0]]', '[0][2] is 1.5, expected a whole number of at least 1 (count)', '/0/2'],
  [RULED, '[[1,1,"1",0]]', '[0][2] is "1", expected a whole number of at least 1 (count)', '/0/2'],
  [RULED, '[[1,1,1,"snow"]]', '[0][3] is "snow", expected one of "fog", "rain", "sun", or its index', '/0/3'],
  [RULED, '[[1,1,1,3]]', '[0][3] is 3, expected one of "fog", "rain", "sun", or its index', '/0/3'],
  [RULED, '[[1,1,1,-1]]', '[0][3] is -1, expected one of "fog", "rain", "sun", or its index', '/0/3'],
  [RULED, '[[1,1,1,0.5]]', '[0][3] is 0.5, expected one of "fog", "rain", "sun", or its index', '/0/3'],
  [RULED, '[[1,1,1,null]]', '[0][3] is null, expected one of "fog", "rain", "sun", or its index', '/0/3'],
  [
    RULED,
    '[{"rain":1,"depth":1,"count":1,"weather":"Fog"}]',
    '[0].weather is "Fog", expected one of "fog", "rain", "sun", or its index',
    '/0/weather',
  ],
  [RULED, '[["fog",1,1,0]]', '[0][0] is "fog", expected a number from 0 to 1000 mm (rain)', '/0/0'],
  [
    RULED,
    `[[1,1,1,${JSON.stringify('x'.repeat(41))}]]`,
    `[0][3] is "${'x'.repeat(40)}…", expected one of "fog", "rain", "sun", or its index`,
    '/0/3',
  ],
  // ids
  [IDS, '[0,20]', '[1] is 20, expected a whole number from 0 to 19', '/1'],
  [IDS, '[-1]', '[0] is -1, expected a whole number from 0 to 19', '/0'],
  [IDS, '[1.5]', '[0] is 1.5, expected a whole number from 0 to 19', '/0'],
  [IDS, '["1"]', '[0] is "1", expected a whole number from 0 to 19', '/0'],
  [IDS, '[null]', '[0] is null, expected a whole number from 0 to 19', '/0'],
  [IDS, '[[1]]', '[0] is an array, expected a whole number from 0 to 19', '/0'],
  [IDS, '[1e999]', '[0] is Infinity, expected a whole number from 0 to 19', '/0'],
  [IDS, '[]', ' has 0 time steps, expected 1 to 8', ''],
  // words
  [WORDS, '["a",1]', '[1] is 1, expected a string', '/1'],
  [WORDS, '["a",null]', '[1] is null, expected a string', '/1'],
  [WORDS, '"a b"', ' is "a b", expected an array of time steps', ''],
  [WORDS, '["1","2","3","4","5","6","7","8","9"]', ' has 9 time steps, expected 1 to 8', ''],
  // several inputs
  [SEVERAL, '[[1]]', ' is an array, expected an object by input name', ''],
  [SEVERAL, 'null', ' is null, expected an object by input name', ''],
  [SEVERAL, '{"a":[[1]]}', ' has no input "to~/ids"', ''],
  [SEVERAL, '{"to~/ids":[1]}', ' has no input "a"', ''],
  [SEVERAL, '{"a":[[1]],"to~/ids":[1],"c":1}', ' has an unknown input "c", expected "a", "to~/ids"', ''],
  [
    SEVERAL,
    '{"a":[[1]],"to~/ids":[1],"__proto__":1}',
    ' has an unknown input "__proto__", expected "a", "to~/ids"',
    '',
  ],
  [SEVERAL, '{"a":[[1,2]],"to~/ids":[1]}', '.a[0] has 2 features, expected 1', '/a/0'],
  [SEVERAL, '{"a":[[1]],"to~/ids":[1,4]}', '.to~/ids[1] is 4, expected a whole number from 0 to 3', '/to~0~1ids/1'],
  [SEVERAL, '{"a":[[1]],"to~/ids":7}', '.to~/ids is 7, expected an array of time steps', '/to~0~1ids'],
];

function refusalOf(parse: SequenceParser, value: unknown): ServiceError {
  try {
    parse(value, ['sequences', 3]);
  } catch (error) {
    assert.ok(error instanceof ServiceError, String(error));
    return error;
  }
  return assert.fail(`accepted ${JSON.stringify(value)}`);
}

test('every fault is named by its place and by what was expected', () => {
  for (const [signature, text, what, pointer] of FAULTS) {
    const error = refusalOf(sequenceParser(signature), JSON.parse(text));
    const detail = `sequences[3]${what}`;
    assert.equal(error.code, 'INVALID_SEQUENCE', text);
    assert.equal(error.message, detail, text);
    assert.deepEqual(error.faults, [{ pointer: `/sequences/3${pointer}`, detail }], text);
  }
});

test('the sentence of the style guide', () => {
  const steps = Array.from({ length: 18 }, () => [1, 2, 3, 4, 5, 6, 7, 8]);
  steps[17] = [1, 2, 3, 4, 5];
  const error = refusalOf(sequenceParser(EIGHT), steps);
  assert.equal(error.message, 'sequences[3][17] has 5 features, expected 8');
});

test('NaN is refused, though JSON cannot say it', () => {
  const error = refusalOf(sequenceParser(FIXED), [[1], [Number.NaN], [1]]);
  assert.equal(error.message, 'sequences[3][1][0] is NaN, expected a number in the range of float32 (u)');
});

test('every fixed place of a long sequence is checked, the first fault is the one named', () => {
  const parse = sequenceParser(THREE);
  for (let t = 0; t < 4; t++) {
    for (let f = 0; f < 3; f++) {
      const steps: unknown[][] = Array.from({ length: 4 }, () => [1, 2, 3]);
      steps[t][f] = 'x';
      steps[3][2] = 'x';
      const named = refusalOf(parse, steps).faults[0].pointer;
      assert.equal(named, `/sequences/3/${t}/${f}`);
    }
  }
});

test('the limits of float32 are compared as doubles', () => {
  const [above, below] = [FLOAT32_MAX * (1 + 2 ** -52), -FLOAT32_MAX * (1 + 2 ** -52)];
  const parse = sequenceParser(FIXED);
  const { data } = parse([[FLOAT32_MAX], [-FLOAT32_MAX], [1e-50]], []).parts[0] as Part;
  assert.deepEqual([...data], [FLOAT32_MAX, -FLOAT32_MAX, 0]);
  for (const beyond of [above, below]) refusalOf(parse, [[beyond], [1], [1]]);
});
