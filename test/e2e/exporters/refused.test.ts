// Graphs that may not serve: each is refused in one readable line that names the file and the fault, none of which
// reaches a caller, and the models beside them answer unharmed.
import assert from 'node:assert/strict';
import {
  cpSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { inject } from '../../support/client/exchange.ts';
import { floatBytes, type GraphSpec, onnxFile } from '../../support/models/onnx-writer.ts';
import { assertReadable } from '../../support/models/refusal.ts';
import { repositoryOf } from '../../support/models/served-copies.ts';
import { ROOT, startApp, type TestApp } from '../../support/server/service.ts';

const LINK = 'is a link; a version folder holds plain files only';
const MANIFEST = JSON.parse(readFileSync(`${ROOT}test/fixtures/models/external/1/manifest.json`, 'utf8'));

const RELU: GraphSpec = {
  nodes: [{ op: 'Relu', inputs: ['x'], outputs: ['y'] }],
  inputs: [{ name: 'x', type: 1, dims: ['n', 't', 2] }],
  outputs: [{ name: 'y', type: 1, dims: ['n', 't', 2] }],
};
const weights = (location: string) => ({
  ...RELU,
  initializers: [{ name: 'w', type: 1, dims: [2], external: { location } }],
});

/** What makes each version folder, and the reason that the log must give. */
const CASES: Record<string, { make: (folder: string) => void; reason: RegExp }> = {
  empty: { make: f => write(f, ''), reason: /^model\.onnx is empty$/ },
  truncated: {
    make: f => write(f, readFileSync(`${ROOT}test/fixtures/exporters/tl-lstm/1/model.onnx`).subarray(0, 900)),
    reason: /^model\.onnx is not an ONNX graph, or it is truncated \(900 bytes\)$/,
  },
  pointer: {
    make: f => write(f, 'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n'),
    reason: /^model\.onnx is a git-lfs pointer, not a graph: fetch the file with "git lfs pull"$/,
  },
  text: { make: f => write(f, 'not a graph'), reason: /^model\.onnx is not an ONNX graph, or it is truncated/ },
  missing: { make: () => {}, reason: /^model\.onnx is missing$/ },
  operator: {
    make: f => write(f, onnxFile({ ...RELU, nodes: [{ op: 'Polish', inputs: ['x'], outputs: ['y'] }] })),
    reason: /model\.onnx.*Polish/,
  },
  'ill-named': {
    make: f => write(f, onnxFile({ ...RELU, inputs: [{ name: '__proto__', type: 1, dims: ['n', 't', 2] }] })),
    reason: /^model\.onnx: a tensor named __proto__ cannot be served$/,
  },
  'not-finite': {
    make: f =>
      write(f, onnxFile({ ...RELU, initializers: [{ name: 'w', type: 1, dims: [2], raw: floatBytes(1, NaN) }] })),
    reason: /^model\.onnx: weight "w" holds NaN; weights must be finite$/,
  },
  outside: {
    make: f => write(f, onnxFile(weights('../../secret.bin'))),
    reason: /^model\.onnx: external data "\.\.\/\.\.\/secret\.bin" of weight "w" must be a file beside the graph$/,
  },
  absolute: {
    make: f => write(f, onnxFile(weights('/etc/hostname'))),
    reason: /^model\.onnx: external data "\/etc\/hostname" of weight "w" must be a file beside the graph$/,
  },
  'soft-link': {
    make: f => {
      write(f, onnxFile(weights('w.bin')));
      symlinkSync(path.join(f, '../../secret.bin'), path.join(f, 'w.bin'));
    },
    reason: new RegExp(`^w\\.bin ${LINK}$`),
  },
  'hard-link': {
    make: f => {
      write(f, onnxFile(weights('w.bin')));
      linkSync(path.join(f, '../../secret.bin'), path.join(f, 'w.bin'));
    },
    reason: /^model\.onnx: external data "w\.bin" of weight "w" must be a plain file, not a link$/,
  },
  'linked-graph': {
    make: f => symlinkSync('../../good/1/model.onnx', path.join(f, 'model.onnx')),
    reason: new RegExp(`^model\\.onnx ${LINK}$`),
  },
  digest: {
    make: f =>
      external(f, m => {
        m.graph.sha256 = '0'.repeat(64);
      }),
    reason: /^model\.onnx has sha256 [0-9a-f]{64}, the manifest says 0{64}$/,
  },
  'weights-digest': {
    make: f =>
      external(f, m => {
        m.graph.externalData = { 'weights.bin': '0'.repeat(64) };
      }),
    reason: /^weights\.bin has sha256 [0-9a-f]{64}, the manifest says 0{64}$/,
  },
  'no-head': {
    make: f =>
      external(f, m => {
        m.heads[1].tensor = 'gone';
      }),
    reason: /^manifest and graph disagree: head "size": the graph has no output "gone" \(it has color, size\)$/,
  },
  'all-at-once': {
    make: f =>
      external(f, m => {
        m.inputs[0].features.push({ name: 'more' });
        m.heads[0].labels.push('more');
        m.heads[1].tensor = 'gone';
        m.inputs[0].lengths = 'l';
      }),
    reason:
      /disagree: input "signal": the graph takes 3 features, the manifest names 4; input "signal" lengths: .*; head "color": .*; head "size": .*; graph input "lengths" is fed by nothing/,
  },
  'wider-than-certified': {
    make: f => {
      cpSync(`${ROOT}test/fixtures/special/padded-last/1`, f, { recursive: true });
      edit(f, m => {
        m.limits = { mixing: 'classes' };
      });
    },
    reason:
      /^manifest\.json: limits\.mixing says "classes", the graph allows "equal": output "[^"]+" of a sequence of \d+ steps, beside \d+ others of up to \d+ steps moves by \d\.\de[+-]\d+$/,
  },
  'golden-off': {
    make: f => cpSync(`${ROOT}test/fixtures/broken/wrong-golden/1`, f, { recursive: true }),
    reason: /^golden\.json case 2: output "size" is off by 1\.00e-1, tolerance 0\.00001$/,
  },
};
const FIXTURES: Record<string, RegExp> = {
  'inf-weight': /^model\.onnx: weight "[^"]+" holds -?Infinity, as W of LSTM "[^"]+"; weights must be finite$/,
  'layout-one': /^model\.onnx: (LSTM|GRU|RNN) with layout=1 is not supported by the runtime; export it with layout=0$/,
  'proto-name': /^model\.onnx: a tensor named __proto__ cannot be served$/,
  'unknown-domain': /^model\.onnx: operator \S+ is of domain "[^"]+", which is not supported$/,
};

function write(folder: string, content: string | Uint8Array): void {
  writeFileSync(path.join(folder, 'model.onnx'), content);
}

// biome-ignore lint/suspicious/noExplicitAny: a manifest that is to be spoilt
type Spoilt = any;

function edit(folder: string, change: (manifest: Spoilt) => void): void {
  const file = path.join(folder, 'manifest.json');
  const manifest = JSON.parse(readFileSync(file, 'utf8'));
  change(manifest);
  writeFileSync(file, JSON.stringify(manifest));
}

function external(folder: string, change: (manifest: Spoilt) => void): void {
  cpSync(`${ROOT}test/fixtures/models/external/1`, folder, { recursive: true });
  writeFileSync(path.join(folder, 'manifest.json'), JSON.stringify(MANIFEST));
  edit(folder, change);
}

describe('a repository full of graphs that may not serve', () => {
  const reasons = new Map<string, string>();
  let app: TestApp;
  before(async () => {
    // A batch of one is no reason to refuse a graph: it is served one sequence a run.
    const broken = readdirSync(`${ROOT}test/fixtures/exporters-broken`).filter(name => name !== 'baked-batch');
    assert.deepEqual(broken.sort(), Object.keys(FIXTURES).sort());
    const folders = broken.map(name => `test/fixtures/exporters-broken/${name}`);
    const repository = repositoryOf('test/fixtures/exporters/tl-lstm', ...folders);
    renameSync(path.join(repository, 'tl-lstm'), path.join(repository, 'good'));
    writeFileSync(path.join(repository, 'secret.bin'), floatBytes(1, 2));
    for (const [name, { make }] of Object.entries(CASES)) {
      mkdirSync(path.join(repository, name, '1'), { recursive: true });
      make(path.join(repository, name, '1'));
    }
    symlinkSync(path.join(repository, 'good'), path.join(repository, 'linked'));
    cpSync(path.join(repository, 'good'), path.join(repository, 'bad name'), { recursive: true });
    app = await startApp({
      POLYHEAD_MODEL_REPOSITORY: repository,
      POLYHEAD_STRICT_REPOSITORY: 'false',
      POLYHEAD_WORKERS: '1',
    });
    for (const { model, reason } of app.service.models.refused) reasons.set(model, reason);
  });
  after(() => app?.close());

  const expected: [string, RegExp][] = [
    ...Object.entries(CASES).map(([name, { reason }]): [string, RegExp] => [name, reason]),
    ...Object.entries(FIXTURES),
    ['linked', /^is a link; the repository holds plain folders only$/],
    ['bad name', /^is no model name \(expected /],
  ];

  it('refuses every one of them, each in one readable line that names the file and the fault', () => {
    assert.deepEqual([...reasons.keys()].sort(), expected.map(([name]) => name).sort());
    for (const [name, pattern] of expected) {
      const reason = reasons.get(name) ?? '';
      assertReadable(reason);
      assert.match(reason, /^[^:]+: /);
      assert.match(reason.slice(reason.indexOf(': ') + 2), pattern);
    }
  });

  it('tells callers nothing of it', async () => {
    const ready = await inject(app.app, '/health/ready');
    const list = await inject(app.app, '/v1/models');
    const document = await inject(app.app, '/openapi.json');
    const replies = await Promise.all(
      expected.flatMap(([name]) => [
        inject(app.app, `/v1/models/${encodeURIComponent(name)}`),
        inject(app.app, `/v1/models/${encodeURIComponent(name)}/predict`, { body: { sequences: [[[1, 2, 3]]] } }),
      ]),
    );
    for (const reply of replies) {
      assert.equal(reply.status, 404);
      assert.equal(JSON.parse(reply.text).code, 'MODEL_NOT_FOUND');
    }
    for (const { text } of [ready, list, document, ...replies]) {
      for (const reason of reasons.values()) assert.ok(!text.includes(reason.slice(reason.indexOf(': ') + 2)), reason);
      assert.doesNotMatch(text, /secret\.bin|weights must be finite|git-lfs/);
    }
  });

  it('serves the good one unharmed', async () => {
    assert.deepEqual(
      app.service.models.all().map(({ name }) => name),
      ['good'],
    );
    const reply = await inject(app.app, '/v1/models/good/predict', { body: app.service.models.get('good').example });
    assert.equal(reply.status, 200);
  });
});
