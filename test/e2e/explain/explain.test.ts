// Explanations over REST: the planted case, every shipped kind of model, completeness, and what is refused.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Client, clientOf } from '../../support/client/client.ts';
import { onnxFile } from '../../support/models/onnx-writer.ts';
import { repositoryOf } from '../../support/models/served-copies.ts';
import { shippedFolder } from '../../support/models/shipped.ts';
import { until } from '../../support/runner/until.ts';
import { startApp, type TestApp } from '../../support/server/service.ts';

const SHIPPED = ['weather', 'two-cities', 'tagger', 'storms', 'weather-quantised'];
const METHODS = ['occlusion', 'shapley', 'integratedGradients'] as const;
const PLANTED = [
  [1, 2],
  [3, 0],
];

/** y = x[1][2] · x[3][0] of five steps of three features: no other value matters, and neither does without the other. */
function plant(repository: string): void {
  const folder = path.join(repository, 'planted', '1');
  mkdirSync(folder, { recursive: true });
  const gather = (from: string, to: string, index: string, axis: number) =>
    ({ op: 'Gather', inputs: [from, index], outputs: [to], attributes: { axis } }) as const;
  const chosen = PLANTED.flatMap(([step, feature], i) => [
    gather('x', `step_${i}`, `index_${step}`, 1),
    gather(`step_${i}`, `cell_${i}`, `index_${feature}`, 1),
  ]);
  const graph = onnxFile({
    nodes: [...chosen, { op: 'Mul', inputs: ['cell_0', 'cell_1'], outputs: ['y'] }],
    initializers: [0, 1, 2, 3].map(value => ({ name: `index_${value}`, type: 6, dims: [], ints: [value] })),
    inputs: [{ name: 'x', type: 1, dims: ['batch', 5, 3] }],
    outputs: [{ name: 'y', type: 1, dims: ['batch'] }],
  });
  writeFileSync(path.join(folder, 'model.onnx'), graph);
  const features = ['a', 'b', 'c'].map(name => ({ name }));
  const inputs = [{ name: 'x', tensor: 'x', kind: 'numeric', time: { minimum: 5, maximum: 5 }, features }];
  const heads = [{ name: 'y', tensor: 'y', kind: 'regression' }];
  writeFileSync(
    path.join(folder, 'manifest.json'),
    JSON.stringify({ formatVersion: 1, graph: { file: 'model.onnx' }, inputs, heads }),
  );
}

interface Told {
  readonly target: string;
  readonly step?: number;
  readonly output: number;
  readonly baselineOutput: number;
  readonly attributions: unknown;
  readonly convergence: { rows: number; gap: number; standardError?: number | null; partial: boolean };
}

const leavesOf = (value: unknown): number[] =>
  typeof value === 'number' ? [value] : Object.values(value as object).flatMap(leavesOf);

describe('explain', () => {
  let app: TestApp;
  let call: Client;
  before(async () => {
    const repository = repositoryOf(...SHIPPED.map(name => `models/${name}`));
    plant(repository);
    app = await startApp({ POLYHEAD_MODEL_REPOSITORY: repository, POLYHEAD_WORKERS: '1' });
    call = await clientOf(app);
  });
  after(() => app.close());

  async function explain(model: string, body: object): Promise<{ length: number; heads: Record<string, Told> }[]> {
    const reply = await call(`/v1/models/${model}/explain`, { body });
    assert.equal(reply.status, 200, reply.text);
    return JSON.parse(reply.text).explanations;
  }
  const exampleOf = (model: string) => JSON.parse(readFileSync(`${shippedFolder(model)}/example.json`, 'utf8'));

  for (const method of METHODS) {
    it(`finds the two planted cells by ${method}, and nothing else`, async () => {
      const sequence = Array.from({ length: 5 }, (_, t) => [t + 1, 2 * t + 1, 3 - t / 2]);
      const [{ heads }] = await explain('planted', { sequences: [sequence], method, baseline: 'zero' });
      const { attributions, output } = heads.y;
      const found = (attributions as number[][]).flatMap((step, t) =>
        step.flatMap((value, f) => (Math.abs(value) > 1e-5 ? [[t, f]] : [])),
      );
      assert.deepEqual(found, PLANTED);
      const share = method === 'occlusion' ? 1 : 0.5; // either takes all with it; fairly shared, each has half
      for (const [t, f] of PLANTED) {
        assert.ok(Math.abs((attributions as number[][])[t][f] - share * output) < 1e-4 * output);
      }
    });
  }

  for (const model of SHIPPED) {
    it(`explains every head of ${model}, and Shapley values add up`, async () => {
      const { sequences } = exampleOf(model);
      const explanations = await explain(model, { sequences: sequences.slice(0, 2), method: 'shapley', budget: 300 });
      const { predictions } = JSON.parse((await call(`/v1/models/${model}/predict`, { body: { sequences } })).text);
      explanations.forEach(({ length, heads }, s) => {
        assert.equal(length, predictions[s].length);
        assert.deepEqual(Object.keys(heads), Object.keys(predictions[s].heads));
        for (const [name, { target, output, baselineOutput, attributions, convergence, step }] of Object.entries(
          heads,
        )) {
          const { steps, ...plain } = predictions[s].heads[name];
          const answer = steps ? steps[step as number] : plain;
          assert.equal(answer.value ?? answer.probability, output, name);
          assert.equal(answer.label ?? name, target);
          if (steps) assert.equal(step, length - 1);
          const sum = leavesOf(attributions).reduce((total, value) => total + value, 0);
          const scale = Math.max(1, Math.abs(output), Math.abs(baselineOutput));
          assert.ok(Math.abs(sum - (output - baselineOutput)) < 1e-4 * scale, `${name}: ${sum}`);
          assert.ok(Math.abs(convergence.gap) < 1e-4 * scale && !convergence.partial);
          assert.ok(convergence.rows <= 302, `${convergence.rows} rows`);
        }
      });
    });
  }

  it('gives a number a step and feature, a number a word, and by input where there are several', async () => {
    const shapes: [string, (attributions: never, sequence: never) => void][] = [
      [
        'weather',
        (grid: number[][], days: object[]) =>
          assert.deepEqual(
            grid.map(s => s.length),
            days.map(() => 7),
          ),
      ],
      ['tagger', (grid: number[], words: string[]) => assert.equal(grid.length, words.length)],
      [
        'two-cities',
        (grids: Record<string, number[][]>, cities: Record<string, object[]>) => {
          for (const name of Object.keys(cities)) assert.equal(grids[name].length, cities[name].length);
        },
      ],
    ];
    for (const [model, check] of shapes) {
      const [sequence] = exampleOf(model).sequences;
      const [{ heads }] = await explain(model, { sequences: [sequence] });
      for (const { attributions } of Object.values(heads)) check(attributions as never, sequence as never);
    }
  });

  it('explains the label, the step and against the baseline that the caller names', async () => {
    const [sequence] = exampleOf('storms').sequences;
    const body = { sequences: [sequence], heads: ['status'], targets: { status: 'hurricane' }, steps: { status: 2 } };
    const [{ heads }] = await explain('storms', { ...body, baseline: sequence });
    const { target, step, output, baselineOutput, attributions } = heads.status;
    assert.deepEqual([target, step, output], ['hurricane', 2, baselineOutput]);
    assert.ok(
      leavesOf(attributions).every(value => value === 0),
      'nothing differs from itself',
    );
    const [against] = await explain('storms', { ...body, baseline: 'zero' });
    const later = (against.heads.status.attributions as number[][]).slice(3).flat();
    assert.ok(
      later.every(value => Math.abs(value) < 1e-6),
      'a step knows nothing of later ones',
    );
  });

  it('says that an explanation is partial when the time is up', async () => {
    const [first] = exampleOf('weather').sequences;
    const days = Array.from({ length: 365 }, (_, t) => ({ ...first[t % first.length], wind: t % 9 }));
    const body = { sequences: [days], method: 'shapley', budget: 16_384 };
    const reply = await call('/v1/models/weather/explain', { body, headers: { 'x-request-timeout-ms': '120' } });
    if (reply.status === 504) return; // a slow box may not even run the first rows
    const { heads } = JSON.parse(reply.text).explanations[0];
    assert.ok(heads.rain.convergence.partial);
    assert.ok(heads.rain.attributions.length === 365);
  });

  it('is answered whole by the version that began it, though that is taken out of service meanwhile', async () => {
    const { sequences } = exampleOf('two-cities');
    const { statistics } = app.service.models.get('two-cities');
    const before = statistics.sequences;
    const explained = explain('two-cities', { sequences: [sequences[0], sequences[0]], method: 'shapley' });
    await until('it is under way', () => statistics.sequences > before + 4);
    await app.service.control.unload('two-cities');
    for (const { heads } of await explained)
      for (const head of Object.values(heads)) assert.ok(!head.convergence.partial);
  });

  it('goes on when the samples that could not be read can be read', async () => {
    await app.service.control.load('planted');
    const file = path.join(app.config.modelRepository, 'planted/1/golden.json');
    const body = { sequences: [Array(5).fill([1, 2, 3])] };
    writeFileSync(file, '{');
    assert.equal((await call('/v1/models/planted/explain', { body })).status, 500);
    rmSync(file);
    await explain('planted', body);
  });

  const [week] = exampleOf('weather').sequences;
  const refused: [string, string, object, number, string][] = [
    ['an unknown head', 'weather', { heads: ['snow'] }, 400, '/heads/0'],
    ['a label that the head has not', 'weather', { targets: { rain: 'hail' } }, 400, '/targets/rain'],
    ['a target of an unknown head', 'weather', { targets: { hail: 'yes' } }, 400, '/targets/hail'],
    [
      'a target of a head not asked for',
      'weather',
      { heads: ['wind'], targets: { rain: 'rain' } },
      400,
      '/targets/rain',
    ],
    ['a label of a head of values', 'weather', { targets: { wind: 'strong' } }, 400, '/targets/wind'],
    ['a step of a head that answers once', 'weather', { steps: { wind: 0 } }, 400, '/steps/wind'],
    ['a step beyond the end', 'storms', { steps: { wind: 99 } }, 400, '/steps/wind'],
    ['a baseline of another length', 'weather', { baseline: week.slice(1) }, 400, '/baseline'],
    ['a baseline that is none', 'weather', { baseline: 'typical' }, 422, '/baseline'],
    ['gradients of words', 'tagger', { method: 'integratedGradients' }, 400, ''],
    ['too small a budget', 'weather', { method: 'integratedGradients', budget: 16 }, 400, ''],
    ['windows that the budget does not hold', 'weather', { window: {}, budget: 16 }, 400, ''],
    ['a method that is none', 'weather', { method: 'guess' }, 400, '/method'],
    ['a sequence that does not fit', 'weather', { sequences: [[[1]]] }, 422, '/sequences/0/0'],
  ];
  for (const [what, model, body, status, pointer] of refused) {
    it(`refuses ${what}`, async () => {
      const sequences = exampleOf(model).sequences.slice(0, 1);
      const reply = await call(`/v1/models/${model}/explain`, { body: { sequences, ...body } });
      assert.equal(reply.status, status, reply.text);
      const { errors, detail } = JSON.parse(reply.text);
      assert.ok(detail.length > 0);
      if (pointer !== '') assert.equal(errors[0].pointer, pointer, reply.text);
    });
  }
});
