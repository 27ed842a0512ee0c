// polyhead predict over files several times larger than what its process may hold: every answer comes out, and no more memory is
// taken than for a file of one sequence.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import { fileWriter, parquetWriteRows } from 'hyparquet-writer';
import { answerOf } from '../support/client/command.ts';
import { onnxFile } from '../support/models/onnx-writer.ts';
import { temporaryFolder } from '../support/models/served-copies.ts';

const MIB = 1024 * 1024;
/** Of JavaScript's objects; a process that needs more dies. */
const HEAP_MIB = 48;
const FILE_BYTES = 3 * HEAP_MIB * MIB;
/** What a file may take of memory, of any kind, beyond what one sequence takes. */
const MORE_BYTES = FILE_BYTES / 2;

const STEPS = 40;
const FEATURES = Array.from({ length: 16 }, (_, f) => `f${f}`);
/** A whole number and a half, which every program writes alike. */
const cell = (sequence: number, t: number, f: number) => ((31 * sequence + 7 * t + f) % 900) + 0.5;
const stepsOf = (sequence: number) =>
  Array.from({ length: STEPS }, (_, t) => FEATURES.map((_, f) => cell(sequence, t, f)));
/** The same in many digits: large files of few numbers. */
const written = (sequence: number) => stepsOf(sequence).map(step => step.map(value => String(value).padEnd(32, '0')));

const folder = temporaryFolder();
const at = (name: string) => path.join(folder, name);

/** A model that answers what it is asked. */
function writeEcho(version: string): void {
  const value = (name: string) => ({ name, type: 1, dims: ['n', 't', FEATURES.length] });
  const nodes = [{ op: 'Identity', inputs: ['x'], outputs: ['y'] }];
  mkdirSync(version, { recursive: true });
  writeFileSync(path.join(version, 'model.onnx'), onnxFile({ nodes, inputs: [value('x')], outputs: [value('y')] }));
  const manifest = {
    formatVersion: 1,
    graph: { file: 'model.onnx' },
    inputs: [{ name: 'x', tensor: 'x', kind: 'numeric', features: FEATURES.map(name => ({ name })) }],
    heads: [{ name: 'y', tensor: 'y', kind: 'tensor', per: 'step' }],
  };
  writeFileSync(path.join(version, 'manifest.json'), JSON.stringify(manifest));
}
writeEcho(at('models/echo/1'));

/** Says at its end how much memory the process took at most. */
writeFileSync(
  at('watch.mjs'),
  `import { writeFileSync } from 'node:fs';
   process.on('exit', () => writeFileSync(process.env.PEAK, String(process.resourceUsage().maxRSS * 1024)));`,
);

/** Runs the command within the heap; returns the most memory that it took, in bytes. */
async function peakOf(file: string, out: string): Promise<number> {
  // Young objects are given little as well: V8 counts them as it decides to collect.
  const NODE_OPTIONS = `--max-old-space-size=${HEAP_MIB} --max-semi-space-size=4 --import=${pathToFileURL(at('watch.mjs'))}`;
  const env = { NODE_OPTIONS, PEAK: at('peak'), POLYHEAD_BATCH_SIZE: '8' };
  assert.equal(await answerOf(['predict', at('models'), 'echo', file, '--out', out], { env }), '');
  return Number(readFileSync(at('peak'), 'utf8'));
}

async function assertBounded(small: string, large: string, out: string): Promise<void> {
  const least = await peakOf(small, out);
  const most = await peakOf(large, out);
  assert.ok(most - least < MORE_BYTES, `${Math.round((most - least) / MIB)} MiB more for ${large}`);
}

/** Writes texts to a file until it is large enough; returns how many. */
async function fill(file: string, bytes: number, head: string, textOf: (sequence: number) => string): Promise<number> {
  let count = 0;
  function* texts() {
    yield head;
    for (let size = 0; size < bytes; count++) {
      const text = textOf(count);
      size += text.length;
      yield text;
    }
  }
  await pipeline(Readable.from(texts()), createWriteStream(file));
  assert.ok(statSync(file).size >= bytes);
  return count;
}

/** The digest of a file, and of what it has to hold. */
async function assertHolds(file: string, head: string, count: number, textOf: (sequence: number) => string) {
  const [found, expected] = [createHash('sha256'), createHash('sha256')];
  for await (const chunk of createReadStream(file)) found.update(chunk as Buffer);
  expected.update(head);
  for (let i = 0; i < count; i++) expected.update(textOf(i));
  assert.equal(found.digest('hex'), expected.digest('hex'), file);
}

describe('files larger than memory', { timeout: 3_600_000 }, () => {
  const TEXTS = [
    {
      format: 'jsonl',
      head: ['', ''],
      asked: (i: number) => `[${written(i).map(step => `[${step}]`)}]\n`,
      answer: (i: number) => `${JSON.stringify({ length: STEPS, heads: { y: { values: stepsOf(i) } } })}\n`,
    },
    {
      format: 'csv',
      head: [`sequence,${FEATURES}\n`, 'sequence,step,y\r\n'],
      asked: (i: number) => written(i).map(step => `s${i},${step}\n`).join(''), // biome-ignore format: one line
      answer: (i: number) => stepsOf(i).map((step, t) => `s${i},${t},"${JSON.stringify(step)}"\r\n`).join(''), // biome-ignore format: one line
    },
  ];
  for (const { format, head, asked, answer } of TEXTS) {
    it(`${format} comes out whole`, async () => {
      const [small, large, out] = ['small', 'large', 'out'].map(name => at(`${name}.${format}`));
      await fill(small, 1, head[0], asked);
      const count = await fill(large, FILE_BYTES, head[0], asked);
      await assertBounded(small, large, out);
      await assertHolds(out, head[1], count, answer);
      for (const file of [large, out]) rmSync(file);
    });
  }

  it('parquet comes out whole, a group of rows at a time', async () => {
    const [small, large, out] = ['small', 'large', 'out'].map(name => at(`${name}.parquet`));
    await writeParquet(small, 1);
    // A number takes 8 bytes there, and three times as many among the cells of a row.
    const count = Math.ceil((HEAP_MIB * MIB) / (STEPS * FEATURES.length * 16));
    await writeParquet(large, count);
    await assertBounded(small, large, out);
    const file = await asyncBufferFromFile(out);
    assert.equal((await parquetMetadataAsync(file)).num_rows, BigInt(count * STEPS));
    for (const sequence of [0, Math.floor(count / 2), count - 1]) {
      const rowStart = sequence * STEPS;
      const rows = await parquetReadObjects({ file, rowStart, rowEnd: rowStart + STEPS });
      const expected = stepsOf(sequence).map((y, step) => ({ sequence: `s${sequence}`, step, y: JSON.stringify(y) }));
      assert.deepEqual(rows, expected);
    }
  });
});

async function writeParquet(file: string, count: number): Promise<void> {
  function* rows() {
    for (let i = 0; i < count; i++) {
      for (const step of stepsOf(i)) {
        yield { sequence: `s${i}`, ...Object.fromEntries(FEATURES.map((name, f) => [name, step[f]])) };
      }
    }
  }
  const columns = ['sequence', ...FEATURES].map(name => ({
    name,
    type: name === 'sequence' ? ('STRING' as const) : ('DOUBLE' as const),
    encoding: 'PLAIN' as const,
  }));
  await parquetWriteRows({ writer: fileWriter(file), rows: rows(), columns, rowGroupSize: 5000 });
}
