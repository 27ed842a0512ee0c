// Three replicas behind a balancer, under load: every one is replaced, then a new version of the model takes over, and not one
// request fails. State goes along by token, and by stream where there is a Redis.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { cpSync, renameSync } from 'node:fs';
import { describe, it, type TestContext } from 'node:test';
import { send } from '../support/client/exchange.ts';
import { repositoryOf } from '../support/models/served-copies.ts';
import { until } from '../support/runner/until.ts';
import { Balancer } from '../support/server/balancer.ts';
import { type ServerProcess, startProcess } from '../support/server/process.ts';
import { Redis, redisMissing } from '../support/server/redis.ts';

const REPLICAS = 3;
const day = (n: number) => [0.5, 12 + (n % 20), 5, 4.7, 4, 1 + n, 1];
const days = (count: number) => Array.from({ length: count }, (_, n) => day(n));

class Cluster {
  readonly balancer: Balancer;
  readonly repository = repositoryOf('models/weather');
  readonly #env: Record<string, string>;
  #servers: ServerProcess[] = [];

  private constructor(balancer: Balancer, env: Record<string, string>) {
    this.balancer = balancer;
    this.#env = env;
  }

  static async start(t: TestContext, env: Record<string, string>): Promise<Cluster> {
    const balancer = await Balancer.over();
    balancer.resends = true;
    const cluster = new Cluster(balancer, {
      POLYHEAD_STATE_KEY: randomBytes(32).toString('hex'),
      POLYHEAD_RELOAD: 'watch',
      POLYHEAD_DRAIN_DELAY_MS: '3000',
      ...env,
    });
    t.after(async () => {
      await balancer.close();
      await Promise.all(cluster.#servers.map(server => server.stop()));
    });
    await Promise.all(Array.from({ length: REPLICAS }, () => cluster.#add()));
    return cluster;
  }

  /** Replaces every replica, one after the other: a successor first, then the old one drains. */
  async roll(): Promise<void> {
    for (const old of this.#servers.slice(0, REPLICAS)) {
      await this.#add();
      old.kill('SIGTERM');
      await until('it drains', () => /"msg":"draining"/.test(old.log()));
      this.balancer.origins = this.balancer.origins.filter(origin => origin !== old.origin);
      const { code, stderr } = await old.outcome;
      assert.deepEqual([code, stderr], [0, ''], old.log());
      this.#servers = this.#servers.filter(server => server !== old);
    }
  }

  publish(version: string): void {
    const folder = `${this.repository}/weather`;
    cpSync(`${folder}/1`, `${folder}/.draft`, { recursive: true });
    renameSync(`${folder}/.draft`, `${folder}/${version}`);
  }

  async #add(): Promise<void> {
    const server = await startProcess({ env: { POLYHEAD_MODEL_REPOSITORY: this.repository, ...this.#env } });
    this.#servers.push(server);
    this.balancer.origins.push(server.origin);
  }
}

/** Callers that go on until they are told to stop; what each of their turns answered. */
function callers(count: number, turn: (caller: number) => Promise<string>) {
  const answers: string[] = [];
  let going = true;
  const ends = Array.from({ length: count }, async (_, caller) => {
    while (going) answers.push(await turn(caller));
  });
  return {
    answers,
    stop: async () => {
      going = false;
      await Promise.all(ends);
    },
  };
}

async function post(origin: string, path: string, body?: object): Promise<Record<string, never>> {
  const reply = await send(origin, path, body ? { body } : { method: 'POST' });
  assert.ok(reply.status === 200 || reply.status === 201, `${path}: ${reply.status} ${reply.text}`);
  return JSON.parse(reply.text);
}

const PREDICT = '/v1/models/weather/predict';

describe('three replicas', () => {
  it('are replaced one by one, and then the model, and no request fails', async t => {
    const cluster = await Cluster.start(t, { POLYHEAD_VERSIONS: 'latest:2' });
    const { balancer } = cluster;
    const whole = await post(balancer.origin, PREDICT, { sequences: [days(6)] });
    const wanted = JSON.stringify((whole.predictions[0] as { heads: object }).heads);
    const predicting = callers(6, async () => {
      const { version, predictions } = await post(balancer.origin, PREDICT, { sequences: [days(6)] });
      assert.equal(JSON.stringify((predictions[0] as { heads: object }).heads), wanted);
      return version;
    });
    // The same six days, each by a request of its own, the state carried from replica to replica.
    const carrying = callers(2, async () => {
      let state = null;
      let heads = {};
      for (const step of days(6)) {
        const path: string = state === null ? '/v1/models/weather/versions/1/predict' : PREDICT;
        const body = { sequences: [[step]], states: [state], returnState: true };
        const [prediction] = (await post(balancer.origin, path, body)).predictions as never[];
        ({ state, heads } = prediction);
      }
      assert.equal(JSON.stringify(heads), wanted);
      return 'carried';
    });
    const enough = (some: string[], more: number) => {
      const before = some.length;
      return until('more answers', () => some.length >= before + more);
    };
    await enough(predicting.answers, 50);
    await cluster.roll();
    await enough(predicting.answers, 50);
    await enough(carrying.answers, 4);
    assert.ok(predicting.answers.every(version => version === '1'));
    cluster.publish('2');
    await until('every replica answers by version 2', () => {
      const last = predicting.answers.slice(-60);
      return last.length === 60 && last.every(version => version === '2');
    });
    await Promise.all([predicting.stop(), carrying.stop()]);
    assert.equal(balancer.origins.length, REPLICAS);
    assert.ok([...balancer.answered.values()].every(count => count > 0));
    assert.equal(balancer.answered.size, 2 * REPLICAS);
  });

  const skip = redisMissing();
  it('keep streams in a Redis while they are replaced', { skip }, async t => {
    const redis = await Redis.start();
    t.after(() => redis.end());
    const cluster = await Cluster.start(t, { POLYHEAD_STREAM_STORE: redis.url });
    const { balancer } = cluster;
    const whole = await post(balancer.origin, PREDICT, { sequences: [days(12)] });
    const wanted = JSON.stringify((whole.predictions[0] as { heads: object }).heads);
    const streaming = callers(4, async () => {
      const { stream } = await post(balancer.origin, '/v1/models/weather/streams');
      const path = `/v1/models/weather/streams/${stream}/steps`;
      let heads = {};
      for (const [n, step] of days(12).entries()) {
        ({ heads } = (await post(balancer.origin, path, { sequence: [step], after: n })).prediction as {
          heads: object;
        });
      }
      assert.equal(JSON.stringify(heads), wanted);
      return 'streamed';
    });
    await until('streams end', () => streaming.answers.length >= 4);
    await cluster.roll();
    const before = streaming.answers.length;
    await until('more streams end', () => streaming.answers.length >= before + 8);
    await streaming.stop();
  });
});
