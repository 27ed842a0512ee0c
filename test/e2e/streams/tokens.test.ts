// State tokens over REST: in a batch with anybody, on another server with the same key, refused with their place and why.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, describe, it } from 'node:test';
import { pino } from 'pino';
import { randomNumbers, randomSequence } from '../../../src/proof/samples.ts';
import { patient } from '../../../src/service/caller.ts';
import { Service } from '../../../src/service/service.ts';
import { stateBytes, stateDigest } from '../../../src/state/bytes.ts';
import { TokenSealer } from '../../../src/state/token.ts';
import { type Client, clientOf } from '../../support/client/client.ts';
import { assertSame, Continuing, json, piece, restForm } from '../../support/client/continuing.ts';
import { problemOf } from '../../support/client/contract.ts';
import { repositoryOf } from '../../support/models/served-copies.ts';
import { until } from '../../support/runner/until.ts';
import { bytesUsed } from '../../support/server/memory.ts';
import { configOf, startApp, type TestApp } from '../../support/server/service.ts';

const PREDICT = '/v1/models/weather/predict';
const [OLD, NEW] = [randomBytes(32).toString('base64'), randomBytes(32).toString('hex')];
const REPOSITORY = repositoryOf('models/weather', 'models/storms');
const ENV = { POLYHEAD_MODEL_REPOSITORY: REPOSITORY, POLYHEAD_EXECUTION_PROVIDER: 'cpu', POLYHEAD_WORKERS: '1' };

describe('state tokens', () => {
  const apps: TestApp[] = [];
  after(() => Promise.all(apps.map(app => app.close())));
  const random = randomNumbers(31);
  const start = async (env: Record<string, string>): Promise<{ call: Client; way: Continuing; app: TestApp }> => {
    const app = await startApp({ ...ENV, ...env });
    apps.push(app);
    const call = await clientOf(app);
    return { call, app, way: new Continuing(app.service.models.get('weather'), call) };
  };
  const first = start({ POLYHEAD_STATE_KEY: OLD });
  const sample = (way: Continuing, length: number) => randomSequence(way.model.signature, length, random);

  it('continue in one request with sequences that begin, each in its place', async () => {
    const { call, way } = await first;
    const { signature } = way.model;
    const sequences = [5, 1, 9, 4, 20, 2].map(length => sample(way, length));
    const begun = await json(
      call(PREDICT, { body: { sequences: sequences.map(s => restForm(signature, s)), returnState: true } }),
    );
    const tokens: string[] = begun.predictions.map(({ state }: { state: string }) => state);
    const next = [3, 30, 1, 7, 2, 6].map(length => sample(way, length));
    const states = tokens.map((token, i) => (i % 3 === 2 ? null : token));
    const reply = await json(
      call(PREDICT, { body: { sequences: next.map(s => restForm(signature, s)), states, probabilities: 'all' } }),
    );
    for (const [i, { heads, state, length }] of reply.predictions.entries()) {
      assert.equal(state, undefined, 'a token that nobody asked for');
      assert.equal(length, next[i].length);
      const history = i % 3 === 2 ? [] : (restForm(signature, sequences[i]) as unknown[]);
      const all = [...history, ...(restForm(signature, next[i]) as unknown[])];
      const whole = await json(call(PREDICT, { body: { sequences: [all], probabilities: 'all' } }));
      assertSame(heads, whole.predictions[0].heads, 0);
    }
  });

  it('are of the size that is stated, and may be used again and again', async () => {
    const { way } = await first;
    const { state } = await way.tokenStep(sample(way, 3), null);
    assert.equal(state.length, TokenSealer.size(stateBytes(way.model.signature)));
    const next = sample(way, 2);
    const answers = await Promise.all([1, 2, 3].map(() => way.tokenStep(next, state)));
    for (const { heads } of answers) assert.deepEqual(heads, answers[0].heads);
  });

  it('go on at a server that never saw the sequence, and through a change of keys', async () => {
    const { way } = await first;
    const sequence = sample(way, 9);
    const part = (from: number, to: number) => piece(way.model.signature, sequence, from, to);
    const begun = await way.tokenStep(part(0, 4), null);
    const rotated = await start({ POLYHEAD_STATE_KEY: `${NEW},${OLD}` });
    const going = await rotated.way.tokenStep(part(4, 6), begun.state);
    const renewed = await start({ POLYHEAD_STATE_KEY: NEW });
    const ended = await renewed.way.tokenStep(part(6, 9), going.state);
    assertSame(ended.heads, await way.whole(sequence), 0);
    const body = { sequences: [restForm(way.model.signature, part(4, 6))], states: [begun.state] };
    const problem = problemOf(await renewed.call(PREDICT, { body }), 422, 'INVALID_STATE', '/states/0');
    assert.match(problem.detail, /sealed with a key that this server does not have/);
  });

  it('are refused with their place, and nothing of the request runs', async () => {
    const { call, way, app } = await first;
    const { signature, name, version } = app.service.models.get('weather');
    const sequences = [sample(way, 2), sample(way, 2)].map(s => restForm(signature, s));
    const { state } = await way.tokenStep(sample(way, 2), null);
    const foreign = new Continuing(app.service.models.get('storms'), call);
    const storms = await foreign.tokenStep(randomSequence(foreign.model.signature, 2, random), null);
    const binding = { model: name, version, digest: stateDigest(signature, app.service.models.get('weather').graph) };
    const expired = new TokenSealer([Buffer.from(OLD, 'base64')], 1);
    const old = expired.seal(Buffer.alloc(stateBytes(signature)), binding, Date.now() - 1001);
    const flipped = state.slice(0, -8) + (state.at(-8) === 'A' ? 'B' : 'A') + state.slice(-7);
    const { sequences: run } = app.service.models.get('weather').statistics;
    for (const [token, words] of [
      [storms.state, /belongs to another model, version or graph/],
      [old, /has expired/],
      [flipped, /has been altered/],
      [state.slice(0, -4), /has been altered/],
      [state.slice(0, 30), /is no state token/],
      [`${state}${state}`, /has been altered/],
      ['', /is no state token/],
      ['not a token', /is no state token/],
      ['A'.repeat(1_000_000), /is no state token|has been altered/],
    ] as const) {
      for (const [path, place] of [
        [PREDICT, 1],
        ['/v1/models/weather/versions/1/predict', 0],
      ] as const) {
        const states = [null, null].with(place, token as never);
        const problem = problemOf(
          await call(path, { body: { sequences, states } }),
          422,
          'INVALID_STATE',
          `/states/${place}`,
        );
        assert.match(problem.detail, words);
        assert.ok(problem.detail.startsWith(`states[${place}]: the state token`));
      }
    }
    for (const states of [[], [null], [null, null, null]]) {
      problemOf(await call(PREDICT, { body: { sequences, states } }), 400, 'INVALID_REQUEST', '/states');
    }
    for (const states of ['x', [1, null], [{}, null]]) {
      problemOf(await call(PREDICT, { body: { sequences, states } }), 400, 'INVALID_REQUEST');
    }
    assert.equal(app.service.models.get('weather').statistics.sequences, run);
  });

  it('expire', async () => {
    const { call, way } = await start({ POLYHEAD_STATE_KEY: OLD, POLYHEAD_STATE_TOKEN_TTL_S: '1' });
    const { state } = await way.tokenStep(sample(way, 1), null);
    const body = { sequences: [restForm(way.model.signature, sample(way, 1))], states: [state] };
    const reply = await until('the token expires', async () => {
      const answer = await call(PREDICT, { body });
      return answer.status !== 200 && answer;
    });
    assert.match(problemOf(reply, 422, 'INVALID_STATE').detail, /has expired/);
  });

  it('end with the process where no key is set, of which the log warns', async () => {
    const { way } = await start({});
    const { state } = await way.tokenStep(sample(way, 1), null);
    assert.ok((await way.tokenStep(sample(way, 1), state)).state);
    const another = await start({});
    const body = { sequences: [restForm(way.model.signature, sample(way, 1))], states: [state] };
    problemOf(await another.call(PREDICT, { body }), 422, 'INVALID_STATE', '/states/0');
    const lines: string[] = [];
    const log = pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) });
    for (const env of [ENV, { ...ENV, POLYHEAD_STATE_KEY: OLD }]) {
      const config = configOf(env);
      const service = await Service.start({ ...config, version: '0', models: config }, log);
      await service.close();
    }
    assert.equal(lines.filter(line => line.includes('POLYHEAD_STATE_KEY is not set')).length, 1);
  });

  it('leave nothing behind: thousands of continuations, and memory is flat', async () => {
    const { service } = (await first).app;
    const { way } = await first;
    const steps = Array.from({ length: 16 }, () => restForm(way.model.signature, sample(way, 1)));
    let states: (string | null)[] = steps.map(() => null);
    const rounds = async (count: number) => {
      for (let i = 0; i < count; i++) {
        const request = { sequences: steps, states, returnState: true };
        const { predictions } = await service.predict({ model: 'weather' }, request, patient(10_000));
        states = predictions.map(({ token }) => token as string);
      }
    };
    await rounds(200);
    const before = await bytesUsed();
    await rounds(1250);
    const grown = (await bytesUsed()) - before;
    assert.ok(grown < 2e6, `${(grown / 1e6).toFixed(1)} MB more after 20,000 continuations`);
    assert.equal(service.streams.store.usage().streams, 0);
  });
});
