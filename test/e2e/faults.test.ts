// What goes wrong behind the API: a worker that is busy, fails or dies, a caller that leaves, a queue that is full.
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { type Client, clientAt, listen } from '../support/client/client.ts';
import { problemOf } from '../support/client/contract.ts';
import { type Call, inject, type Reply } from '../support/client/exchange.ts';
import { repositoryOf } from '../support/models/served-copies.ts';
import { GATED_WORKER, Gate } from '../support/runner/gate.ts';
import { until } from '../support/runner/until.ts';
import { startApp, type TestApp } from '../support/server/service.ts';

const PATH = '/v1/models/lstm/versions/1/predict';
const OTHER = '/v1/models/steps/predict';
const CAPACITY = 6;
const LSTM = 'test/fixtures/models/lstm';

describe('faults', () => {
  const gate = new Gate();
  let app: TestApp;
  let call: Client;

  /** A request of so many sequences. */
  const ask = (sequences: number, more: Call = {}, path = PATH): Promise<Reply> =>
    call(path, { body: { sequences: Array.from({ length: sequences }, () => [[1, 2, 3]]) }, ...more });
  const pending = () => app.service.models.get('lstm', '1').batcher.pending;
  const admitted = (count: number) => until(`${count} sequences are admitted`, () => pending() === count);
  const within = (ms: string) => ({ headers: { 'x-request-timeout-ms': ms } });

  before(async () => {
    const repository = repositoryOf(LSTM, 'test/fixtures/models/steps');
    app = await startApp(
      {
        POLYHEAD_MODEL_REPOSITORY: repository,
        POLYHEAD_WORKERS: '1',
        POLYHEAD_THREADS: '2', // one that all models share, until one of them would wait for another
        POLYHEAD_QUEUE_CAPACITY: String(CAPACITY),
        POLYHEAD_MAX_SEQUENCES: String(CAPACITY),
        POLYHEAD_BATCH_SIZE: '2',
      },
      GATED_WORKER,
    );
    call = await clientAt(await listen(app));
  });
  beforeEach(() => gate.order({ type: 'pass' }));
  after(() => app.close());

  it('answers 504 at the deadline while the worker is busy, and runs nothing of it later', async () => {
    await gate.order({ type: 'hold' });
    const running = ask(2);
    await gate.started(1);
    const start = performance.now();
    const late = await ask(1, within('150')); // half a batch: it is not handed ahead to the busy worker
    assert.ok(performance.now() - start >= 145);
    problemOf(late, 504, 'DEADLINE_EXCEEDED');
    await gate.order({ type: 'pass' });
    assert.equal((await running).status, 200);
    assert.equal((await ask(1)).status, 200);
    assert.deepEqual(gate.runs, [1], 'the late sequence ran all the same');
    assert.equal(pending(), 0);
  });

  it('answers 504 to a request that is already running', async () => {
    await gate.order({ type: 'hold' });
    const running = ask(1, within('3000'));
    await gate.started(1);
    problemOf(await running, 504, 'DEADLINE_EXCEEDED');
    assert.deepEqual(gate.runs, [1]);
    assert.equal(pending(), 0);
  });

  it('cuts the header to the ceiling', async () => {
    const ceiling = { POLYHEAD_REQUEST_TIMEOUT_MS: '500', POLYHEAD_MAX_REQUEST_TIMEOUT_MS: '1500' };
    const other = await startApp({ POLYHEAD_MODEL_REPOSITORY: repositoryOf(LSTM), ...ceiling }, GATED_WORKER);
    await gate.order({ type: 'hold' });
    const body = { sequences: [[[1, 2, 3]]] };
    const start = performance.now();
    const reply = await inject(other.app, '/v1/models/lstm/predict', { body, ...within('999999999') });
    assert.match(problemOf(reply, 504, 'DEADLINE_EXCEEDED').detail, /1500 ms/);
    assert.ok(performance.now() - start > 1450);
    await gate.order({ type: 'pass' }, 2);
    await other.close();
  });

  it('never runs what a caller left behind in the queue', async () => {
    await gate.order({ type: 'hold' });
    const running = ask(2);
    await gate.started(1);
    const leaving = new AbortController();
    const left = ask(3, { signal: leaving.signal }).catch(error => error.name);
    await admitted(5);
    const staying = ask(1);
    await admitted(6);
    leaving.abort();
    assert.equal(await left, 'AbortError');
    await admitted(3);
    const { runs } = gate;
    await gate.order({ type: 'pass' });
    assert.deepEqual([(await running).status, (await staying).status], [200, 200]);
    const rows = [...runs, ...gate.runs].reduce((sum, count) => sum + count, 0);
    // A full batch may already have been handed ahead to the busy worker; no other row of the caller's may run.
    assert.ok(rows <= 2 + 2 + 1, `${rows} rows ran`);
    await admitted(0);
  });

  it('fails only the batch whose run failed, without a word of why', async () => {
    await gate.order({ type: 'fail' });
    const reply = await ask(1);
    const problem = problemOf(reply, 500, 'INFERENCE_FAILED');
    assert.deepEqual(problem.errors, []);
    await gate.order({ type: 'pass' });
    assert.equal((await ask(1)).status, 200);
    assert.equal((await call('/readyz')).status, 200);
  });

  it('fails only the batch of a worker that dies, turns unready, and comes back', async () => {
    await gate.order({ type: 'hold' });
    const lost = ask(1);
    await gate.started(1);
    const ahead = ask(2); // a full batch: it waits in the worker's own mailbox
    const waiting = ask(1);
    await admitted(4);
    process.env.TEST_FIRST_ORDER = 'crash'; // it does not come back before it was seen to be gone
    await gate.order({ type: 'crash' });
    problemOf(await lost, 500, 'INFERENCE_FAILED');
    const unready = await call('/readyz');
    assert.equal(unready.status, 503);
    assert.equal(JSON.parse(unready.text).status, 'a model has no worker left');
    assert.equal((await call('/livez')).status, 200);
    delete process.env.TEST_FIRST_ORDER;
    assert.deepEqual([(await ahead).status, (await waiting).status], [200, 200]);
    assert.equal((await call('/readyz')).status, 200);
    assert.equal((await ask(2)).status, 200);
    const metrics = (await call('/metrics')).text;
    assert.match(metrics, /polyhead_worker_crashes_total\{model="lstm",version="1"\} 1\n/);
    assert.match(metrics, /polyhead_worker_crashes_total\{model="steps",version="1"\} 0\n/);
  });

  it('admits all of a request or nothing, and says when to come again', async () => {
    await gate.order({ type: 'hold' });
    const first = ask(2);
    await gate.started(1);
    const second = ask(2);
    await admitted(4);
    const refused = await ask(3);
    problemOf(refused, 503, 'OVERLOADED');
    assert.equal(refused.headers['retry-after'], '1');
    assert.equal(pending(), 4);
    const third = ask(2);
    await admitted(6);
    problemOf(await ask(1), 503, 'OVERLOADED');
    await gate.order({ type: 'pass' });
    for (const reply of await Promise.all([first, second, third])) assert.equal(reply.status, 200);
    await admitted(0);
    assert.equal((await ask(CAPACITY)).status, 200);
  });

  it('refuses as malformed what could never be admitted', async () => {
    problemOf(await ask(CAPACITY + 1), 400, 'INVALID_REQUEST', '/sequences');
  });

  it('does not let rubbish take room in the queue', async () => {
    await gate.order({ type: 'hold' });
    const bad = { sequences: [[[1, 2, 3]], [[1, 2]]] };
    for (let i = 0; i < CAPACITY * 2; i++) problemOf(await call(PATH, { body: bad }), 422, 'INVALID_SEQUENCE');
    assert.equal(pending(), 0);
    assert.deepEqual(gate.runs, []);
  });

  it('lets other models answer meanwhile', async () => {
    await gate.order({ type: 'hold' });
    const held = ask(1);
    await gate.started(1);
    assert.equal((await ask(1, {}, OTHER)).status, 200);
    assert.equal(pending(), 1, 'the held model had answered already');
    await gate.order({ type: 'pass' }, 2);
    assert.equal((await held).status, 200);
  });
});

describe('a worker that dies while its model is proven', () => {
  it('keeps that model from serving, and the process alive', async () => {
    process.env.TEST_FIRST_ORDER = 'crash';
    const { service, close } = await startApp(
      {
        POLYHEAD_MODEL_REPOSITORY: repositoryOf('test/fixtures/models/ids'),
        POLYHEAD_STRICT_REPOSITORY: 'false',
        POLYHEAD_WORKERS: '1',
      },
      GATED_WORKER,
    );
    const { status, refused } = service.readiness();
    delete process.env.TEST_FIRST_ORDER;
    await close();
    assert.equal(status, 'no model is loaded');
    assert.deepEqual(refused, [{ model: 'ids', version: '1' }]);
  });
});
