// manifest.json: what is filled in, and every mistake named with its place.
import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { readJson } from '../../src/model/files.ts';
import { readManifest } from '../../src/model/manifest.ts';
import { refusalOf } from '../support/models/refusal.ts';
import { TemporaryRepository } from '../support/models/repository.ts';
import { ROOT } from '../support/server/service.ts';

const folder = new TemporaryRepository();
after(() => folder.remove());

const FILE = folder.at('manifest.json');
const INPUT = { name: 'signal', tensor: 'x', kind: 'numeric', features: [{ name: 'u' }] };
const HEAD = { name: 'y', tensor: 'y', kind: 'regression' };
const LABELLED = { name: 'y', tensor: 'y', kind: 'multiclass', labels: ['a', 'b'] };
const LEAST = { formatVersion: 1, graph: { file: 'model.onnx' }, inputs: [INPUT], heads: [HEAD] };
const feature = (spec: object) => ({ ...LEAST, inputs: [{ ...INPUT, features: [{ name: 'u', ...spec }] }] });
const input = (spec: object) => ({ ...LEAST, inputs: [{ ...INPUT, ...spec }] });
const head = (spec: object) => ({ ...LEAST, heads: [spec] });

function read(content: unknown): ReturnType<typeof readManifest> {
  writeFileSync(FILE, typeof content === 'string' ? content : JSON.stringify(content));
  return readManifest(FILE);
}

test('what a manifest may leave out is filled in', async () => {
  const manifest = await read({ ...LEAST, heads: [HEAD, { ...LABELLED, name: 'l' }] });
  assert.deepEqual(manifest.inputs, [{ ...INPUT, batchAxis: 0, timeAxis: 1, time: { minimum: 1, maximum: 4096 } }]);
  assert.deepEqual(manifest.heads, [
    { ...HEAD, per: 'sequence', batchAxis: 0, timeAxis: 1, scale: 1, offset: 0, nonFinite: 'null' },
    { ...LABELLED, name: 'l', per: 'sequence', batchAxis: 0, timeAxis: 1, activation: 'none', nonFinite: 'error' },
  ]);
  assert.deepEqual([manifest.state, manifest.limits, manifest.graph.sha256], [[], {}, undefined]);
  const binary = await read(head({ ...LABELLED, kind: 'binary' }));
  assert.equal((binary.heads[0] as { threshold?: number }).threshold, 0.5);
  const stateful = await read({ ...LEAST, state: [{ input: 'h0', output: 'hn' }] });
  assert.deepEqual(stateful.state, [{ input: 'h0', output: 'hn', batchAxis: 1 }]);
});

const MISTAKES: [unknown, RegExp][] = [
  [[], /^manifest\.json: manifest: .*expected object, received array$/],
  [{ ...LEAST, formatVersion: 2 }, /^manifest\.json: formatVersion: .*expected 1$/],
  [{ ...LEAST, haeds: [] }, /^manifest\.json: manifest: Unrecognized key: "haeds" \(did you mean "heads"\?\)$/],
  [
    feature({ units: 'mm' }),
    /^manifest\.json: inputs\.0\.features\.0: Unrecognized key: "units" \(did you mean "unit"\?\)$/,
  ],
  [{ ...LEAST, extra: 1 }, /^manifest\.json: manifest: Unrecognized key: "extra"$/],
  [{ ...LEAST, inputs: [] }, /^manifest\.json: inputs: .*$/],
  [{ ...LEAST, heads: [] }, /^manifest\.json: heads: .*$/],
  [
    { ...LEAST, graph: { file: '../model.onnx' } },
    /^manifest\.json: graph\.file: a plain file name in the version directory$/,
  ],
  [
    { ...LEAST, graph: { file: '.hidden' } },
    /^manifest\.json: graph\.file: a plain file name in the version directory$/,
  ],
  [
    { ...LEAST, graph: { file: 'm.onnx', sha256: 'AB' } },
    /^manifest\.json: graph\.sha256: 64 lower-case hexadecimal digits$/,
  ],
  [{ ...LEAST, inputs: [INPUT, INPUT] }, /^manifest\.json: inputs: input names must differ from each other$/],
  [{ ...LEAST, heads: [HEAD, HEAD] }, /^manifest\.json: heads: head names must differ from each other$/],
  [{ ...LEAST, limits: { batchSize: 0 } }, /^manifest\.json: limits\.batchSize: .*>0$/],
  [{ ...LEAST, state: [{ input: 'h', output: 'h', batchAxis: -1 }] }, /^manifest\.json: state\.0\.batchAxis: .*>=0$/],
  [{ ...LEAST, executionProvider: 'tpu' }, /^manifest\.json: executionProvider: .*"auto"\|"cpu"\|"cuda"$/],
  [input({ name: '__proto__' }), /^manifest\.json: inputs\.0\.name: the name __proto__ is not allowed$/],
  [input({ tensor: '' }), /^manifest\.json: inputs\.0\.tensor: .*>=1 characters$/],
  [
    input({ kind: 'image' }),
    /^manifest\.json: inputs\.0\.kind: .*'numeric' \| 'index' \| 'token' \| 'tensor' \| 'side'$/,
  ],
  [input({ features: [] }), /^manifest\.json: inputs\.0\.features: .*$/],
  [
    input({ features: [{ name: 'u' }, { name: 'u' }] }),
    /^manifest\.json: inputs\.0\.features: feature names must differ/,
  ],
  [input({ lengths: 'l', mask: 'm' }), /^manifest\.json: inputs\.0: an input names lengths or a mask, not both$/],
  [input({ time: { minimum: 0, maximum: 4 } }), /^manifest\.json: inputs\.0\.time\.minimum: .*>0$/],
  [
    input({ time: { minimum: 5, maximum: 4 } }),
    /^manifest\.json: inputs\.0: time\.minimum is greater than time\.maximum$/,
  ],
  [input({ time: { maximum: 4.5 } }), /^manifest\.json: inputs\.0\.time\.maximum: .*int/],
  [feature({ minimum: 2, maximum: 1 }), /^manifest\.json: inputs\.0\.features\.0: minimum is greater than maximum$/],
  [feature({ categories: ['a'] }), /^manifest\.json: inputs\.0\.features\.0\.categories: .*>=2 items$/],
  [feature({ categories: ['a', 'a'] }), /^manifest\.json: inputs\.0\.features\.0\.categories: labels must differ/],
  [
    feature({ categories: ['a', 'b'], minimum: 0 }),
    /features\.0: a feature with categories has no minimum, maximum or integer$/,
  ],
  [
    head({ ...HEAD, kind: 'rank' }),
    /^manifest\.json: heads\.0\.kind: .*'binary' \| 'multiclass' \| 'multilabel' \| 'ordinal' \| 'regression' \| 'gaussian' \| 'sequence-labels' \| 'tensor'$/,
  ],
  [head({ ...HEAD, per: 'day' }), /^manifest\.json: heads\.0\.per: .*"sequence"\|"step"$/],
  [head({ ...HEAD, threshold: 0.5 }), /^manifest\.json: heads\.0: Unrecognized key: "threshold"$/],
  [head({ ...HEAD, interval: { lower: 'a' } }), /^manifest\.json: heads\.0\.interval\.upper: .*$/],
  [head({ ...LABELLED, kind: 'binary', labels: ['a', 'b', 'c'] }), /^manifest\.json: heads\.0\.labels: .*$/],
  [head({ ...LABELLED, kind: 'binary', threshold: 1 }), /^manifest\.json: heads\.0\.threshold: .*<1$/],
  [head({ ...LABELLED, labels: ['a', 'a'] }), /^manifest\.json: heads\.0\.labels: labels must differ from each other$/],
  [head({ ...LABELLED, labels: ['a', ''] }), /^manifest\.json: heads\.0\.labels\.1: .*$/],
  [head({ ...LABELLED, activation: 'softmax' }), /^manifest\.json: heads\.0\.activation: .*"none"\|"logits"$/],
];

test('every mistake is named by its place in the file', async () => {
  for (const [content, expected] of MISTAKES) assert.match(await refusalOf(read(content)), expected);
});

test('labels may stand in a file beside the manifest, one a line', async () => {
  const inFile = { name: 'y', tensor: 'y', kind: 'multiclass', labelsFile: 'labels.txt' };
  const labelsOf = async (content: string) => {
    writeFileSync(folder.at('labels.txt'), content);
    const manifest = await read(head(inFile));
    return (manifest.heads[0] as { labels: string[] }).labels;
  };
  assert.deepEqual(await labelsOf('fog\nrain\nsun\n'), ['fog', 'rain', 'sun']);
  assert.deepEqual(await labelsOf('fog\r\nau jasmin\r\n東京'), ['fog', 'au jasmin', '東京']);
  const faults: [string, RegExp][] = [
    ['fog\n', /^manifest\.json: heads\.0\.labels: /],
    ['fog\nfog\n', /^manifest\.json: heads\.0\.labels: labels must differ from each other$/],
    ['fog\n\nsun\n', /^manifest\.json: heads\.0\.labels\.1: /],
  ];
  for (const [content, expected] of faults) assert.match(await refusalOf(labelsOf(content)), expected);
  rmSync(folder.at('labels.txt'));
  assert.equal(await refusalOf(read(head(inFile))), 'labels.txt is missing');
  const both = head({ ...inFile, labels: ['a', 'b'] });
  assert.equal(await refusalOf(read(both)), 'manifest.json: head "y" has labels and a labelsFile');
  const outside = head({ ...inFile, labelsFile: '../labels.txt' });
  assert.match(await refusalOf(read(outside)), /^manifest\.json: heads\.0\.labelsFile: a plain file name/);
  const neither = head({ name: 'y', tensor: 'y', kind: 'multilabel' });
  assert.match(
    await refusalOf(read(neither)),
    /^manifest\.json: heads\.0: labels: expected two or more, here or in labelsFile$/,
  );
});

test('transitions may stand in a file beside the manifest', async () => {
  const labels = ['O', 'B-a', 'I-a'];
  const slots = { name: 'y', tensor: 'y', kind: 'sequence-labels', labels, transitionsFile: 'chain.json' };
  const table = { start: [0, 1, 2], between: [0, 1, 2].map(i => [i, i + 1, i + 2]), end: [3, 4, 5] };
  writeFileSync(folder.at('chain.json'), JSON.stringify(table));
  const manifest = await read(head(slots));
  assert.deepEqual((manifest.heads[0] as { transitions?: unknown }).transitions, table);
  assert.match(await refusalOf(read(head({ ...slots, transitions: table }))), /has transitions and a transitionsFile$/);
  writeFileSync(folder.at('chain.json'), '{');
  assert.match(await refusalOf(read(head(slots))), /^chain\.json is not JSON/);
});

test('several mistakes are told together, at most eight of them', async () => {
  const two = await refusalOf(read({ ...LEAST, extra: 1, heads: [{ ...HEAD, per: 'day' }] }));
  assert.match(
    two,
    /heads\.0\.per: .*; manifest: Unrecognized key: "extra"$|Unrecognized key: "extra"; heads\.0\.per: /,
  );
  const many = await refusalOf(read(input({ features: Array.from({ length: 20 }, () => ({})) })));
  assert.equal(many.split('; ').length, 9);
  assert.match(many, /; and 12 more$/);
});

test('the broken manifest among the fixtures', async () => {
  assert.equal(
    await refusalOf(readManifest(`${ROOT}test/fixtures/broken/bad-manifest/1/manifest.json`)),
    `manifest.json: inputs.0: Unrecognized key: "normalise"; heads.0.kind: Invalid discriminator value. ` +
      `Expected 'binary' | 'multiclass' | 'multilabel' | 'ordinal' | 'regression' | 'gaussian' | 'sequence-labels' | 'tensor'`,
  );
});

test('a file that is missing, unreadable or not JSON is named, in one line', async () => {
  assert.match(await refusalOf(read('{\n  "formatVersion": x\n}\n')), /^manifest\.json is not JSON: /);
  assert.match(await refusalOf(read('')), /^manifest\.json is not JSON: /);
  rmSync(FILE);
  assert.equal(await refusalOf(readManifest(FILE)), 'manifest.json is missing');
  assert.equal(await refusalOf(readJson(folder.root)), `${folder.root.split('/').at(-1)} cannot be read (EISDIR)`);
});
