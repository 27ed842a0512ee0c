// What the training framework computed is what callers read: alone, in one ragged request, and in a crowd of 256
// connections; where the certificate says `exact`, byte for byte.
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, describe, it } from 'node:test';
import { type Client, clientAt, listen } from '../support/client/client.ts';
import { assertGolden, type GoldenModel, goldenModels, type Prediction } from '../support/models/golden.ts';
import { ownModels, repositoryOf } from '../support/models/served-copies.ts';
import { FIXTURES, startApp, type TestApp } from '../support/server/service.ts';

const CONNECTIONS = 256;
const REQUESTS_PER_CONNECTION = 4;

interface Loaded {
  readonly model: GoldenModel;
  readonly path: string;
  readonly exact: boolean;
  /** The bytes of each case's prediction, answered alone. */
  readonly alone: string[];
}

const all = { probabilities: 'all' };

/** The reply's text with the predictions cut out, which are bare JSON objects between `[` and `]}`. */
function predictionsText(text: string): string {
  return text.slice(text.indexOf('"predictions":[') + '"predictions":['.length, -2);
}

function repositoryTests(title: string, repository: () => string): void {
  describe(title, () => {
    let app: TestApp;
    let call: Client;
    const loaded: Loaded[] = [];

    before(async () => {
      const folder = repository();
      app = await startApp({
        POLYHEAD_MODEL_REPOSITORY: folder,
        POLYHEAD_WORKERS: '2',
        POLYHEAD_MAX_QUEUE_DELAY_MS: '20',
        POLYHEAD_REQUEST_TIMEOUT_MS: '60000',
      });
      call = await clientAt(await listen(app));
      for (const model of goldenModels(folder)) {
        const { certificate } = app.service.models.get(model.name, model.version);
        const exact = certificate.worstDifference === 0;
        const path = `/v1/models/${model.name}/versions/${model.version}/predict`;
        loaded.push({ model, path, exact, alone: [] });
      }
    });
    after(() => app.close());

    it('answers golden cases alone', async () => {
      assert.ok(loaded.length > 0);
      for (const { model, path, alone } of loaded) {
        for (const golden of model.cases) {
          const reply = await call(path, { body: { sequences: [golden.sequence], ...all } });
          assert.equal(reply.status, 200, reply.text);
          const { predictions } = JSON.parse(reply.text) as { predictions: Prediction[] };
          assert.equal(predictions.length, 1);
          assertGolden(model, golden, predictions[0]);
          alone.push(predictionsText(reply.text));
        }
      }
    });

    it('answers them together in one ragged request', async () => {
      for (const { model, path, exact, alone } of loaded) {
        const reply = await call(path, { body: { sequences: model.cases.map(c => c.sequence), ...all } });
        assert.equal(reply.status, 200, reply.text);
        const { predictions } = JSON.parse(reply.text) as { predictions: Prediction[] };
        assert.equal(predictions.length, model.cases.length);
        predictions.forEach((prediction, i) => {
          assertGolden(model, model.cases[i], prediction);
        });
        if (exact) assert.equal(predictionsText(reply.text), alone.join());
      }
    });

    it(`answers them in a crowd of ${CONNECTIONS} connections`, async () => {
      const agent = new http.Agent({ keepAlive: true, maxSockets: CONNECTIONS });
      let together = 0;
      const one = async (index: number) => {
        const { model, path, exact, alone } = loaded[index % loaded.length];
        const picks = Array.from({ length: 1 + (index % 3) }, (_, i) => (index * 7 + i * 3) % model.cases.length);
        const body = { sequences: picks.map(pick => model.cases[pick].sequence), ...all };
        const reply = await call(path, { body, agent });
        assert.equal(reply.status, 200, reply.text);
        if (Number(reply.headers['x-batch-size']) > picks.length) together++;
        const { predictions } = JSON.parse(reply.text) as { predictions: Prediction[] };
        picks.forEach((pick, i) => {
          assertGolden(model, model.cases[pick], predictions[i]);
        });
        if (exact) assert.equal(predictionsText(reply.text), picks.map(pick => alone[pick]).join());
      };
      let open = 0;
      let most = 0;
      app.app.server.on('connection', socket => {
        most = Math.max(most, ++open);
        socket.once('close', () => open--);
      });
      const connection = async (seat: number) => {
        for (let turn = 0; turn < REQUESTS_PER_CONNECTION; turn++) await one(seat * REQUESTS_PER_CONNECTION + turn);
      };
      await Promise.all(Array.from({ length: CONNECTIONS }, (_, seat) => connection(seat)));
      assert.ok(most >= CONNECTIONS, `${most} connections were open at once`);
      agent.destroy();
      assert.ok(together > 0, 'no request shared a run with another');
    });

    it('has golden answers for every model that is loaded, and found them right at load', async () => {
      const { models } = JSON.parse((await call('/v1/models')).text);
      const names = models.map((m: { name: string; version: string }) => `${m.name}/${m.version}`);
      assert.deepEqual(names.sort(), loaded.map(({ model }) => `${model.name}/${model.version}`).sort());
      for (const { golden } of models) assert.ok(golden.cases > 0 && golden.worstDifference <= golden.tolerance);
    });
  });
}

repositoryTests('the models of this repository', ownModels);
repositoryTests('the good fixtures', () => FIXTURES);
repositoryTests('graphs whose rows may not ride together', () =>
  repositoryOf('test/fixtures/special/batch-mean', 'test/fixtures/special/padded-last'),
);
