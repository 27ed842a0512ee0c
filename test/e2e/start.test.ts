// A start that nobody waits for: the real process listens at once, and each model answers as soon as it is proved.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { clientAt } from '../support/client/client.ts';
import { problemOf } from '../support/client/contract.ts';
import { send } from '../support/client/exchange.ts';
import { CRASHING, ENDLESS } from '../support/models/rogue.ts';
import { repositoryOf } from '../support/models/served-copies.ts';
import { until } from '../support/runner/until.ts';
import { listening } from '../support/server/process.ts';

const WAIT_MS = 600_000;
const body = { sequences: [[[1, 2, 3]]] };
const x64 = process.arch === 'x64';

/** A sound model, one that is never proved, and one whose proof ends its process. */
function repository(): string {
  const root = repositoryOf('test/fixtures/models/lstm');
  const rogues = { 'a-endless': ENDLESS, ...(x64 ? { 'b-crashing': CRASHING } : {}) };
  for (const [name, graph] of Object.entries(rogues)) {
    mkdirSync(path.join(root, name, '1'), { recursive: true });
    writeFileSync(path.join(root, name, '1/model.onnx'), graph);
  }
  return root;
}
const of = x64 ? 3 : 2;

async function start(t: TestContext, env: Record<string, string> = {}) {
  const server = await listening({
    env: { POLYHEAD_MODEL_REPOSITORY: repository(), POLYHEAD_LOAD_TIMEOUT_MS: '3600000', ...env },
  });
  t.after(server.stop);
  return { server, call: await clientAt(server.origin) };
}
type Call = Awaited<ReturnType<typeof start>>['call'];

const readyz = async (call: Call) => {
  const { status, text } = await call('/readyz');
  return { code: status, ...JSON.parse(text) } as { code: number; status: string; models: object[]; refused: object[] };
};
const allButOne = (call: Call) =>
  until('all but one are there', async () => (await readyz(call)).status === `loading ${of - 1} of ${of}`, WAIT_MS);

describe('a start', () => {
  it('listens before any model is proved, and each one answers while others are not', async t => {
    const { server, call } = await start(t);
    assert.equal((await call('/livez')).status, 200);
    const first = await readyz(call);
    assert.equal(first.code, 503);
    assert.match(first.status, new RegExp(`^loading \\d of ${of}$`));
    await allButOne(call);

    assert.equal((await call('/v1/models/lstm/predict', { body })).status, 200);
    assert.equal((await call('/v2/models/lstm/ready')).status, 200);
    const { models, loading, refused } = JSON.parse((await call('/v1/models')).text);
    assert.deepEqual([models.map((model: { name: string }) => model.name), loading], [['lstm', 'lstm'], ['a-endless']]);
    assert.deepEqual(refused, x64 ? [{ model: 'b-crashing', version: '1' }] : []);
    const document = JSON.parse((await call('/openapi.json')).text);
    assert.ok(document.paths['/v1/models/lstm/predict']);

    for (const path of ['predict', 'versions/1/predict', 'explain', 'streams']) {
      const reply = await call(`/v1/models/a-endless/${path}`, { method: 'POST', body });
      problemOf(reply, 503, 'NOT_READY');
      assert.equal(reply.headers['retry-after'], '1');
    }
    problemOf(await call('/v1/models/a-endless'), 503, 'NOT_READY');
    for (const path of ['', '/ready', '/config', '/stats']) {
      const reply = await send(server.origin, `/v2/models/a-endless${path}`);
      assert.deepEqual([reply.status, JSON.parse(reply.text).error], [503, 'model "a-endless" is still being loaded']);
    }
    assert.equal((await send(server.origin, '/v2/health/ready')).status, 503);
    const index = JSON.parse((await send(server.origin, '/v2/repository/index', { method: 'POST', body: {} })).text);
    assert.equal(index.find(({ name }: { name: string }) => name === 'a-endless').state, 'LOADING');
    problemOf(await call('/v1/models/nobody/predict', { body }), 404, 'MODEL_NOT_FOUND');

    server.kill('SIGTERM');
    const { code, stdout, stderr } = await server.outcome;
    assert.deepEqual([code, stderr], [0, '']);
    assert.match(stdout, /"msg":"ended"/);
    assert.doesNotMatch(stdout, /ready: the page|refused a-endless/);
    if (x64) assert.match(stdout, /refused b-crashing\/1: the graph makes the process that tries it end \(signal SIG/);
  });

  it('is the same under a supervisor, whose processes wait for the first one', async t => {
    const { server, call } = await start(t, { POLYHEAD_PROCESSES: '2' });
    await allButOne(call);
    assert.equal((await call('/v1/models/lstm/predict', { body })).status, 200);
    server.kill('SIGTERM');
    const { code, stderr } = await server.outcome;
    assert.deepEqual([code, stderr], [0, '']);
  });

  it('ends with 1 and every refusal when all is tried, if the repository must be sound', { skip: !x64 }, async t => {
    const root = repositoryOf('test/fixtures/models/lstm', 'test/fixtures/broken/nan-weight');
    mkdirSync(path.join(root, 'b-crashing/1'), { recursive: true });
    writeFileSync(path.join(root, 'b-crashing/1/model.onnx'), CRASHING);
    const server = await listening({ env: { POLYHEAD_MODEL_REPOSITORY: root } });
    t.after(server.stop);
    const { code, stderr } = await server.outcome;
    assert.equal(code, 1);
    const [head, crashing, broken, ...rest] = stderr.trimEnd().split('\n');
    assert.match(head, /^polyhead: the model repository is not sound/);
    assert.match(crashing, /^ {2}b-crashing\/1: the graph makes the process/);
    assert.match(broken, /^ {2}nan-weight\/1: /);
    assert.deepEqual(rest, []);
  });
});
