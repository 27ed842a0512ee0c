// The manifest of a graph that brings none: roles and axes by what the graph does, whatever its names say.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Tensor, Tensors } from '../../../src/core/tensor.ts';
import { bindSignature } from '../../../src/model/bind.ts';
import type { Manifest } from '../../../src/model/manifest.ts';
import type { TensorInfo } from '../../../src/model/onnx/graph.ts';
import { inferManifest } from '../../../src/proof/discovery/manifest.ts';
import { graphOf, info } from '../../support/models/models.ts';
import { refusalOf } from '../../support/models/refusal.ts';

const X = info('x', 'float32', ['a', 'b', 1]);
const Y = info('y', 'float32', [null, 1]);
const floats = (dims: number[], data: ArrayLike<number>): Tensor => ({
  dtype: 'float32',
  dims,
  data: Float32Array.from(data),
});

/** Answers each row with a sum over its steps, each weighed. */
function sums(x: Tensor, weigh: (row: number, step: number) => number): Tensor {
  const [n, t] = x.dims;
  const values = Array.from({ length: n }, (_, row) => {
    let sum = 0;
    for (let s = 0; s < t; s++) sum += weigh(row, s) * (s + 1) * (x.data as Float32Array)[row * t + s];
    return sum;
  });
  return floats([n, 1], values);
}

/** What is inferred of a graph that runs so; it must bind. */
async function infer(inputs: TensorInfo[], run: (feeds: Tensors) => Tensors, outputs = [Y]): Promise<Manifest> {
  const graph = graphOf(inputs, outputs);
  const manifest = await inferManifest(graph, async feeds => run(feeds));
  bindSignature(manifest, graph);
  return manifest;
}

const rolesOf = ({ inputs, state }: Manifest) => ({
  inputs: inputs.map(input => ({
    name: input.name,
    kind: input.kind,
    ...('lengths' in input && input.lengths ? { lengths: input.lengths } : {}),
    ...('mask' in input && input.mask ? { mask: input.mask } : {}),
  })),
  state,
});

test('lengths are known by what they do, not by their name', async () => {
  const k = info('k', 'int64', ['c']);
  const counted = await infer([X, k], ({ x, k }) => ({ y: sums(x, (row, s) => (s < Number(k.data[row]) ? 1 : 0)) }));
  assert.deepEqual(rolesOf(counted), { inputs: [{ name: 'x', kind: 'tensor', lengths: 'k' }], state: [] });
  const added = await infer([X, k], ({ x, k }) => ({ y: sums(x, (row, s) => (s === 0 ? Number(k.data[row]) : 1)) }));
  assert.deepEqual(rolesOf(added).inputs, [
    { name: 'x', kind: 'tensor' },
    { name: 'k', kind: 'tensor' },
  ]);
});

test('a mask is known by what it does; numbers that change nothing, or everything, stay the caller’s', async () => {
  for (const dtype of ['bool', 'int64', 'int32'] as const) {
    const m = info('m', dtype, ['a', 'b']);
    const at = ({ data, dims }: Tensor, row: number, s: number) => Number(data[row * dims[1] + s]);
    const masked = await infer([X, m], ({ x, m }) => ({ y: sums(x, (row, s) => at(m, row, s)) }));
    assert.deepEqual(rolesOf(masked).inputs, [{ name: 'x', kind: 'tensor', mask: 'm' }], dtype);
    const ignored = await infer([X, m], ({ x }) => ({ y: sums(x, () => 1) }));
    assert.deepEqual(
      rolesOf(ignored).inputs.map(({ name, kind }) => [name, kind]),
      [
        ['x', 'tensor'],
        ['m', 'tensor'],
      ],
    );
  }
});

test('a side input gets an example that the graph accepts', async () => {
  const rate = info('rate', 'int64', []);
  const { inputs } = await infer([X, rate], ({ x, rate }) => {
    if (rate.data[0] !== 16000n) throw new Error('unsupported rate');
    return { y: sums(x, () => 1) };
  });
  assert.deepEqual(inputs[1], { kind: 'side', name: 'rate', tensor: 'rate', example: 16000 });
});

test('state is paired by what continues: crossed names and equal shapes do not mislead', async () => {
  const [h, c] = ['a', 'b'].map(name => info(name, 'float32', [1, 'n', 1]));
  const outputs = [Y, ...['a_next', 'b_next'].map(name => info(name, 'float32', [1, 'n', 1]))];
  const value = (tensor: Tensor, i: number) => (tensor.data as Float32Array)[i];
  const { state } = await infer(
    [X, h, c],
    ({ x, a, b }) => {
      const [n, t] = x.dims;
      const rows = Array.from({ length: n }, (_, row) => {
        let [p, q] = [value(a, row), value(b, row)];
        for (let s = 0; s < t; s++) [p, q] = [Math.tanh(0.5 * p + q - value(x, row * t + s)), 0.9 * q + 0.3 * p];
        return [p, q];
      });
      const [ps, qs] = [0, 1].map(i => rows.map(row => row[i]));
      return {
        y: floats(
          [n, 1],
          ps.map((p, i) => p + qs[i]),
        ),
        a_next: floats([1, n, 1], qs),
        b_next: floats([1, n, 1], ps),
      };
    },
    outputs,
  );
  assert.deepEqual(
    [...state].sort((p, q) => (p.input < q.input ? -1 : 1)),
    [
      { input: 'a', output: 'b_next', batchAxis: 1 },
      { input: 'b', output: 'a_next', batchAxis: 1 },
    ],
  );
});

test('[batch, samples] has no time axis, ids have one, and a fixed number of steps is kept', async () => {
  const wave = info('wave', 'float32', ['n', 'samples']);
  const flat = await infer([wave], ({ wave }) => ({ y: sums(wave, () => 1) }));
  assert.deepEqual([flat.inputs[0].kind, (flat.inputs[0] as { timeAxis: unknown }).timeAxis], ['tensor', null]);
  const ids = info('ids', 'int64', ['n', 't']);
  const words = await infer([ids], ({ ids }) => ({
    y: sums(floats([...ids.dims], Array.from(ids.data as BigInt64Array, Number)), () => 1),
  }));
  assert.equal((words.inputs[0] as { timeAxis: unknown }).timeAxis, 1);
  const fixed = await infer([info('x', 'float32', ['n', 10, 1])], ({ x }) => ({ y: sums(x, () => 1) }));
  assert.deepEqual((fixed.inputs[0] as { time: unknown }).time, { minimum: 10, maximum: 10 });
});

test('a graph that mixes its rows has them all the same; one without a batch axis has none', async () => {
  const { inputs, heads } = await infer(
    [info('x', 'float32', ['t', 3])],
    ({ x }) => {
      const [t] = x.dims;
      return {
        y: floats(
          [2],
          [0, 1].map(k => (x.data as Float32Array).reduce((sum, v, i) => sum + v * (k + i / (3 * t)), 0)),
        ),
      };
    },
    [info('y', 'float32', [2])],
  );
  const { batchAxis, timeAxis } = inputs[0] as { batchAxis: unknown; timeAxis: unknown };
  assert.deepEqual([batchAxis, timeAxis, heads[0].batchAxis], [null, 0, null]);
});

test('a float that weighs the steps is the caller’s, unless it is called a mask or read as yes or no', async () => {
  const weighed = (name: string, weigh: (value: number) => number) =>
    infer([X, info(name, 'float32', ['a', 'b'])], feeds => {
      const w = feeds[name];
      return { y: sums(feeds.x, (row, s) => weigh(Number(w.data[row * w.dims[1] + s]))) };
    });
  const maskOf = async (manifest: Promise<Manifest>) => rolesOf(await manifest).inputs[0].mask;
  assert.equal(await maskOf(weighed('dose', value => value)), undefined);
  assert.equal(await maskOf(weighed('attention_mask', value => value)), 'attention_mask');
  assert.equal(await maskOf(weighed('dose', value => (value > 0.25 ? 1 : 0))), 'dose');
});

test('a number per sequence with "len" in its name is the caller’s if it does not tell the steps', async () => {
  const valence = info('valence', 'int64', ['c']);
  const steps = [info('y', 'float32', [null, null, 1])];
  const { inputs } = await infer(
    [X, valence],
    ({ x, valence }) => {
      const [, t] = x.dims;
      let sum = 0;
      const data = Array.from(x.data as Float32Array, (value, i) => {
        sum = (i % t === 0 ? 0 : sum) + value;
        return sum + Number(valence.data[Math.floor(i / t)]);
      });
      return { y: floats([...x.dims], data) };
    },
    steps,
  );
  assert.deepEqual(
    inputs.map(({ name }) => name),
    ['x', 'valence'],
  );
});

test('a batch of one that is baked in is a model too: every sequence is a run of its own', async () => {
  const x = info('x', 'float32', [1, 1, 2]);
  const cell = info('cell', 'float32', [1, 2]);
  const manifest = await infer(
    [x, cell],
    ({ x, cell }) => {
      const next = [0, 1].map(i => Number(cell.data[i]) + Number(x.data[i]));
      return { y: floats([1, 2], next.map(Math.tanh)), cell_out: floats([1, 2], next) };
    },
    [info('y', 'float32', [1, 2]), info('cell_out', 'float32', [1, 2])],
  );
  assert.equal((manifest.inputs[0] as { batchAxis: unknown }).batchAxis, null);
  assert.deepEqual(manifest.state, [{ input: 'cell', output: 'cell_out', batchAxis: null }]);
});

test('without time steps, letters are no evidence of state: INPUT stays the caller’s, INPUT_STATE does not', async () => {
  const row = (name: string) => info(name, 'float32', ['b', 1]);
  const value = (tensor: Tensor) => Array.from(tensor.data as Float32Array);
  const accumulator = (state: string, next: string) =>
    infer(
      [row('INPUT'), row(state)],
      feeds => {
        const sums = value(feeds[state]).map((s, i) => s + value(feeds.INPUT)[i]);
        const tensor = (numbers: number[]) => floats([numbers.length, 1], numbers);
        return { OUTPUT: tensor(sums.map(s => 2 * s)), [next]: tensor(sums) };
      },
      [row('OUTPUT'), row(next)],
    );
  const cases: [string, string, number][] = [
    ['INPUT_STATE', 'OUTPUT_STATE', 1],
    ['s1', 'out/s1', 1],
    ['h0', 'hn', 1],
    ['INSIDE', 'OUTER', 0],
  ];
  for (const [state, next, pairs] of cases) {
    const found = (await accumulator(state, next)).state;
    assert.deepEqual(found, pairs ? [{ input: state, output: next, batchAxis: 0 }] : [], state);
  }
});

test('the least number of steps and their multiple are found, and what was merely tried is no limit', async () => {
  const taking = (takes: (steps: number) => boolean) =>
    infer([X], ({ x }) => {
      if (!takes(x.dims[1])) throw new Error('no');
      return { y: sums(x, () => 1) };
    });
  const timeOf = async (takes: (steps: number) => boolean) =>
    ((await taking(takes)).inputs[0] as { time: unknown }).time;
  const maximum = 65_536;
  assert.deepEqual(await timeOf(() => true), { minimum: 1, maximum });
  assert.deepEqual(await timeOf(steps => steps >= 5), { minimum: 5, maximum });
  assert.deepEqual(await timeOf(steps => steps % 4 === 0), { minimum: 4, maximum, multipleOf: 4 });
  assert.deepEqual(await timeOf(steps => steps >= 12 && steps % 4 === 0), { minimum: 12, maximum, multipleOf: 4 });
});

test('sizes that can only grow together grow together', async () => {
  const mask = info('m', 'bool', ['c', 'd']);
  const { inputs } = await infer([X, mask], ({ x, m }) => {
    if (x.dims[1] !== m.dims[1]) throw new Error('no');
    return { y: sums(x, (row, s) => Number(m.data[row * m.dims[1] + s])) };
  });
  assert.deepEqual((inputs[0] as { time: unknown }).time, { minimum: 1, maximum: 65_536 });
});

test('ids end where the graph refuses them, also those that an exporter made floats', async () => {
  for (const dtype of ['int64', 'int32', 'float32'] as const) {
    const { inputs } = await infer([info('ids', dtype, ['n', 't'])], ({ ids }) => {
      const whole = Array.from(ids.data as Iterable<number | bigint>, id => Math.trunc(Number(id)));
      if (whole.some(id => id > 11)) throw new Error('out of bounds');
      return { y: sums(floats([...ids.dims], whole), () => 1) };
    });
    const { minimum, maximum, integer } = inputs[0] as { minimum?: number; maximum?: number; integer?: boolean };
    assert.deepEqual([minimum, maximum, integer], [0, 11, dtype === 'float32' ? true : undefined], dtype);
  }
});

test('an axis that holds time is not taken for a batch because zeros do not tell', async () => {
  // [1, steps] ids, each answer a weighed sum of its neighbours.
  const { inputs } = await infer(
    [info('ids', 'int64', [1, 't'])],
    ({ ids }) => {
      const all = Array.from(ids.data as BigInt64Array, Number);
      return {
        y: floats(
          [all.length],
          all.map((id, t) => id + 0.5 * (all[t - 1] ?? 0) * (all[t + 1] ?? 0)),
        ),
      };
    },
    [info('y', 'float32', [null])],
  );
  const { batchAxis, timeAxis } = inputs[0] as { batchAxis: unknown; timeAxis: unknown };
  assert.deepEqual([batchAxis, timeAxis], [null, 1]);
});

test('what cannot be run is refused in words that say what to do', async () => {
  const failing = graphOf([X], [Y]);
  const refuse = async () => Promise.reject(new Error('no'));
  assert.equal(
    await refusalOf(inferManifest(failing, refuse)),
    'model.onnx cannot be run on inputs made from its signature alone; write a manifest that describes them',
  );
});
