// Numbers that are not finite: log-probabilities of minus infinity over REST and v2, with a manifest and without one.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { clientOf } from '../support/client/client.ts';
import { answerOf, binaryBody, inject, jsonBody } from '../support/client/v2.ts';
import { type GraphSpec, onnxFile } from '../support/models/onnx-writer.ts';
import { temporaryFolder } from '../support/models/served-copies.ts';
import { startApp, type TestApp } from '../support/server/service.ts';

/** logp = log(max(x, 0)), and its first feature by itself. */
const LOGARITHM: GraphSpec = {
  nodes: [
    { op: 'Relu', inputs: ['x'], outputs: ['positive'] },
    { op: 'Log', inputs: ['positive'], outputs: ['logp'] },
    { op: 'Gather', inputs: ['logp', 'zero'], outputs: ['first'], attributes: { axis: 2 } },
  ],
  initializers: [{ name: 'zero', type: 7, dims: [], raw: new Uint8Array(8) }],
  inputs: [{ name: 'x', type: 1, dims: ['n', 't', 2] }],
  outputs: [
    { name: 'logp', type: 1, dims: ['n', 't', 2] },
    { name: 'first', type: 1, dims: ['n', 't'] },
  ],
};
const MANIFEST = {
  formatVersion: 1,
  graph: { file: 'model.onnx' },
  inputs: [{ name: 'x', tensor: 'x', kind: 'numeric', features: [{ name: 'a' }, { name: 'b' }] }],
  heads: [
    {
      name: 'kind',
      tensor: 'logp',
      kind: 'multiclass',
      per: 'step',
      activation: 'logits',
      labels: ['a', 'b'],
      nonFinite: 'null',
    },
    { name: 'level', tensor: 'first', kind: 'regression', per: 'step', unit: 'dB' },
  ],
};
/** exp(1) and 1 have logarithms, what is not positive has none. */
const STEPS = [
  [Math.fround(Math.E), 1],
  [-1, 1],
  [0, -2],
];

function repository(models: Record<string, object | undefined>): string {
  const root = temporaryFolder();
  for (const [name, manifest] of Object.entries(models)) {
    const folder = path.join(root, name, '1');
    mkdirSync(folder, { recursive: true });
    writeFileSync(path.join(folder, 'model.onnx'), onnxFile(LOGARITHM));
    if (manifest) writeFileSync(path.join(folder, 'manifest.json'), JSON.stringify(manifest));
  }
  return root;
}

describe('an answer that is not finite', () => {
  let app: TestApp;
  before(async () => {
    app = await startApp({ POLYHEAD_MODEL_REPOSITORY: repository({ raw: undefined, named: MANIFEST }) });
  });
  after(() => app.close());

  const predict = async (model: string) => {
    const reply = await (await clientOf(app))(`/v1/models/${model}/predict`, { body: { sequences: [STEPS] } });
    assert.equal(reply.status, 200, reply.text);
    return JSON.parse(reply.text).predictions[0].heads;
  };

  it('is null among the numbers of a raw head', async () => {
    const { logp, first } = await predict('raw');
    assert.deepEqual(logp.values.slice(1), [
      [null, 0],
      [null, null],
    ]);
    assert.deepEqual(first.values.slice(1), [null, null]);
    assert.ok(Math.abs(logp.values[0][0] - 1) < 1e-6);
  });

  it('is a null value; among labels an infinite logit decides, and nothing can be decided where all are', async () => {
    const { kind, level } = await predict('named');
    assert.deepEqual(level.steps.slice(1), [
      { value: null, unit: 'dB' },
      { value: null, unit: 'dB' },
    ]);
    const e = Math.fround(Math.E);
    assert.ok(Math.abs(kind.steps[0].probability - e / (e + 1)) < 1e-6);
    assert.deepEqual(kind.steps.slice(1), [{ label: 'b', probability: 1 }, null]);
  });

  it('is null in the JSON of v2 and itself in bytes', async () => {
    const x = { name: 'x', datatype: 'FP32', shape: [1, 3, 2], data: STEPS.flat() };
    const json = answerOf(await inject(app, '/v2/models/raw/infer', jsonBody([x], { outputs: [{ name: 'first' }] })));
    assert.deepEqual(json.outputs[0].data?.slice(1), [null, null]);
    const bytes = await inject(
      app,
      '/v2/models/raw/infer',
      binaryBody([x], { parameters: { binary_data_output: true }, outputs: [{ name: 'first' }] }),
    );
    assert.deepEqual(answerOf(bytes).outputs[0].data?.slice(1), [-Infinity, -Infinity]);
  });

  it('is counted by output', async () => {
    const count = async () => {
      const text = (await app.app.inject('/metrics')).body;
      return Number(
        /^polyhead_nonfinite_answers_total\{model="raw",version="1",output="logp"\} (\d+)$/m.exec(text)?.[1] ?? 0,
      );
    };
    const earlier = await count();
    await predict('raw');
    assert.equal(await count(), earlier + 1);
  });

  it('may be null in the API document, and the description says by which rule', async () => {
    const call = await clientOf(app);
    const document = JSON.parse((await call('/openapi.json')).text);
    const [heads] = Object.entries<never>(document.paths)
      .filter(([at]) => at === '/v1/models/named/predict')
      .map(([, item]) => JSON.stringify(item));
    assert.match(heads, /"value":\{"type":\["number","null"\]\}/);
    const { heads: told } = JSON.parse((await call('/v1/models/named')).text);
    assert.deepEqual(
      told.map(({ nonFinite }: { nonFinite: string }) => nonFinite),
      ['null', 'null'],
    );
  });
});

it('refuses at load a head that wants errors and whose warm-up is one, and says what the manifest may say', async () => {
  const heads = MANIFEST.heads.map(head => ({ ...head, nonFinite: 'error' }));
  const env = { POLYHEAD_MODEL_REPOSITORY: repository({ strict: { ...MANIFEST, heads } }) };
  await assert.rejects(
    startApp(env),
    /strict\/1: .*output "(logp|first)" .* is -?(Infinity|NaN); the manifest may say "nonFinite": "null" of the head/,
  );
});
