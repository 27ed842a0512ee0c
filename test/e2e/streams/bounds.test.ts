// What bounds streams: how many, how many bytes, how long unused; who may use them; and what the metrics say.
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { type Client, clientOf } from '../../support/client/client.ts';
import { json } from '../../support/client/continuing.ts';
import { problemOf } from '../../support/client/contract.ts';
import { inject } from '../../support/client/exchange.ts';
import { parseMetrics } from '../../support/client/prometheus.ts';
import { repositoryOf } from '../../support/models/served-copies.ts';
import { until } from '../../support/runner/until.ts';
import { startApp, type TestApp } from '../../support/server/service.ts';

const STREAMS = '/v1/models/lstm/streams';
const STEP = { sequence: [[1, 2, 3]] };

describe('the bounds of streams', () => {
  const apps: TestApp[] = [];
  after(() => Promise.all(apps.map(app => app.close())));
  const start = async (env: Record<string, string>): Promise<{ app: TestApp; call: Client }> => {
    const repository = repositoryOf('test/fixtures/models/lstm');
    const app = await startApp({
      POLYHEAD_MODEL_REPOSITORY: repository,
      POLYHEAD_EXECUTION_PROVIDER: 'cpu',
      POLYHEAD_WORKERS: '1',
      ...env,
    });
    apps.push(app);
    return { app, call: await clientOf(app) };
  };
  const open = async (call: Client): Promise<string> => (await json(call(STREAMS, { method: 'POST' }), 201)).stream;
  const metric = async (call: Client, name: string) => parseMetrics((await call('/metrics')).text).samples.get(name);

  it('refuses one too many with 429 and when to come again, also by protocol; an end makes room', async () => {
    const { app, call } = await start({ POLYHEAD_MAX_STREAMS: '3' });
    const ids = [await open(call), await open(call), await open(call)];
    assert.equal(await metric(call, 'polyhead_streams'), 3);
    const refused = await call(STREAMS, { method: 'POST' });
    problemOf(refused, 429, 'TOO_MANY_STREAMS');
    assert.match(String(refused.headers['retry-after']), /^[1-9]\d*$/);
    const inputs = [
      { name: 'x', datatype: 'FP32', shape: [1, 1, 3], data: [1, 2, 3] },
      { name: 'lengths', datatype: 'INT64', shape: [1], data: [1] },
    ];
    const infer = (parameters: object) => inject(app.app, '/v2/models/lstm/infer', { body: { inputs, parameters } });
    const begun = { sequence_id: 1, sequence_start: true };
    assert.equal((await infer(begun)).status, 429);
    assert.equal((await infer({})).status, 200);
    for (const id of ids) assert.equal((await call(`${STREAMS}/${id}/steps`, { body: STEP })).status, 200);
    assert.equal((await call(`${STREAMS}/${ids[1]}`, { method: 'DELETE' })).status, 204);
    assert.equal((await infer(begun)).status, 200);
    assert.equal(await metric(call, 'polyhead_streams'), 3);
    assert.equal((await infer({ sequence_id: 1, sequence_end: true })).status, 200);
    assert.equal(await metric(call, 'polyhead_streams'), 2);
  });

  it('sets bytes aside at the opening', async () => {
    const { call } = await start({ POLYHEAD_STREAM_BYTES: '1024' });
    await open(call);
    const bytes = await metric(call, 'polyhead_stream_bytes');
    assert.ok(bytes && bytes > 512 && bytes <= 1024, String(bytes));
    problemOf(await call(STREAMS, { method: 'POST' }), 429, 'TOO_MANY_STREAMS');
  });

  it('lets go of a stream that nobody used for as long as is set, and keeps one in use', async () => {
    const { call } = await start({ POLYHEAD_STREAM_IDLE_TIMEOUT_S: '5', POLYHEAD_MAX_STREAMS: '2' });
    const started = performance.now();
    const [idle, used] = [await open(call), await open(call)];
    let length = 0;
    await until('the idle stream goes', async () => {
      length = (await json(call(`${STREAMS}/${used}/steps`, { body: { ...STEP, after: length } }))).length;
      return (await call(`${STREAMS}/${idle}`)).status === 404;
    });
    assert.ok(performance.now() - started > 4990);
    const gone = problemOf(await call(`${STREAMS}/${idle}/steps`, { body: STEP }), 404, 'STREAM_NOT_FOUND');
    assert.match(gone.detail, /or it was idle for too long/);
    assert.equal((await json(call(`${STREAMS}/${used}`))).length, length);
    await open(call);
  });

  it('asks for a key like everything else', async () => {
    const key = 'k'.repeat(16);
    const { call } = await start({ POLYHEAD_API_KEYS: key });
    const headers = { authorization: `Bearer ${key}` };
    const { stream } = await json(call(STREAMS, { method: 'POST', headers }), 201);
    for (const [path, more] of [
      [STREAMS, { method: 'POST' }],
      ['/v1/models/lstm/versions/1/streams', { method: 'POST' }],
      [`${STREAMS}/${stream}`, {}],
      [`${STREAMS}/${stream}`, { method: 'DELETE' }],
      [`${STREAMS}/${stream}/steps`, { body: STEP }],
    ] as const) {
      problemOf(await call(path, more), 401, 'UNAUTHENTICATED');
    }
    assert.equal((await json(call(`${STREAMS}/${stream}/steps`, { body: STEP, headers }))).length, 1);
  });

  it('shows in the document examples that work in order', async () => {
    const { call } = await start({});
    const { paths } = JSON.parse((await call('/openapi.json')).text);
    let stream = '';
    const run = async (operationId: string, status: number) => {
      const found = Object.entries(paths).flatMap(([path, item]) =>
        Object.entries(item as Record<string, Operation>).map(([method, operation]) => ({ path, method, operation })),
      );
      const listed = found.find(({ operation }) => operation.operationId === operationId);
      assert.ok(listed, operationId);
      const { parameters = [], requestBody } = listed.operation;
      const path = parameters.reduce(
        (text, { name, example }) => text.replace(`{${name}}`, name === 'stream' ? stream : String(example)),
        listed.path,
      );
      const body = requestBody?.content['application/json'].example;
      assert.ok(!path.includes('undefined') && (body === undefined) === (requestBody === undefined), operationId);
      return json(call(path, { method: listed.method.toUpperCase(), body }), status);
    };
    for (const opening of ['openStream', 'openStreamVersion']) {
      ({ stream } = await run(opening, 201));
      const step = await run('stepStream', 200);
      assert.ok(step.length > 0);
      assert.equal((await run('stepStream', 200)).length, 2 * step.length);
      assert.equal((await run('getStream', 200)).length, 2 * step.length);
      await run('endStream', 204);
      await run('getStream', 404);
    }
  });
});

interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly { readonly name: string; readonly example?: unknown }[];
  readonly requestBody?: { readonly content: Record<string, { readonly example?: unknown }> };
}
