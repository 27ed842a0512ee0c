// float16 crosses as raw bits whether or not the global Float16Array exists, which Node brings from version 24 on. Older
// ones get a stand-in of which no float16 tensor can be made, before the runtime is loaded: hence the late import.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fromFloat16, toFloat16 } from '../../src/core/float16.ts';

const scope = globalThis as { Float16Array?: unknown };
scope.Float16Array ??= class Float16Array extends Float32Array {};
const { Float16Array } = scope;
const { openSession } = await import('../../src/runtime/session.ts');

const folder = path.join(import.meta.dirname, '../../../test/fixtures/exporters/oh-half/1');
const { tolerance, cases } = JSON.parse(readFileSync(`${folder}/golden.json`, 'utf8'));

test('a float16 graph answers as PyTorch beside a global Float16Array, which stays', async () => {
  assert.equal(scope.Float16Array, Float16Array);
  const session = await openSession({ graphFile: `${folder}/model.onnx`, provider: 'cpu', intraOpThreads: 1 });
  for (const { feeds, outputs } of cases) {
    const { dims, data } = feeds.x;
    const x = { dtype: 'float16', dims, data: Uint16Array.from(data as number[], toFloat16) } as const;
    const answers = await session.run({ x }, Object.keys(outputs));
    for (const [name, expected] of Object.entries<number[]>(outputs)) {
      const { dtype, data: halves } = answers[name];
      assert.equal(dtype, 'float16');
      assert.ok(halves instanceof Uint16Array && halves.length === expected.length);
      expected.forEach((value, i) => {
        const off = Math.abs(fromFloat16(halves[i]) - value) / Math.max(1, Math.abs(value));
        assert.ok(off <= tolerance, `${name}[${i}] is off by ${off}`);
      });
    }
  }
  session.release();
});
