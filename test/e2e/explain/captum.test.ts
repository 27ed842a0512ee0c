// Attributions beside those that captum finds in the PyTorch originals (test/fixtures/makers/explanations.py).
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { repositoryOf } from '../../support/models/served-copies.ts';
import { ROOT, startApp, type TestApp } from '../../support/server/service.ts';

const MODELS = ['weather', 'storms', 'tagger'];

interface Expected {
  readonly head: string;
  /** Of the head's labels; the label itself for tokens. */
  readonly column?: number;
  readonly label?: string;
  readonly step?: number | null;
  readonly output: number;
  readonly baselineOutput: number;
  readonly occlusion: readonly { readonly window: object; readonly attributions: unknown }[];
  readonly shapley: { readonly attributions: unknown; readonly standardError: number };
  readonly integratedGradients?: { readonly nodes: number; readonly attributions: number[][] };
}
interface Fixture {
  readonly graph: string;
  readonly cases: readonly {
    readonly sequence: unknown[];
    readonly baseline: unknown;
    readonly heads: readonly Expected[];
  }[];
}

const flat = (values: unknown) => (values as number[][]).flat();

describe('beside captum', () => {
  let app: TestApp;
  before(async () => {
    const repository = repositoryOf(...MODELS.map(name => `models/${name}`));
    app = await startApp({ POLYHEAD_MODEL_REPOSITORY: repository, POLYHEAD_WORKERS: '1' });
  });
  after(() => app.close());

  async function explain(model: string, body: object) {
    const reply = await app.app.inject({ method: 'POST', url: `/v1/models/${model}/explain`, payload: body });
    assert.equal(reply.statusCode, 200, reply.body);
    return reply.json().explanations[0].heads;
  }

  /** The largest difference, as a part of the largest attribution or of `floor`. */
  function furthest(ours: unknown, theirs: unknown, floor: number): number {
    const [a, b] = [flat(ours), flat(theirs)];
    assert.equal(a.length, b.length);
    const scale = Math.max(floor, ...b.map(Math.abs));
    return Math.max(...a.map((value, i) => Math.abs(value - b[i]))) / scale;
  }

  for (const model of MODELS) {
    const { cases, graph }: Fixture = JSON.parse(readFileSync(`${ROOT}test/fixtures/explain/${model}.json`, 'utf8'));
    cases.forEach(({ sequence, baseline, heads }, c) => {
      for (const expected of heads) {
        const { head, column = 0, step } = expected;
        const ask = (loaded: ReturnType<TestApp['service']['models']['get']>, more: object) => {
          const spec = loaded.manifest.heads.find(({ name }) => name === head);
          const labels = spec && 'labels' in spec ? spec.labels : [];
          const label = expected.label ?? (labels.length === 2 ? labels[1] : labels[column]);
          const targets = label === undefined ? undefined : { [head]: label };
          const steps = step === undefined || step === null ? undefined : { [head]: step };
          return { sequences: [sequence], baseline, heads: [head], targets, steps, ...more };
        };
        it(`${model} ${c + 1}, ${head}: the same numbers`, async () => {
          const loaded = app.service.models.get(model);
          assert.equal(loaded.graph.sha256, graph, 'the model is another: make the fixture again');
          for (const { window, attributions } of expected.occlusion) {
            const told = (await explain(model, ask(loaded, { method: 'occlusion', window, budget: 4096 })))[head];
            assert.ok(Math.abs(told.output - expected.output) < 1e-4 * Math.max(1, Math.abs(expected.output)));
            const far = furthest(told.attributions, attributions, 1e-3);
            assert.ok(far < 1e-3, `occlusion ${JSON.stringify(window)}: ${far}`);
          }
          const told = (await explain(model, ask(loaded, { method: 'shapley', budget: 8192 })))[head];
          const error = 4 * (told.convergence.standardError + expected.shapley.standardError) + 1e-5;
          flat(told.attributions).forEach((value, i) => {
            const other = flat(expected.shapley.attributions)[i];
            assert.ok(Math.abs(value - other) <= error, `Shapley, cell ${i}: ${value}, captum ${other} ± ${error}`);
          });
          const { integratedGradients: gradients } = expected;
          if (!gradients) return;
          const cells = flat(gradients.attributions).filter(value => value !== 0).length;
          const body = ask(loaded, { method: 'integratedGradients', budget: 2 * gradients.nodes * cells });
          const far = furthest((await explain(model, body))[head].attributions, gradients.attributions, 1e-3);
          assert.ok(far < 0.02, `integrated gradients: ${far}`);
        });
      }
    });
  }
});
