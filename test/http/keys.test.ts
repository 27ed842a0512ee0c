// How API keys are written: with a name, with roles, or as they are.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { keyFinder, readKey } from '../../src/http/keys.ts';

const ALL = ['predict', 'control', 'metrics'];
const SECRET = 'abcdefghijklmnop';

describe('API keys', () => {
  it('may have a name and roles; what has none is for all', () => {
    assert.deepEqual(readKey(SECRET), { roles: ALL, secret: SECRET });
    assert.deepEqual(readKey(`ops:${SECRET}`), { name: 'ops', roles: ALL, secret: SECRET });
    const scraper = { name: 'scraper-1', roles: ['metrics'], secret: SECRET };
    assert.deepEqual(readKey(`scraper-1:metrics:${SECRET}`), scraper);
    assert.deepEqual(readKey(`a:predict+control:${SECRET}`).roles, ['predict', 'control']);
    assert.deepEqual(readKey(`a:nonsense:${SECRET}`), { name: 'a', roles: ALL, secret: `nonsense:${SECRET}` });
    assert.deepEqual(readKey(`${SECRET}==`).secret, `${SECRET}==`);
    assert.deepEqual(readKey(`1:${SECRET}`).secret, `1:${SECRET}`);
  });

  it('are found by what callers send, or as they are written: an old key may look as if it had a name', () => {
    const find = keyFinder([`ops:${SECRET}`, 'x'.repeat(20)]);
    assert.equal(find(SECRET)?.name, 'ops');
    assert.equal(find(`ops:${SECRET}`)?.name, 'ops');
    assert.ok(find('x'.repeat(20)));
    for (const wrong of [`op:${SECRET}`, `:${SECRET}`, '', 'ops', SECRET.slice(1), `${SECRET} `])
      assert.equal(find(wrong), undefined);
  });
});
