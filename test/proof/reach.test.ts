// How long sequences may be of a graph without a manifest: by what runs take, told by a scale of the test's own, and by
// this process's memory for a graph with attention.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it, test } from 'node:test';
import type { Manifest } from '../../src/model/manifest.ts';
import { type Asked, heldTo, reachOf, toldOf } from '../../src/proof/reach.ts';
import type { Run } from '../../src/runtime/runner.ts';
import { clientAt, listen } from '../support/client/client.ts';
import { polyhead } from '../support/client/command.ts';
import { problemOf } from '../support/client/contract.ts';
import { manifestOf, numericSignature } from '../support/models/models.ts';
import { onnxFile } from '../support/models/onnx-writer.ts';
import { temporaryFolder } from '../support/models/served-copies.ts';
import { startApp } from '../support/server/service.ts';

const MIB = 1024 * 1024;
const MOST = 65_536;

interface Graph {
  /** What so many sequences of so many steps take. */
  readonly bytesOf: (steps: number, rows: number) => number;
  readonly takes?: (steps: number) => boolean;
  /** What the first run takes, however short it is. */
  readonly fixed?: number;
}

/** What comes of such a graph, and which runs there were after the first, short one. */
async function reachWith({ bytesOf, takes = () => true, fixed = 0 }: Graph, asked: Partial<Asked> = {}) {
  const tried: string[] = [];
  let held = 0;
  const run: Run = async ({ x }) => {
    const [rows, steps] = x.dims;
    tried.push(rows === 1 ? `${steps}` : `${rows} x ${steps}`);
    if (!takes(steps)) throw new Error('no');
    held = Math.max(held, bytesOf(steps, rows)); // as an arena: what was taken once is kept
    return {};
  };
  const limits = { most: MOST, batchSize: 64, paddedSteps: 16_384, mostBytes: 1024 * MIB, ...asked };
  const time = { minimum: 1, maximum: limits.most };
  const seen = () => 50 * MIB + held + (tried.length > 0 ? fixed : 0);
  const found = await reachOf(numericSignature([{ name: 'u' }], time), run, limits, seen);
  assert.equal(tried.shift(), '1');
  return { ...found, tried };
}

async function reach(bytesOf: (steps: number) => number, takes?: (steps: number) => boolean) {
  const { tried, ...found } = await reachWith({ bytesOf: steps => (steps > 1 ? bytesOf(steps) : 0), takes });
  return { ...found, tried: tried.map(Number) };
}

test('memory that grows with the steps bounds nothing, and the longest is not run', async () => {
  assert.deepEqual(await reach(() => 0), { steps: MOST, why: undefined, tried: [1024, 2048, 4096] });
  assert.deepEqual(await reach(steps => 1024 * steps), {
    steps: MOST,
    why: undefined,
    tried: [1024, 2048, 4096, 8192],
  });
});

test('memory that grows with their square bounds them before it is taken', async () => {
  const { steps, why, tried } = await reach(n => 20 * n * n);
  assert.deepEqual(tried, [1024, 2048, 4096]); // 320 MiB, and four times that is too much
  assert.equal(steps, Math.floor(4096 * Math.sqrt(1024 / 320)));
  assert.equal(why, 'a run of 4096 took 320 MiB (POLYHEAD_RUN_BYTES)');
  for (const factor of [3, 10, 100, 500]) {
    const { steps, tried } = await reach(n => factor * n * n);
    assert.ok(factor * steps * steps <= 1024 * MIB, `${factor}: ${steps}`);
    assert.ok(factor * 4 * steps * steps > (1024 * MIB) / 4, `${factor}: ${steps}`);
    assert.ok(
      tried.every(n => factor * n * n <= 1024 * MIB),
      `${factor}: ${tried}`,
    );
  }
});

test('what one run of 1024 takes is not run longer, however much it is, and shorter ones are held to their share of it', async () => {
  const { steps, why, tried } = await reach(() => 5120 * MIB);
  assert.deepEqual(tried, [1024]);
  assert.equal(steps, Math.floor(1024 / 5)); // memory that grows with the steps would then just fit
  assert.equal(why, 'a run of 1024 took 5120 MiB (POLYHEAD_RUN_BYTES)');
});

test('what every run takes, such as weights that the first one reads in, bounds nothing', async () => {
  const { steps, tried } = await reachWith({ bytesOf: () => 0, fixed: 5000 * MIB });
  assert.deepEqual([steps, tried], [MOST, ['1024', '2048', '4096']]);
});

test('runs of many rows of the longest are tried too, and bounded by what they take', async () => {
  const most = { most: 512 };
  const full = ['512', '2 x 512', '4 x 512', '8 x 512', '16 x 512'];
  const light = await reachWith({ bytesOf: (steps, rows) => 8 * rows * steps ** 2 }, most);
  assert.deepEqual(light, { steps: 512, why: undefined, tried: ['512'] }); // 32 rows of 2 MiB
  // 32 rows of 40 MiB would take 1280: the longest may go alone, and no more than 25 of them together.
  const heavy = await reachWith({ bytesOf: (steps, rows) => 160 * rows * steps ** 2 }, most);
  assert.deepEqual(heavy, {
    steps: 512,
    paddedSteps: 25 * 512,
    why: 'a run of 16 x 512 took 640 MiB (POLYHEAD_RUN_BYTES)',
    tried: full,
  });
  // What a lone row takes besides is not taken by each.
  const based = await reachWith({ bytesOf: (steps, rows) => 40 * MIB + 4 * rows * steps ** 2 }, most);
  assert.deepEqual(based.steps, 512);
  assert.deepEqual(based.paddedSteps, undefined);
  const few = await reachWith({ bytesOf: (_, rows) => 30 * MIB * rows }, { most: 1 });
  assert.deepEqual([few.steps, few.paddedSteps], [1, 34]);
});

test('a graph that ends somewhere, as a table of positions does, is held to that', async () => {
  for (const end of [3, 512, 1024, 1500, 4095, 5000]) {
    const { steps, why } = await reach(
      () => 0,
      steps => steps <= end,
    );
    assert.equal(steps, end < 4096 ? end : MOST, `${end}`); // at 4096 steps without a byte more nothing further is tried
    if (end < 4096) assert.equal(why, `the graph cannot run ${end + 1}`);
    assert.equal(
      (
        await reach(
          n => 8192 * n,
          steps => steps <= end,
        )
      ).steps,
      end,
    );
  }
});

test('a manifest is held to it: every input, and all rows of a run together', () => {
  const time = { minimum: 1, maximum: MOST };
  const of = (name: string, maximum: number, timeAxis?: null) => {
    return { kind: 'tensor', name, tensor: name, time: { ...time, maximum }, timeAxis };
  };
  const manifest = manifestOf({ inputs: [of('x', MOST), of('z', 5), of('still', 4096, null)] });
  const { inputs, limits } = heldTo(manifest, { steps: 3000, paddedSteps: 3000, why: 'it is so' });
  const timesOf = (specs: Manifest['inputs']) => specs.map(spec => (spec as { time: unknown }).time);
  const held = [MOST, 5, 4096].map(maximum => ({ minimum: 1, maximum: maximum === MOST ? 3000 : maximum }));
  assert.deepEqual(timesOf(inputs), held);
  assert.equal(limits.paddedSteps, 3000);
  assert.equal(heldTo(manifest, { steps: 3000, why: 'a table ends' }).limits.paddedSteps, undefined);
  assert.equal(heldTo(manifest, { steps: MOST }), manifest);
  // What is padded to a multiple stays one, so that the manifest holds as written.
  const padded = { ...of('x', 64), time: { minimum: 5, maximum: 64, multipleOf: 8, pad: true } };
  for (const [steps, maximum] of [
    [100, 64],
    [31, 24],
    [3, 8],
  ]) {
    const [input] = heldTo(manifestOf({ inputs: [padded] }), { steps, why: 'it is so' }).inputs;
    assert.deepEqual((input as { time: unknown }).time, { ...padded.time, maximum });
  }
});

test('it is told in one line, and only where something is held', () => {
  const why = 'a run of 1024 took 9 MiB (POLYHEAD_RUN_BYTES)';
  const told = { steps: 10, paddedSteps: 10, why };
  assert.deepEqual(toldOf(told, 4096, true), [
    `sequences may have 10 time steps, not the 4096 of manifest.json: ${why}`,
  ]);
  assert.deepEqual(toldOf(told, 4096, false), [`sequences may have 10 time steps: ${why}`]);
  assert.deepEqual(toldOf({ ...told, paddedSteps: 20 }, 10, true), [`a run may have 20 padded steps: ${why}`]);
  assert.deepEqual(toldOf({ steps: 4096 }, 4096, true), []);
});

/** x [batch, time, 8] attends to itself: scores [batch, time, time]. */
const ATTENTION = onnxFile({
  inputs: [{ name: 'x', type: 1, dims: ['batch', 'time', 8] }],
  outputs: [{ name: 'y', type: 1, dims: ['batch', 'time', 8] }],
  nodes: [
    { op: 'Transpose', inputs: ['x'], outputs: ['across'], attributes: { perm: [0, 2, 1] } },
    { op: 'MatMul', inputs: ['x', 'across'], outputs: ['scores'] },
    { op: 'Softmax', inputs: ['scores'], outputs: ['weights'] },
    { op: 'MatMul', inputs: ['weights', 'x'], outputs: ['y'] },
  ],
});

const WRITTEN = {
  formatVersion: 1,
  graph: { file: 'model.onnx' },
  inputs: [{ name: 'x', tensor: 'x', kind: 'tensor', time: { minimum: 1, maximum: 16_384 } }],
  heads: [{ name: 'y', tensor: 'y', kind: 'tensor', per: 'step' }],
};

function repositoryOf(models: Readonly<Record<string, object | undefined>>): string {
  const repository = temporaryFolder();
  for (const [name, manifest] of Object.entries(models)) {
    const folder = path.join(repository, name, '1');
    mkdirSync(folder, { recursive: true });
    writeFileSync(path.join(folder, 'model.onnx'), ATTENTION);
    if (manifest) writeFileSync(path.join(folder, 'manifest.json'), JSON.stringify(manifest));
  }
  return repository;
}

describe('a graph with attention', { skip: process.platform !== 'linux' && 'memory is told otherwise' }, () => {
  const settings = { POLYHEAD_RUN_BYTES: String(64 * MIB) };

  it('takes no sequences whose runs would need more than may be, with a manifest and without, and says so', async t => {
    const short = { ...WRITTEN, inputs: [{ ...WRITTEN.inputs[0], time: { minimum: 1, maximum: 64 } }] };
    const repository = repositoryOf({ attention: undefined, written: WRITTEN, short });
    const app = await startApp({ ...settings, POLYHEAD_MODEL_REPOSITORY: repository });
    t.after(() => app.close());
    const call = await clientAt(await listen(app));
    for (const name of ['attention', 'written']) {
      const { signature, limits, certificate } = app.service.models.get(name);
      const { maximum } = (signature.inputs[0].spec as { time: { maximum: number } }).time;
      assert.ok(maximum >= 512 && 4 * maximum * maximum <= 64 * MIB, `${maximum}`); // one matrix of scores at least
      assert.ok(limits.paddedSteps <= maximum);
      const instead = name === 'written' ? ', not the 16384 of manifest.json' : '';
      const line = new RegExp(`^sequences may have ${maximum} time steps${instead}: a run of \\d+ took \\d+ MiB`);
      assert.equal(certificate.warnings.filter(warning => line.test(warning)).length, 1, certificate.warnings.join());
      const described = JSON.parse((await call(`/v1/models/${name}`)).text) as { certificate: { warnings: string[] } };
      assert.deepEqual(described.certificate.warnings, certificate.warnings);
      const sequence = (steps: number) => new Array(steps).fill(new Array(8).fill(0.5));
      const ask = (steps: number) => call(`/v1/models/${name}/predict`, { body: { sequences: [sequence(steps)] } });
      assert.equal((await ask(16)).status, 200);
      problemOf(await ask(maximum + 1), 422, 'INVALID_SEQUENCE');
    }
    const { signature, certificate } = app.service.models.get('short');
    assert.deepEqual((signature.inputs[0].spec as { time: unknown }).time, { minimum: 1, maximum: 64 });
    assert.doesNotMatch(certificate.warnings.join(), /time steps/);
  });

  it('is held to it whatever the process that tries it has tried before', async t => {
    const names = ['a', 'b', 'c', 'd', 'e'];
    const repository = repositoryOf(Object.fromEntries(names.map(name => [name, WRITTEN])));
    const one = { POLYHEAD_LOAD_PROCESSES: '1', POLYHEAD_MODEL_REPOSITORY: repository };
    const app = await startApp({ ...settings, ...one });
    t.after(() => app.close());
    for (const name of names) {
      const { spec } = app.service.models.get(name).signature.inputs[0];
      const { maximum } = (spec as { time: { maximum: number } }).time;
      assert.ok(maximum >= 512 && 4 * maximum * maximum <= 64 * MIB, `${name}: ${maximum}`);
    }
  });

  it('is told of by polyhead check', async () => {
    const { stdout } = await polyhead(['check', repositoryOf({ written: WRITTEN })], { env: settings });
    const told = stdout.match(/warning: sequences may have (\d+) time steps, not the 16384 of manifest.json: a run of/);
    assert.ok(told && Number(told[1]) <= 4096, stdout);
  });

  it('is held to what its own golden answers need, which are run at any rate', async t => {
    const repository = repositoryOf({ written: WRITTEN });
    const rows = Array.from({ length: 5000 }, () => [1, 0, 0, 0, 0, 0, 0, 0]);
    // Equal rows attend to each other equally: what comes out is what went in.
    const golden = { sequence: rows, outputs: { y: rows.flat() } };
    const file = path.join(repository, 'written/1/golden.json');
    writeFileSync(file, JSON.stringify({ formatVersion: 1, producer: 'algebra', tolerance: 1e-4, cases: [golden] }));
    const app = await startApp({ ...settings, POLYHEAD_MODEL_REPOSITORY: repository });
    t.after(() => app.close());
    const { signature } = app.service.models.get('written');
    assert.equal((signature.inputs[0].spec as { time: { maximum: number } }).time.maximum, 5000);
  });
});
