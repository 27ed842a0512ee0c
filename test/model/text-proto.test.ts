// Protobuf's text form: what it may be written like, and what is refused with the line.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LoadError } from '../../src/core/errors.ts';
import { messagesOf, parseTextProto, textsOf } from '../../src/model/text-proto.ts';

const plain = (text: string) => JSON.parse(JSON.stringify(parseTextProto(text, 'x.pbtxt')));

describe('a text', () => {
  const same = { a: [{ b: ['1', '2'], c: ['x y'] }] };
  const ways = [
    'a { b: 1 b: 2 c: "x y" }',
    "a: { b: [1, 2], c: 'x y' }",
    'a < b: [1, 2]; c: "x" " y" >',
    '# before\na: [ { b: 1, b: 2 # behind }\n c: "x\\040y" } ]'.replace('\\040', ' '),
  ];
  for (const way of ways) it(way.replaceAll('\n', ' '), () => assert.deepEqual(plain(way), same));

  it('keeps numbers, enums and escapes as they are', () => {
    assert.deepEqual(plain('n: -1.5e3 k: KIND_CPU t: "a\\"b\\n" e: [] m {}'), {
      n: ['-1.5e3'],
      k: ['KIND_CPU'],
      t: ['a"b\n'],
      e: [],
      m: [{}],
    });
  });

  it('has no fields but its own', () => {
    const message = parseTextProto('a: 1', 'x.pbtxt');
    assert.deepEqual([textsOf(message, 'a'), textsOf(message, 'toString'), messagesOf(message, 'a')], [['1'], [], []]);
    assert.deepEqual(textsOf(parseTextProto('__proto__: 1', 'x.pbtxt'), '__proto__'), ['1']);
  });
});

describe('refused with the line', () => {
  const faults: [text: string, pattern: RegExp][] = [
    ['a: 1\nb {', /line 2 expected a field, found the end/],
    ['a: 1 }', /line 1 expected a field, found }/],
    ['a\nb: 1', /line 2 expected a value, found b/],
    ['a: [1 2]', /expected , or ], found 2/],
    ['a:\n\n%', /line 3 has a character that is out of place: %/],
    ['a: "x', /out of place: "/],
    [`${'a{'.repeat(100_000)}`, /nested too deeply/],
  ];
  for (const [text, pattern] of faults) {
    it(text.slice(0, 20).replaceAll('\n', ' '), () =>
      assert.throws(
        () => parseTextProto(text, 'x.pbtxt'),
        error => error instanceof LoadError && pattern.test(error.message) && error.message.length < 200,
      ),
    );
  }
});
