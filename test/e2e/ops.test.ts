// Probes, version and metrics.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { type Client, clientOf } from '../support/client/client.ts';
import { mediaType } from '../support/client/exchange.ts';
import { parseMetrics } from '../support/client/prometheus.ts';
import { repositoryOf } from '../support/models/served-copies.ts';
import { ROOT, startApp, type TestApp } from '../support/server/service.ts';

const PATH = '/v1/models/lstm/versions/1/predict';
const LSTM = 'model="lstm",version="1"';
const sequence = (length: number) => Array.from({ length }, () => [1, 2, 3]);

describe('operations', () => {
  let app: TestApp;
  let call: Client;
  const metrics = async () => parseMetrics((await call('/metrics')).text);

  before(async () => {
    app = await startApp({
      POLYHEAD_MODEL_REPOSITORY: repositoryOf('test/fixtures/models/lstm', 'test/fixtures/models/tokens'),
      POLYHEAD_WORKERS: '2',
    });
    call = await clientOf(app);
  });
  after(() => app.close());

  it('livez, readyz and version', async () => {
    assert.deepEqual(JSON.parse((await call('/livez')).text), { live: true });
    const models = [
      { model: 'lstm', version: '1', workers: 2 },
      { model: 'lstm', version: '2', workers: 2 },
      { model: 'tokens', version: '1', workers: 2 },
    ];
    assert.deepEqual(JSON.parse((await call('/readyz')).text), { ready: true, status: 'ready', models, refused: [] });
    const { version } = JSON.parse(readFileSync(`${ROOT}package.json`, 'utf8'));
    assert.deepEqual(JSON.parse((await call('/version')).text), { name: 'polyhead', version, node: process.version });
  });

  it('metrics are Prometheus text, every family with help and type', async () => {
    const reply = await call('/metrics');
    assert.equal(mediaType(reply), 'text/plain');
    const { families, samples } = parseMetrics(reply.text);
    for (const name of [
      'polyhead_build_info',
      'polyhead_http_request_duration_seconds',
      'polyhead_batch_size',
      'polyhead_queue_seconds',
      'polyhead_run_seconds',
      'polyhead_steps_total',
      'polyhead_padded_steps_total',
      'polyhead_pending_sequences',
      'polyhead_workers_alive',
      'polyhead_worker_crashes_total',
      'process_resident_memory_bytes',
    ]) {
      assert.ok(families.has(name), name);
    }
    assert.equal(samples.get(`polyhead_workers_alive{${LSTM}}`), 2);
  });

  it('counts runs, sequences, steps and padding', async () => {
    const earlier = (await metrics()).samples;
    const body = { sequences: [sequence(5), sequence(7), sequence(8)] };
    assert.equal((await call(PATH, { body })).status, 200);
    const { samples } = await metrics();
    const grown = (name: string) => (samples.get(name) ?? 0) - (earlier.get(name) ?? 0);
    assert.equal(grown(`polyhead_batch_size_count{${LSTM}}`), 1);
    assert.equal(grown(`polyhead_batch_size_sum{${LSTM}}`), 3);
    assert.equal(grown(`polyhead_steps_total{${LSTM}}`), 20);
    assert.equal(grown(`polyhead_padded_steps_total{${LSTM}}`), 24);
    assert.equal(grown(`polyhead_run_seconds_count{${LSTM}}`), 1);
    assert.equal(grown(`polyhead_sequence_steps_sum{${LSTM}}`), 20);
    assert.equal(grown(`polyhead_sequence_steps_bucket{le="4",${LSTM}}`), 0);
    assert.equal(grown(`polyhead_sequence_steps_bucket{le="8",${LSTM}}`), 3);
    const route = 'route="/v1/models/:model/versions/:version/predict",status="200"';
    assert.equal(grown(`polyhead_http_request_duration_seconds_count{${route}}`), 1);
  });

  it('rubbish names, paths, methods and ids make no new series', async () => {
    const rubbish = async (from: number) => {
      for (let i = from; i < from + 50; i++) {
        const headers = { 'x-request-id': `id-${i}` };
        await call(`/v1/models/rubbish-${i}`, { headers });
        await call(`/v1/models/rubbish-${i}/predict`, { body: {}, headers });
        await call(`/v1/models/rubbish-${i}/predict`, { body: { sequences: [[]] }, headers });
        await call(`/v1/models/lstm/versions/${i + 10}/predict`, { body: { sequences: [[]] }, headers });
        await call(`/rubbish-${i}?q=${i}`, { headers });
        await call(`/v1/models/%Z${i}`, { headers });
        await call(PATH, { method: 'DELETE', headers });
        await call(PATH, { body: { sequences: [sequence(1)], heads: [`rubbish-${i}`] }, headers });
      }
    };
    await rubbish(0);
    const earlier = [...(await metrics()).samples.keys()];
    await rubbish(50);
    const later = [...(await metrics()).samples.keys()];
    assert.deepEqual(
      // The engine's few kinds of collections come when they come.
      later.filter(key => !earlier.includes(key) && !key.startsWith('nodejs_gc_')),
      [],
    );
    assert.ok(!later.some(key => key.includes('rubbish')));
  });
});
