// Several sources as one: whatever is ready first, each in its order, asked no further than one item ahead, failing as they fail.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { merged } from '../../src/core/merged.ts';

/** A source whose items come when they are let. */
function gated(name: string, count: number) {
  const waiting: (() => void)[] = [];
  let asked = 0;
  async function* source() {
    for (let i = 0; i < count; i++) {
      asked++;
      await new Promise<void>(resolve => waiting.push(resolve));
      yield `${name}${i}`;
    }
  }
  return { source: source(), let: () => waiting.shift()?.(), asked: () => asked };
}
const turns = () => new Promise(resolve => setImmediate(resolve));

it('gives items as they are ready, one ahead of what was taken', async () => {
  const [a, b] = [gated('a', 3), gated('b', 2)];
  const items = merged([a.source, b.source]);
  const first = items.next();
  await turns();
  b.let();
  assert.equal((await first).value, 'b0');
  a.let();
  b.let();
  await turns();
  assert.deepEqual([a.asked(), b.asked()], [1, 2]);
  assert.deepEqual(new Set([(await items.next()).value, (await items.next()).value]), new Set(['a0', 'b1']));
  await turns();
  assert.equal(a.asked(), 2);
  const rest = (async () => {
    const found = [];
    for await (const item of items) found.push(item);
    return found;
  })();
  for (let i = 0; i < 4; i++) {
    a.let();
    await turns();
  }
  assert.deepEqual(await rest, ['a1', 'a2']);
});

it('fails as soon as one source fails, and ends with none', async () => {
  async function* failing(): AsyncGenerator<string> {
    yield await Promise.reject(new Error('broken'));
  }
  const { source } = gated('a', 1);
  await assert.rejects(merged([source, failing()]).next(), /broken/);
  assert.deepEqual(await merged([]).next(), { value: undefined, done: true });
});
