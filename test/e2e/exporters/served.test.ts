// Every exported graph among the fixtures, served without a manifest: found to be what it is, right by the golden answers
// of its training framework, and the same in a crowd as alone.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { listen } from '../../support/client/client.ts';
import { inject, send } from '../../support/client/exchange.ts';
import { CONNECTIONS, catalogue, crowd, EXPORTERS } from '../../support/models/exporters.ts';
import { startApp, type TestApp } from '../../support/server/service.ts';

const entries = catalogue();

/** Whether rows may share a run. In which last bits they then differ from the row alone is the processor's. */
const rowsOf = (verdict: string) => (verdict === 'alone' ? 'alone' : 'together');

describe('exported graphs without a manifest', () => {
  let app: TestApp;
  let origin: string;
  before(async () => {
    app = await startApp({ POLYHEAD_MODEL_REPOSITORY: EXPORTERS, POLYHEAD_WORKERS: '1' });
    origin = await listen(app);
  });
  after(() => app?.close());

  const modelOf = (name: string) => app.service.models.get(name);

  it('are all served', () => {
    assert.ok(entries.length >= 40, `${entries.length} graphs`);
    assert.deepEqual(app.service.models.refused, []);
    const names = app.service.models.all().map(({ name, inferred }) => [name, inferred]);
    assert.deepEqual(
      names,
      entries.map(({ name }) => [name, true]).sort(([a], [b]) => (a < b ? -1 : 1)),
    );
  });

  it('are found to be what they are: axes, roles, state, rows and lengths', () => {
    const facts = ({ name }: { name: string }) => {
      const { certificate, signature } = modelOf(name);
      const { axes, rows, lengths } = certificate;
      const roles = Object.fromEntries(signature.feeds.map(({ tensor, role }) => [tensor.name, role]));
      const state = signature.state.map(({ input, output }) => ({ input: input.name, output }));
      return { name, axes: { ...axes }, roles, state, rows: rowsOf(rows), lengths };
    };
    for (const { name, truth } of entries) {
      const { axes, roles, state, rows, lengths } = truth;
      assert.deepEqual(facts({ name }), { name, axes, roles, state, rows: rowsOf(rows), lengths });
    }
  });

  it('answer what the training framework answered', () => {
    for (const { name } of entries) {
      const { cases, tolerance } = JSON.parse(readFileSync(`${EXPORTERS}/${name}/1/golden.json`, 'utf8'));
      const { golden } = modelOf(name);
      assert.ok(golden, name);
      assert.deepEqual([golden.cases, golden.tolerance], [cases.length, tolerance], name);
      assert.ok(golden.worstDifference <= tolerance, `${name}: ${golden.worstDifference}`);
    }
  });

  it('are batched as was found out: lengths mix only where padding is harmless, rows only where they do not matter', () => {
    for (const { name, truth } of entries) {
      const { mixing, certificate } = modelOf(name);
      const expected = truth.rows === 'alone' ? 'alone' : truth.lengths === 'equalOnly' ? 'equal' : 'classes';
      assert.deepEqual([name, mixing, certificate.mixing], [name, expected, expected]);
      assert.ok(certificate.worstDifference <= 1e-5, `${name}: ${certificate.worstDifference}`);
      if (mixing === 'classes') assert.equal(certificate.counterExample, null);
      else assert.ok((certificate.counterExample ?? '').length > 10, name);
    }
  });

  it('with state continue a sequence; state is judged apart from the heads', () => {
    for (const { name, truth } of entries) {
      const { state } = modelOf(name).certificate;
      if (truth.state.length === 0) assert.equal(state, null, name);
      else if (name === 'tl-samples')
        assert.equal(state?.continues, 'untested'); // it has no time steps to cut
      else assert.ok(state?.continues === 'exact' || state?.continues === 'tolerance', name);
    }
    const { mixing, certificate, stateMixing } = modelOf('td-gather');
    assert.deepEqual([mixing, certificate.state?.mixing, stateMixing], ['classes', 'equal', 'equal']);
  });

  it('that read padding although they are told the lengths are warned of', () => {
    const [warning] = modelOf('tl-padded-last').certificate.warnings;
    assert.match(warning, /^the graph is told its lengths, yet "wrong" changes with padding: .*Y\[T-1\]/);
    const silent = ['tl-packed', 'tl-two-inputs', 'tl-mask-bool', 'tl-lstm', 'td-gather'];
    for (const name of silent) assert.deepEqual(modelOf(name).certificate.warnings, [], name);
  });

  it('know that a side input changes answers, and keep other values out of a run', () => {
    assert.deepEqual(modelOf('tl-samples').certificate.sideInputs, { sr: 'changesAnswers' });
  });

  it('can be called with the example that they show', async () => {
    for (const { name } of entries) {
      const reply = await inject(app.app, `/v1/models/${name}/predict`, { body: modelOf(name).example });
      assert.equal(reply.status, 200, `${name}: ${reply.text}`);
      const [{ heads }] = JSON.parse(reply.text).predictions;
      assert.deepEqual(
        Object.keys(heads).sort(),
        modelOf(name)
          .signature.heads.map(({ spec }) => spec.name)
          .sort(),
      );
      for (const head of Object.values(heads)) assert.ok('values' in (head as object), name);
    }
  });

  it(`answer a crowd of ${CONNECTIONS} connections as they answer one`, async () => {
    let most = 0;
    const lonely: string[] = [];
    for (const { name } of entries) {
      const { faults, company, connections } = await crowd(app, origin, name, 2);
      assert.deepEqual(faults, [], name);
      most = Math.max(most, connections);
      if (modelOf(name).mixing === 'alone') assert.equal(company, 1, `${name} rode with others`);
      else if (company === 1) lonely.push(name);
    }
    assert.ok(most >= CONNECTIONS, `${most} connections were open at once`);
    assert.deepEqual(lonely, [], 'these never shared a run');
  });

  it('take 20,000 steps', async () => {
    const [sequence] = modelOf('tl-lstm').example.sequences as [number[][]];
    const long = Array.from({ length: 20_000 }, (_, t) => sequence[t % sequence.length]);
    const reply = await send(origin, '/v1/models/tl-lstm/predict', { body: { sequences: [long, sequence] } });
    assert.equal(reply.status, 200, reply.text.slice(0, 300));
    const { predictions } = JSON.parse(reply.text);
    assert.deepEqual(
      predictions.map((p: { length: number }) => p.length),
      [20_000, sequence.length],
    );
    const sum = predictions[0].heads.kind.values.reduce((total: number, p: number) => total + p, 0);
    assert.ok(Math.abs(sum - 1) < 1e-5, `${sum}`);
  });
});
