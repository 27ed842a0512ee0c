// Real clients of the Open Inference Protocol, installed from the package registry, against the real server; what they get
// is compared with the golden values. Where they cannot be installed, the tests say why and count as skipped.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { clientPython, perfAnalyzer } from '../support/client/tools.ts';
import { answerOf, binaryBody, type GivenTensor, send } from '../support/client/v2.ts';
import { catalogue, EVERY_KIND, goldenOf } from '../support/client/v2-golden.ts';
import { writeSequenceModels } from '../support/models/controlled.ts';
import { repositoryOf, temporaryFolder, WEATHER } from '../support/models/served-copies.ts';
import { type ServerProcess, startProcess } from '../support/server/process.ts';
import { ROOT } from '../support/server/service.ts';

const run = promisify(execFile);
const REPOSITORY = repositoryOf(...EVERY_KIND.map(name => `test/fixtures/exporters/${name}`));
const SCRIPTS = {
  'tritonclient.http': 'triton_http',
  'tritonclient.http.aio': 'triton_aio',
  "KServe's InferenceRESTClient": 'kserve_rest',
  "MLServer's types": 'mlserver_types',
  'tritonclient.grpc': 'triton_grpc',
  "KServe's InferenceGRPCClient": 'kserve_grpc',
};

const folder = mkdtempSync(path.join(tmpdir(), 'polyhead-clients-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
const python = await clientPython(folder);
const perf = 'made' in python ? await perfAnalyzer(folder, python.made) : python;
const skipOf = (tool: object) => ('reason' in tool ? String(tool.reason) : false);
for (const [what, tool] of [
  ['clients', python],
  ['perf_analyzer', perf],
] as const) {
  if (skipOf(tool)) console.log(`Not tested with ${what}: ${skipOf(tool)}`);
}

let server: ServerProcess;
before(async () => {
  const env = { POLYHEAD_MODEL_REPOSITORY: REPOSITORY, POLYHEAD_MODEL_CONTROL: 'explicit', POLYHEAD_GRPC_PORT: '0' };
  server = await startProcess({ env });
});
after(() => server?.stop());
const host = (of = server) => new URL(of.origin).host;
const grpcHost = (of = server) => `127.0.0.1:${/gRPC listening on port (\d+)/.exec(of.log())?.[1]}`;

/** Runs a script and makes each line that it prints a test. */
async function runScript(t: TestContext, script: string, of = server, repository = REPOSITORY): Promise<void> {
  assert.ok('made' in python);
  const args = [`${ROOT}test/clients/${script}.py`, host(of), repository, grpcHost(of)];
  const env = { PATH: process.env.PATH, PYTHONDONTWRITEBYTECODE: '1' };
  const { stdout, stderr } = await run(python.made, args, { timeout: 180_000, env, maxBuffer: 64 << 20 });
  const lines = stdout.split('\n').map(line => /^(ok|not ok) (test_\w+) ?(.*)$/.exec(line) ?? []);
  const tests = lines.filter(([line]) => line !== undefined);
  assert.ok(tests.length > 2, stderr);
  for (const [, result, name, reason] of tests) {
    await t.test(name, () => assert.equal(result, 'ok', `${reason}\n${stderr.slice(-3000)}`));
  }
}

describe('clients', { timeout: 600_000 }, () => {
  for (const [title, script] of Object.entries(SCRIPTS)) {
    it(title, { skip: skipOf(python) }, t => runScript(t, script));
  }
});

describe('sequences with control inputs', { skip: skipOf(python) }, () => {
  const repository = temporaryFolder();
  let sequences: ServerProcess;
  before(async () => {
    writeSequenceModels(repository);
    sequences = await startProcess({ env: { POLYHEAD_MODEL_REPOSITORY: repository, POLYHEAD_GRPC_PORT: '0' } });
  });
  after(() => sequences?.stop());

  it('tritonclient, as its examples call it', t => runScript(t, 'triton_sequences', sequences, repository));
});

describe('docs/protocol.md', { skip: skipOf(python) }, () => {
  let weather: ServerProcess;
  before(async () => {
    weather = await startProcess({ env: { POLYHEAD_MODEL_REPOSITORY: WEATHER } });
  });
  after(() => weather?.stop());

  it('its Python example works as printed', async () => {
    assert.ok('made' in python);
    const [, example] = /^```python\n(.*?)^```/ms.exec(readFileSync(`${ROOT}docs/protocol.md`, 'utf8')) ?? [];
    const code = example.replaceAll('localhost:8080', new URL(weather.origin).host);
    const { stdout } = await run(python.made, ['-c', code], { timeout: 60_000 });
    assert.match(stdout, /^\[+-?[\d.e-]+\]+ \[+-?[\d.e-]+\]+\n$/);
  });
});

describe('perf_analyzer', { skip: skipOf(perf), timeout: 600_000 }, () => {
  const MODEL = 'tl-lstm';
  const data = path.join(folder, 'data.json');
  const lies = path.join(folder, 'lies.json');
  const analyze = (file: string, concurrency: number, protocol: 'http' | 'grpc' = 'http') => {
    assert.ok('made' in perf);
    const options = [
      '-m',
      MODEL,
      '-i',
      protocol,
      '-u',
      protocol === 'grpc' ? grpcHost() : host(),
      '--input-data',
      file,
      '--concurrency-range',
      `${concurrency}`,
    ];
    const windows = ['--measurement-interval', '1000', '--stability-percentage', '999', '--max-trials', '9'];
    return run(perf.made[0], [...perf.made.slice(1), ...options, ...windows], { timeout: 120_000 });
  };

  // Sequences of several lengths, and as what every answer has to be, bit for bit, the answers given alone.
  before(async () => {
    assert.ok(catalogue.some(({ name }) => name === MODEL));
    const steps = goldenOf(MODEL).cases.map(({ feeds: { x } }) => x);
    assert.ok(new Set(steps.map(({ dims }) => dims[1])).size > 2);
    const answers = [];
    for (const { dims, data } of steps) {
      const tensor: GivenTensor = { name: 'x', datatype: 'FP32', shape: dims, data };
      const { outputs } = answerOf(await send(server.origin, `/v2/models/${MODEL}/infer`, binaryBody([tensor])));
      answers.push(Object.fromEntries(outputs.map(o => [o.name, { content: o.data, shape: o.shape.slice(1) }])));
    }
    const given = steps.map(({ dims, data }) => ({ x: { content: data, shape: dims.slice(1) } }));
    writeFileSync(data, JSON.stringify({ data: given, validation_data: answers }));
    writeFileSync(lies, JSON.stringify({ data: given, validation_data: answers.toReversed() }));
  });

  for (const concurrency of [1, 16, 64]) {
    it(`at concurrency ${concurrency}, every answer as it is alone`, async () => {
      const { stdout } = await analyze(data, concurrency);
      const rate = new RegExp(`^Concurrency: ${concurrency}, throughput: ([\\d.]+) infer/sec`, 'm').exec(stdout);
      assert.ok(rate && Number(rate[1]) > 0, stdout);
      assert.match(stdout, /Server: \n +Inference count: [1-9]/); // it read the statistics
      console.log(`perf_analyzer: ${rate[0]}`);
    });
  }

  it('over gRPC, every answer as it is alone', async () => {
    const { stdout } = await analyze(data, 16, 'grpc');
    const rate = /^Concurrency: 16, throughput: ([\d.]+) infer\/sec/m.exec(stdout);
    assert.ok(rate && Number(rate[1]) > 0, stdout);
    console.log(`perf_analyzer over gRPC: ${rate[0]}`);
  });

  it('would tell of another answer', async () => {
    await assert.rejects(analyze(lies, 4), (error: { stdout: string; stderr: string }) => {
      assert.match(error.stdout + error.stderr, /validat|mismatch|expected/i);
      return true;
    });
  });
});
