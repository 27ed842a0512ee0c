// What cannot be continued is refused with the reason, and a graph whose state minds padding gets none.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { randomNumbers, randomSequence } from '../../../src/proof/samples.ts';
import { type Client, clientOf } from '../../support/client/client.ts';
import { assertSame, Continuing, json, piece, restForm, v2Form } from '../../support/client/continuing.ts';
import { problemOf } from '../../support/client/contract.ts';
import { inject } from '../../support/client/exchange.ts';
import { writeBothWays } from '../../support/models/both-ways.ts';
import { repositoryOf } from '../../support/models/served-copies.ts';
import { startApp, type TestApp } from '../../support/server/service.ts';

const NO_STATE = /has no state to continue from/;
const LOOKS_AHEAD = /cannot be continued: two calls .* do not give what one call gives/;
const TOKEN = 'A'.repeat(120);

describe('models that cannot be continued', () => {
  let app: TestApp;
  let call: Client;
  const random = randomNumbers(9);
  const modelOf = (name: string) => app.service.models.get(name);
  const sampleOf = (name: string, length: number) => randomSequence(modelOf(name).signature, length, random);

  before(async () => {
    const repository = repositoryOf(
      'test/fixtures/models/plain',
      'test/fixtures/exporters/tl-bilstm',
      'test/fixtures/exporters/td-gather',
    );
    writeBothWays(repository);
    app = await startApp({
      POLYHEAD_MODEL_REPOSITORY: repository,
      POLYHEAD_EXECUTION_PROVIDER: 'cpu',
      POLYHEAD_WORKERS: '1',
    });
    call = await clientOf(app);
  });
  after(() => app.close());

  for (const [name, reason] of [
    ['plain', NO_STATE],
    ['tl-bilstm', NO_STATE],
    ['both-ways', LOOKS_AHEAD],
  ] as const) {
    it(`refuses ${name} by stream and by token, and answers it whole`, async () => {
      const { signature } = modelOf(name);
      const sequences = [restForm(signature, sampleOf(name, 5))];
      const base = `/v1/models/${name}`;
      const opened = await call(`${base}/streams`, { method: 'POST' });
      assert.match(problemOf(opened, 400, 'INVALID_REQUEST').detail, reason);
      const versioned = await call(`${base}/versions/1/streams`, { method: 'POST' });
      assert.match(problemOf(versioned, 400, 'INVALID_REQUEST').detail, reason);
      for (const body of [
        { sequences, returnState: true },
        { sequences, states: [null] },
        { sequences, states: [TOKEN] },
      ]) {
        const reply = await call(`${base}/predict`, { body });
        assert.match(problemOf(reply, 400, 'INVALID_REQUEST').detail, reason);
      }
      assert.equal((await call(`${base}/predict`, { body: { sequences, returnState: false } })).status, 200);
    });
  }

  it('says so at load, and refuses a protocol sequence of a graph that looks ahead', async () => {
    const { certificate, signature } = modelOf('both-ways');
    assert.equal(certificate.state?.continues, 'no');
    assert.ok(certificate.warnings.some(warning => /two calls with the state/.test(warning)));
    const inputs = v2Form(signature, sampleOf('both-ways', 4));
    const body = { inputs, parameters: { sequence_id: 1, sequence_start: true } };
    const reply = await inject(app.app, '/v2/models/both-ways/infer', { body });
    assert.equal(reply.status, 400);
    assert.match(JSON.parse(reply.text).error, LOOKS_AHEAD);
    assert.equal(app.service.streams.store.usage().streams, 0);
  });

  it('keeps state apart from padding where it depends on it, and answers rightly', async () => {
    const model = modelOf('td-gather');
    assert.deepEqual([model.mixing, model.stateMixing], ['classes', 'equal']);
    const way = new Continuing(model, (path, more) => inject(app.app, path, more));
    const lengths = [3, 9, 4, 12, 3, 7, 8, 9, 5, 6, 12, 11];
    const sequences = lengths.map(length => sampleOf('td-gather', length));
    const wholes: unknown[] = [];
    for (const sequence of sequences) wholes.push(await way.whole(sequence));
    const cut = sequences.map(sequence => {
      const half = Math.ceil(sequence.length / 2);
      return [piece(model.signature, sequence, 0, half), piece(model.signature, sequence, half, sequence.length)];
    });
    const predict = async (pieces: typeof sequences, states: (string | null)[]) => {
      const body = { sequences: pieces.map(part => restForm(model.signature, part)), states, returnState: true };
      const { predictions } = await json(inject(app.app, '/v1/models/td-gather/predict', { body }));
      return predictions as { heads: unknown; state: string }[];
    };
    const first = await predict(
      cut.map(([begin]) => begin),
      cut.map(() => null),
    );
    const second = await predict(
      cut.map(([, end]) => end),
      first.map(({ state }) => state),
    );
    second.forEach(({ heads }, i) => {
      assertSame(heads, wholes[i], 0, `sequence ${i}`);
    });
  });
});
