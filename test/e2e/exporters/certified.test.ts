// The certificate decides: a server that batches a graph as its certificate forbids is caught by the same check that all
// honest ones pass. And what a graph of two hundred heads makes of documents, replies and metrics.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Client, clientAt, listen } from '../../support/client/client.ts';
import { parseMetrics } from '../../support/client/prometheus.ts';
import { crowd, force } from '../../support/models/exporters.ts';
import { repositoryOf } from '../../support/models/served-copies.ts';
import { ROOT, startApp, type TestApp } from '../../support/server/service.ts';

const FIXTURES = 'test/fixtures/exporters';
const SPECIAL = ['test/fixtures/special/batch-mean', 'test/fixtures/special/padded-last'];

describe('a certificate', () => {
  let app: TestApp;
  let origin: string;
  before(async () => {
    const names = ['oq-lstm', 'tl-lstm', 'tl-padded-last', 'tl-batchstat', 'tl-rnn', 'tl-samples', 'tl-nobatch'];
    const repository = repositoryOf(...names.map(name => `${FIXTURES}/${name}`), ...SPECIAL);
    app = await startApp({ POLYHEAD_MODEL_REPOSITORY: repository, POLYHEAD_WORKERS: '1' });
    origin = await listen(app);
  });
  after(() => app?.close());

  it('is kept for graphs with a manifest whose rows or lengths may not mix', async () => {
    const found = ['batch-mean', 'padded-last'].map(name => {
      const { mixing, inferred, certificate } = app.service.models.get(name);
      return { mixing, inferred, rows: certificate.rows, lengths: certificate.lengths };
    });
    assert.deepEqual(found, [
      { mixing: 'alone', inferred: false, rows: 'alone', lengths: 'equalOnly' },
      { mixing: 'equal', inferred: false, rows: 'exact', lengths: 'equalOnly' },
    ]);
    for (const name of ['batch-mean', 'padded-last']) {
      const { faults, company } = await crowd(app, origin, name);
      assert.deepEqual(faults, []);
      assert.equal(company > 1, name === 'padded-last');
    }
  });

  const wrong = [
    { name: 'oq-lstm', rules: { mixing: 'classes' }, why: 'one scale quantises the whole batch' },
    { name: 'oq-lstm', rules: { mixing: 'equal' }, why: 'equal lengths do not help it' },
    { name: 'tl-batchstat', rules: { mixing: 'equal' }, why: 'rows see the mean of the batch' },
    { name: 'batch-mean', rules: { mixing: 'classes' }, why: 'the same, with a manifest' },
    { name: 'tl-padded-last', rules: { mixing: 'classes' }, why: 'a head reads the padded last step' },
    { name: 'padded-last', rules: { mixing: 'classes' }, why: 'the same, with a manifest' },
    { name: 'tl-lstm', rules: { mixing: 'classes' }, why: 'nothing tells it what is padding' },
    { name: 'tl-rnn', rules: { mixing: 'equal', pairs: false }, why: 'a lone row is computed in another order' },
  ] as const;
  for (const { name, rules, why } of wrong) {
    it(`that were wrong would be noticed: ${name} as ${JSON.stringify(rules)}, ${why}`, async () => {
      const honest = await crowd(app, origin, name);
      assert.deepEqual(honest.faults, []);
      const model = app.service.models.get(name);
      const { batcher } = model;
      const end = await force(app, name, `${ROOT}${folderOf(name)}/1/model.onnx`, rules);
      try {
        const { faults, company } = await crowd(app, origin, name, 4);
        assert.ok(company > 1, 'nothing shared a run');
        assert.ok(faults.length > 0, 'the check noticed nothing');
        for (const fault of faults) assert.match(fault, new RegExp(`^${name}: .* gave .*, alone `));
      } finally {
        Object.assign(model, { batcher });
        await end();
      }
    });
  }
});

function folderOf(name: string): string {
  return SPECIAL.find(folder => folder.endsWith(`/${name}`)) ?? `${FIXTURES}/${name}`;
}

describe('two hundred heads', () => {
  let app: TestApp;
  let call: Client;
  before(async () => {
    const repository = repositoryOf(`${FIXTURES}/tl-200heads`, `${FIXTURES}/tl-names`, `${FIXTURES}/tl-lstm`);
    app = await startApp({ POLYHEAD_MODEL_REPOSITORY: repository, POLYHEAD_WORKERS: '1' });
    call = await clientAt(await listen(app));
  });
  after(() => app?.close());

  const exampleOf = (name: string) => app.service.models.get(name).example;
  const namesOf = (name: string) => app.service.models.get(name).signature.heads.map(({ spec }) => spec.name);

  it('leave document, description and reply of a usable size', async () => {
    const names = namesOf('tl-200heads');
    assert.equal(names.length, 200);
    const reply = await call('/v1/models/tl-200heads/predict', { body: exampleOf('tl-200heads') });
    assert.equal(reply.status, 200);
    const [{ heads }] = JSON.parse(reply.text).predictions;
    assert.deepEqual(Object.keys(heads).sort(), [...names].sort());
    assert.ok(reply.text.length < 50_000, `${reply.text.length} characters for 200 heads`);
    const description = await call('/v1/models/tl-200heads');
    assert.ok(description.text.length < 100_000, `${description.text.length} characters`);
    const document = await call('/openapi.json');
    assert.ok(document.text.length < 500_000, `${document.text.length} characters`);
  });

  it('can be asked for one by one, in the order wanted', async () => {
    const [first, second] = namesOf('tl-200heads');
    const body = { ...exampleOf('tl-200heads'), heads: [second, first] };
    const reply = await call('/v1/models/tl-200heads/predict', { body });
    assert.deepEqual(Object.keys(JSON.parse(reply.text).predictions[0].heads), [second, first]);
    const unknown = await call('/v1/models/tl-200heads/predict', { body: { ...body, heads: ['none'] } });
    assert.equal(unknown.status, 400);
    assert.ok(unknown.text.length < 2000, 'a refusal does not list two hundred names twice');
  });

  it('do not multiply metrics: no label names a head', async () => {
    const { text } = await call('/metrics');
    const { samples } = parseMetrics(text);
    const found = [...samples].filter(([series]) => series.startsWith('polyhead_certificate_info{'));
    assert.equal(found.length, 3);
    for (const [series, value] of found) {
      for (const label of ['mixing="equal"', 'rows="exact"', 'lengths="equalOnly"']) assert.ok(series.includes(label));
      assert.equal(value, 1);
    }
    assert.doesNotMatch(text, /head(_\d+)?=|task=|output=/);
    const lines = (name: string) => text.split('\n').filter(line => line.includes(`model="${name}"`)).length;
    assert.ok(lines('tl-200heads') < 150, `${lines('tl-200heads')} lines`);
  });

  it('and names as exporters write them survive keys, selection and the document', async () => {
    const names = namesOf('tl-names');
    assert.deepEqual(names, ['Identity:0', 'Identity_1:0', '836', 'précipitation', 'softmax out/0']);
    const reply = await call('/v1/models/tl-names/predict', {
      body: { ...exampleOf('tl-names'), heads: ['836', 'précipitation'] },
    });
    assert.equal(reply.status, 200);
    const [{ heads }] = JSON.parse(reply.text).predictions;
    assert.deepEqual(Object.keys(heads).sort(), ['836', 'précipitation']);
    const all = await call('/v1/models/tl-names/predict', { body: exampleOf('tl-names') });
    assert.deepEqual(Object.keys(JSON.parse(all.text).predictions[0].heads).sort(), [...names].sort());
  });
});
