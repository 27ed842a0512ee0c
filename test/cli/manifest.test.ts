// polyhead inspect --manifest: the manifest it prints loads, allows as much as the graph without one, and guesses well.
import assert from 'node:assert/strict';
import { cpSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { pino } from 'pino';
import { readGraphFile, withSession } from '../../src/cli/graph-file.ts';
import { guessManifest } from '../../src/cli/guess.ts';
import type { Manifest, ManifestHead } from '../../src/model/manifest.ts';
import { ModelLoader } from '../../src/service/load.ts';
import { Metrics } from '../../src/service/metrics.ts';
import type { Model } from '../../src/service/model.ts';
import { EXPORTERS, readCatalogue } from '../../tools/exporters-matrix.ts';
import { answerOf, faultOf } from '../support/client/command.ts';
import { floatBytes, type NodeSpec, onnxFile, type TensorSpec } from '../support/models/onnx-writer.ts';
import { temporaryFolder } from '../support/models/served-copies.ts';
import { configOf } from '../support/server/service.ts';

const OPTIONS = {
  ...configOf({ POLYHEAD_EXECUTION_PROVIDER: 'cpu', POLYHEAD_WORKERS: '1' }),
  certificateCache: false,
};

async function load(folder: string): Promise<Model> {
  const loader = new ModelLoader(OPTIONS, new Metrics('0'), pino({ level: 'silent' }));
  const model = await loader.load({ model: 'm', version: '1', folder, root: folder });
  loader.close();
  await model.close();
  return model;
}

const [FLOAT, UINT8] = [1, 2];

interface Given {
  /** onnx.proto's number for the type of input and output. */
  readonly type: number;
  readonly dims: readonly (number | string)[];
  readonly weights?: readonly TensorSpec[];
  /** The output, where its type and rank are not the input's. */
  readonly output?: Pick<Given, 'type' | 'dims'>;
}

/** A version folder with a graph from `x` to `y`. */
function folderOf(nodes: readonly NodeSpec[], { type, dims, weights = [], output = { type, dims } }: Given): string {
  const folder = temporaryFolder();
  const inputs = [{ name: 'x', type, dims }];
  const outputs = [{ name: 'y', type: output.type, dims: output.dims.map(d => (typeof d === 'number' ? null : d)) }];
  writeFileSync(path.join(folder, 'model.onnx'), onnxFile({ nodes, initializers: weights, inputs, outputs }));
  return folder;
}

/** What the command prints. */
async function printed(file: string): Promise<string> {
  return answerOf(['inspect', file, '--manifest']);
}

/** The same found out in this process: dozens of starts of a command take minutes on a slow machine. */
async function guessed(file: string): Promise<string> {
  const graph = await readGraphFile(file);
  return JSON.stringify(await withSession(file, OPTIONS, 'cpu', run => guessManifest(graph, file, run)));
}

/** Writes the guessed manifest beside the graph in `folder`. */
async function writeGuess(folder: string, guess = printed): Promise<Manifest> {
  const text = await guess(path.join(folder, 'model.onnx'));
  writeFileSync(path.join(folder, 'manifest.json'), text);
  return JSON.parse(text);
}

describe('for every graph of the catalogue', { concurrency: 2 }, () => {
  const repository = temporaryFolder();
  for (const { name, truth } of readCatalogue()) {
    it(name, async () => {
      const folder = path.join(repository, name);
      cpSync(path.join(EXPORTERS, name, '1'), folder, { recursive: true });
      const manifest = await writeGuess(folder, guessed);
      for (const part of [...manifest.inputs, ...manifest.heads]) assert.match(part.description ?? '', /^guess: /);

      const { certificate, golden, inferred } = await load(folder);
      assert.equal(inferred, false);
      assert.ok(golden && golden.cases > 0);
      const { rows, lengths } = certificate;
      assert.ok(rows !== 'alone' || truth.rows === 'alone', `rows ${rows}, without a manifest ${truth.rows}`);
      if (truth.lengths !== 'equalOnly') assert.equal(lengths, truth.lengths);
      assert.deepEqual(
        (manifest.state ?? []).map(({ input, output }) => ({ input, output })),
        truth.state,
      );
      const told = manifest.inputs.flatMap(i => (i.kind === 'side' ? [] : [i.lengths, i.mask].filter(Boolean)));
      const tellers = Object.keys(truth.roles).filter(input => /lengths|mask/.test(truth.roles[input]));
      assert.deepEqual(told.sort(), tellers.sort());
    });
  }
});

describe('kinds of inputs', () => {
  const inputsOf = async (name: string) => {
    const text = await printed(path.join(EXPORTERS, name, '1/model.onnx'));
    return (JSON.parse(text) as Manifest).inputs;
  };

  it('numeric, with as many features as a step has values', async () => {
    const [x] = await inputsOf('tl-fixed-time');
    assert.ok(x.kind === 'numeric');
    assert.deepEqual(
      x.features.map(feature => feature.name),
      ['feature_0', 'feature_1', 'feature_2'],
    );
    assert.deepEqual(x.time, { minimum: 10, maximum: 10 });
  });

  it('index, with the size of the table, whatever type the ids have', async () => {
    for (const name of ['tl-embedding', 'tl-embedding32', 'ke-mask-gru']) {
      const [ids] = await inputsOf(name);
      assert.deepEqual([ids.kind, ids.kind === 'index' && ids.size], ['index', 12], name);
    }
  });

  it('index, with the size of tables of any size', async () => {
    for (const size of [1, 2, 13, 100]) {
      const table = {
        name: 'w',
        type: 1,
        dims: [size, 2],
        raw: floatBytes(...Array.from({ length: 2 * size }, (_, i) => i)),
      };
      const folder = folderOf([{ op: 'Gather', inputs: ['w', 'x'], outputs: ['y'] }], {
        type: 7,
        dims: ['n', 't'],
        weights: [table],
        output: { type: 1, dims: ['n', 't', 2] },
      });
      const [ids] = (await writeGuess(folder)).inputs;
      assert.deepEqual([ids.kind, ids.kind === 'index' && ids.size], ['index', size]);
    }
  });

  it('index, with a size that says to be a mere guess where no table bounds it', async () => {
    const folder = folderOf([{ op: 'Identity', inputs: ['x'], outputs: ['y'] }], { type: 7, dims: ['n', 't'] });
    const { inputs } = await writeGuess(folder);
    assert.equal(inputs[0].kind, 'index');
    assert.match(inputs[0].description ?? '', /mere guess/);
    await load(folder);
  });

  it('token for strings, side for one value, tensor for what has no steps', async () => {
    assert.equal((await inputsOf('os-tokens'))[0].kind, 'token');
    assert.deepEqual(
      (await inputsOf('tl-samples')).map(({ name, kind }) => [name, kind]),
      [
        ['x', 'tensor'],
        ['sr', 'side'],
      ],
    );
  });

  it('a picture where a row has the sizes of one', async () => {
    const cases: [Given['dims'], type: number, axes: number[], media: object | undefined][] = [
      [['n', 3, 16, 8], FLOAT, [2, 3], { type: 'image', layout: 'CHW' }],
      [['n', 16, 8, 1], UINT8, [1, 2], { type: 'image', layout: 'HWC', scale: 1 }],
      [['n', 16, 8, 4], FLOAT, [1, 2], undefined],
      [['n', 3, 7, 8], FLOAT, [2, 3], undefined],
    ];
    for (const [dims, type, axes, media] of cases) {
      const nodes: NodeSpec[] = [
        { op: 'Cast', inputs: ['x'], outputs: ['values'], attributes: { to: FLOAT } },
        { op: 'ReduceMean', inputs: ['values'], outputs: ['y'], attributes: { axes, keepdims: 0 } },
      ];
      const folder = folderOf(nodes, { type, dims, output: { type: FLOAT, dims: ['n', 'c'] } });
      const [x] = (await writeGuess(folder)).inputs;
      assert.deepEqual([x.kind, x.kind === 'tensor' && x.media], ['tensor', media], `${dims}`);
      await load(folder);
    }
  });
});

describe('kinds of heads', () => {
  const WIDE = [1, -2, 3, -4, 5, -6]; // two values in, three out
  const NARROW = [1, -2];
  const cases: [what: string, nodes: NodeSpec[], weight: number[], expected: Partial<ManifestHead>][] = [
    ['Softmax', [then('Softmax')], WIDE, { kind: 'multiclass', labels: ['label_0', 'label_1', 'label_2'] }],
    ['LogSoftmax', [then('LogSoftmax')], WIDE, { kind: 'multiclass', activation: 'logits' } as Partial<ManifestHead>],
    ['Softmax carried on', [then('Softmax', 'p'), then('Identity', 'y', 'p')], WIDE, { kind: 'multiclass' }],
    ['Sigmoid of one value', [then('Sigmoid')], NARROW, { kind: 'binary', labels: ['label_0', 'label_1'] }],
    ['Sigmoid of three', [then('Sigmoid')], WIDE, { kind: 'multilabel', labels: ['label_0', 'label_1', 'label_2'] }],
    ['one value', [then('Identity')], NARROW, { kind: 'regression' }],
    ['Softmax of one value', [then('Softmax')], NARROW, { kind: 'regression' }],
    ['three values', [then('Identity')], WIDE, { kind: 'tensor' }],
  ];
  for (const [what, nodes, weight, expected] of cases) {
    it(`${what}: ${expected.kind}`, async () => {
      const w = { name: 'w', type: 1, dims: [2, weight.length / 2], raw: floatBytes(...weight) };
      const folder = folderOf([{ op: 'MatMul', inputs: ['x', 'w'], outputs: ['z'] }, ...nodes], {
        type: 1,
        dims: ['n', 't', 2],
        weights: [w],
      });
      const { heads } = await writeGuess(folder);
      const { kind, per } = heads[0];
      assert.deepEqual({ ...expected, per: 'step' }, { ...pick(heads[0], expected), kind, per });
      assert.match(heads[0].description ?? '', new RegExp(`^guess: ${kind}, `));
      const { certificate } = await load(folder);
      assert.equal(certificate.mixing, 'classes');
    });
  }

  function then(op: string, output = 'y', input = 'z'): NodeSpec {
    return { op, inputs: [input], outputs: [output] };
  }
  function pick(head: ManifestHead, like: object): object {
    return Object.fromEntries(Object.keys(like).map(key => [key, head[key as keyof ManifestHead]]));
  }
});

it('names a graph that cannot be run, and prints nothing', async () => {
  const broken = path.join(EXPORTERS, '../exporters-broken/layout-one/1/model.onnx');
  assert.match(await faultOf(['inspect', broken, '--manifest']), /layout-one\/1\/model\.onnx: .* layout=1/);
});
