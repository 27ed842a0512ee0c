// Two server processes over one Redis, behind a balancer that sends every request to the other one: streams, tokens and
// protocol sequences move between them, through the death of one, and never fork.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { randomNumbers, randomSequence } from '../../src/proof/samples.ts';
import type { Sequence } from '../../src/sequence/sequence.ts';
import { assertSame, Continuing, json, piece, restForm, v2Form } from '../support/client/continuing.ts';
import { type Reply, send } from '../support/client/exchange.ts';
import { between, openFixture } from '../support/models/models.ts';
import { repositoryOf } from '../support/models/served-copies.ts';
import { until } from '../support/runner/until.ts';
import { Balancer } from '../support/server/balancer.ts';
import { type ServerProcess, startProcess } from '../support/server/process.ts';
import { Redis, redisMissing } from '../support/server/redis.ts';

const skip = redisMissing();
if (skip) console.log(`replicas are not tested: ${skip}`);
const SEQUENCES = 200;
const STEPS = 6;
/** Ample on a machine with much else to do, and short enough for the holds that a dead replica leaves. */
const TIMEOUT_MS = 5000;

describe('two replicas', { skip, timeout: 240_000 }, () => {
  let redis: Redis;
  let balancer: Balancer;
  const servers: ServerProcess[] = [];
  let way: Continuing;
  const random = randomNumbers(51);
  const repository = repositoryOf('models/weather');
  const key = randomBytes(32).toString('hex');
  const start = () =>
    startProcess({
      env: {
        POLYHEAD_MODEL_REPOSITORY: repository,
        POLYHEAD_STATE_KEY: key,
        POLYHEAD_STREAM_STORE: redis.url,
        POLYHEAD_REQUEST_TIMEOUT_MS: String(TIMEOUT_MS),
      },
    });
  const wayTo = async (origin: string): Promise<Continuing> => {
    const { signature } = await openFixture('models/weather/1');
    const [{ certificate }] = (await json(send(origin, '/v1/models'))).models;
    return new Continuing({ name: 'weather', signature, certificate }, (path, call) => send(origin, path, call));
  };

  before(async () => {
    redis = await Redis.start();
    servers.push(...(await Promise.all([start(), start()])));
    balancer = await Balancer.over(...servers.map(({ origin }) => origin));
    way = await wayTo(balancer.origin);
    assert.equal(way.model.certificate.state?.continues, 'exact');
  });
  after(async () => {
    await balancer?.close();
    await Promise.all(servers.map(server => server.stop()));
    await redis?.end();
  });

  /** A sequence and its pieces. */
  function cut(): { sequence: Sequence; pieces: Sequence[] } {
    const { signature } = way.model;
    const lengths = Array.from({ length: STEPS }, () => between(random, 1, 3));
    const length = lengths.reduce((sum, steps) => sum + steps, 0);
    const sequence = randomSequence(signature, length, random);
    let from = 0;
    const pieces = lengths.map(steps => {
      from += steps;
      return piece(signature, sequence, from - steps, from);
    });
    return { sequence, pieces };
  }

  /** What became of the requests, all kinds of sequences together. */
  const outcomes = { answered: 0, lost: 0, appliedUnheard: 0, restarted: 0 };
  /** Asked again: lost with its replica, or, on a machine with much else to do, not answered in time. */
  const unsure = ({ status }: Reply) => status >= 502 && status <= 504;

  /** As a careful caller does it: `after` says what is known, and what was lost on the way is looked up. */
  async function byStream(pieces: readonly Sequence[]): Promise<unknown> {
    const stream = await until('a stream opens', async () => {
      const reply = await send(balancer.origin, '/v1/models/weather/streams', { method: 'POST' });
      return reply.status === 201 && JSON.parse(reply.text).stream;
    });
    let length = 0;
    let heads: unknown;
    for (const next of pieces) {
      heads = await until('the step is taken', async () => {
        const reply = await way.step(stream, next, length);
        if (reply.status === 200) {
          outcomes.answered++;
          assert.equal(JSON.parse(reply.text).length, length + next.length);
          return JSON.parse(reply.text).prediction.heads;
        }
        if (unsure(reply)) outcomes.lost++;
        else assert.equal(reply.status, 409, reply.text);
        const stands = new RegExp(`has ${length + next.length} time steps, not ${length}"`).test(reply.text);
        if (stands) outcomes.appliedUnheard++;
        return stands && 'applied, and its answer lost';
      });
      length += next.length;
    }
    const info = await until('the stream is found', async () => {
      const reply = await send(balancer.origin, `/v1/models/weather/streams/${stream}`);
      return !unsure(reply) && json(Promise.resolve(reply));
    });
    assert.equal(info.length, length);
    return heads;
  }

  async function byToken(pieces: readonly Sequence[]): Promise<unknown> {
    let state: string | null = null;
    let heads: unknown;
    for (const next of pieces) {
      const answer: Awaited<ReturnType<typeof way.tokenStep>> = await until('the token is taken', async () =>
        way.tokenStep(next, state).then(
          taken => taken,
          error => {
            if (!/502|503|504/.test(error.message)) throw error;
            outcomes.lost++;
            return undefined;
          },
        ),
      );
      outcomes.answered++;
      ({ heads, state } = answer);
    }
    return heads;
  }

  /** The protocol cannot say what a lost request did: then its sequence starts again. */
  async function bySequence(pieces: readonly Sequence[], id: number): Promise<unknown> {
    const { data } = await until('the sequence gets through', async () => {
      let data: unknown;
      for (const [i, next] of pieces.entries()) {
        const parameters = { sequence_id: id, sequence_start: i === 0, sequence_end: i === pieces.length - 1 };
        const body = { inputs: v2Form(way.model.signature, next), parameters };
        const reply = await send(balancer.origin, '/v2/models/weather/infer', { body });
        if (unsure(reply) || reply.status === 409) {
          outcomes.restarted++;
          return false;
        }
        data = (await json(Promise.resolve(reply))).outputs;
        outcomes.answered++;
      }
      return { data };
    });
    return data;
  }

  it('answer 200 sequences rightly through the death and return of one of them', async () => {
    const all = Array.from({ length: SEQUENCES }, cut);
    const wholes: unknown[] = [];
    const tensors: unknown[] = [];
    for (const { sequence } of all) {
      wholes.push(await way.whole(sequence));
      const body = { inputs: v2Form(way.model.signature, sequence) };
      tensors.push((await json(send(balancer.origin, '/v2/models/weather/infer', { body }))).outputs);
    }
    const first = [...balancer.answered.values()];
    assert.ok(first.length === 2 && Math.min(...first) > 100, 'the balancer does not reach both');
    outcomes.answered = 0;
    const killing = (async () => {
      await until('half of it is done', () => outcomes.answered > (SEQUENCES * STEPS) / 2);
      servers[1].kill('SIGKILL');
      await servers[1].outcome;
      servers[1] = await start();
      balancer.origins = servers.map(({ origin }) => origin);
    })();
    const walks = await Promise.allSettled(
      all.map(async ({ pieces }, i) => {
        if (i % 5 === 4) assertSame(await bySequence(pieces, i + 1), tensors[i], 0, `sequence ${i}`);
        else if (i % 2 === 0) assertSame(await byToken(pieces), wholes[i], 0, `token ${i}`);
        else {
          const heads = await byStream(pieces);
          if (typeof heads !== 'string') assertSame(heads, wholes[i], 0, `stream ${i}`);
        }
      }),
    );
    await killing;
    for (const walk of walks) if (walk.status === 'rejected') throw walk.reason;
    console.log('replicas:', JSON.stringify(outcomes));
    assert.ok(outcomes.lost + outcomes.restarted > 0, 'nothing was in flight when the replica died');
    const reached = await send(servers[1].origin, '/metrics');
    assert.match(reached.text, /polyhead_sequences_total|polyhead_batch/);
  });

  it('let exactly one of many steps at once win, and the state never forks', async () => {
    const { signature } = way.model;
    const stream = await way.openStream();
    const ways = await Promise.all(servers.map(({ origin }) => wayTo(origin)));
    const rounds = 8;
    const choices: Sequence[][] = Array.from({ length: rounds }, () => {
      return Array.from({ length: 8 }, () => randomSequence(signature, 1, random));
    });
    const days: unknown[] = [];
    for (const [round, offered] of choices.entries()) {
      const replies = await Promise.all(offered.map((next, i) => ways[i % 2].step(stream, next, round)));
      const winners = replies.flatMap(({ status }, i) => (status === 200 ? [i] : []));
      assert.equal(winners.length, 1, `round ${round}: ${replies.map(({ status }) => status)}`);
      for (const { status } of replies) assert.ok(status === 200 || status === 409);
      days.push(...(restForm(signature, offered[winners[0]]) as unknown[]));
      const whole = await json(
        send(balancer.origin, '/v1/models/weather/predict', { body: { sequences: [days], probabilities: 'all' } }),
      );
      assertSame(JSON.parse(replies[winners[0]].text).prediction.heads, whole.predictions[0].heads, 0);
    }
    assert.equal((await json(send(servers[0].origin, `/v1/models/weather/streams/${stream}`))).length, rounds);
  });
});
