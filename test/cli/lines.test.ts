// Lines of a stream, the progress bar's text, and tables: the parts of the command that no terminal is needed for.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { linesOf } from '../../src/cli/predict/lines.ts';
import { Progress, progressText } from '../../src/cli/predict/progress.ts';
import { table } from '../../src/cli/text.ts';

async function collect(chunks: readonly Buffer[], mostBytes = 1000) {
  const source = (async function* () {
    yield* chunks;
  })();
  const lines = [];
  for await (const line of linesOf(source, mostBytes)) lines.push(line);
  return lines;
}

describe('lines', () => {
  const text = 'eins\n\nzwölf 😀\r\nlast';
  const bytes = Buffer.from(text);

  it('are the same wherever the stream is cut, within a character too', async () => {
    const expected = text.split('\n').map((line, i) => [i + 1, line]);
    for (let size = 1; size <= bytes.length; size++) {
      const chunks = [];
      for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size));
      const lines = await collect(chunks);
      assert.deepEqual(
        lines.map(line => [line.number, line.text]),
        expected,
      );
      assert.equal(lines.at(-1)?.endBytes, bytes.length);
      assert.equal(lines[0].endBytes, 5);
    }
  });

  it('an empty stream has none, and a newline at the end begins none', async () => {
    assert.deepEqual(await collect([]), []);
    assert.equal((await collect([Buffer.from('a\nb\n')])).length, 2);
  });

  it('may not be longer than allowed, nor other than UTF-8', async () => {
    assert.equal((await collect([Buffer.from('12345\n')], 5)).length, 1);
    await assert.rejects(collect([Buffer.from('1\n123'), Buffer.from('456')], 5), /line 2 has more than 5 bytes/);
    await assert.rejects(collect([Buffer.from('ok\n'), Buffer.from([0xc3, 0x28, 0x0a])]), /line 2 is not UTF-8/);
  });
});

describe('progress', () => {
  it('tells how far, how many and how fast', () => {
    assert.equal(
      progressText(50, 100, 1200, 2000),
      `[${'#'.repeat(15)}${'.'.repeat(15)}]  50 %  1,200 predictions (600/s)`,
    );
    assert.equal(progressText(0, 100, 0, 0), `[${'.'.repeat(30)}]   0 %  0 predictions`);
    assert.equal(progressText(100, 100, 1, 1000), `[${'#'.repeat(30)}] 100 %  1 prediction (1/s)`);
    assert.equal(progressText(7, undefined, 3, 1000), '3 predictions (3/s)');
  });

  it('is drawn on a terminal, not at every answer, and taken away; elsewhere it is silent', () => {
    const written: string[] = [];
    const stream = (isTTY: boolean) =>
      ({ isTTY, hasColors: () => false, write: (text: string) => written.push(text) }) as unknown as NodeJS.WriteStream;
    for (const isTTY of [false, true]) {
      const progress = new Progress(stream(isTTY), 10);
      for (let count = 1; count <= 50; count++) progress.update(1, count);
      progress.end();
      if (!isTTY) assert.deepEqual(written, []);
    }
    assert.ok(written[0].startsWith(`\r\u001b[K[###${'.'.repeat(27)}]  10 %  1 prediction`), written[0]);
    assert.equal(written.at(-1), '\r\u001b[K');
    assert.ok(written.length < 50);
  });
});

it('tables align their columns', () => {
  const rows = [
    ['a', '1', 'x'],
    ['längst', '1,000'],
  ];
  assert.deepEqual(table(rows, { indent: 1, right: [1] }), [' a           1  x', ' längst  1,000']);
});
