// polyhead inspect: facts about a graph, against what its file and the catalogue of exporters say.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { readCatalogue } from '../../tools/exporters-matrix.ts';
import { answerOf, faultOf } from '../support/client/command.ts';
import { floatBytes, onnxFile } from '../support/models/onnx-writer.ts';
import { temporaryFolder } from '../support/models/served-copies.ts';
import { ROOT } from '../support/server/service.ts';

const fileOf = (name: string) => `test/fixtures/exporters/${name}/1/model.onnx`;
const MAIN = 'ai.onnx';

describe('a graph in a table', () => {
  it('marks recurrent, quantised, looping and string operators, and no others', async () => {
    const marks: Record<string, string[]> = {
      'oq-lstm': ['com.microsoft.DynamicQuantizeLSTM 1 recurrent, quantised', 'MatMulInteger 2 quantised', 'Softmax 1'],
      'tl-gru': ['GRU 1 recurrent', 'Softmax 1'],
      'ke-masking': ['Loop 1 loop'],
      'os-tokens': ['ai.onnx.ml.LabelEncoder 1 strings', 'LSTM 1 recurrent'],
    };
    for (const [name, expected] of Object.entries(marks)) {
      const text = await answerOf(['inspect', fileOf(name)]);
      const lines = text.split('\n').map(line => line.trim().replace(/ +/g, ' '));
      for (const line of expected) assert.ok(lines.includes(line), `"${line}" is missing in ${text}`);
    }
  });

  it('aligns columns, and tells inputs, outputs, digest and size', async () => {
    const file = fileOf('td-gather');
    const text = await answerOf(['inspect', file]);
    const bytes = readFileSync(path.join(ROOT, file));
    assert.ok(text.includes(`  sha256      ${createHash('sha256').update(bytes).digest('hex')}\n`), text);
    assert.ok(text.includes(`  size        ${bytes.length.toLocaleString('en-GB')} bytes\n`), text);
    assert.match(text, /^ {2}x {8}float32 {2}\[s15, s27, 3\]$/m);
    assert.match(text, /^ {2}lengths {2}int64 {4}\[s2\]$/m);
    assert.match(text, /^ {2}kind {3}float32 {2}\[s2, 3\] {6}written by Softmax$/m);
  });

  it('tells external data with its digest', async () => {
    const weights = readFileSync(`${ROOT}test/fixtures/models/external/1/weights.bin`);
    const digest = createHash('sha256').update(weights).digest('hex');
    const text = await answerOf(['inspect', 'test/fixtures/models/external/1/model.onnx']);
    assert.match(text, new RegExp(`external data {2}weights.bin, [\\d,]+ bytes, sha256 ${digest}`));
  });

  it('does not let a name steer the terminal', async () => {
    const name = 'x\u001b[2J\u202e';
    const file = path.join(temporaryFolder(), 'model.onnx');
    writeFileSync(
      file,
      onnxFile({
        nodes: [{ op: 'Identity', inputs: [name], outputs: ['précis'] }],
        inputs: [{ name, type: 1, dims: ['\u0007'] }],
        outputs: [{ name: 'précis', type: 1, dims: [] }],
      }),
    );
    const text = await answerOf(['inspect', file]);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: it is what must not be there
    assert.doesNotMatch(text, /[\u0000-\u0009\u000b-\u001f\u202e]/);
    assert.ok(text.includes('x\\u{1b}[2J\\u{202e}') && text.includes('[\\u{7}]') && text.includes('précis'), text);
  });
});

describe('--json', () => {
  it('says of every graph of the catalogue what its maker wrote down', async () => {
    for (const entry of readCatalogue().filter((_, i) => i % 6 === 0)) {
      const file = fileOf(entry.name);
      const found = JSON.parse(await answerOf(['inspect', file, '--json']));
      assert.equal(found.opsets[MAIN], entry.opset, entry.name);
      assert.equal(found.bytes, statSync(path.join(ROOT, file)).size, entry.name);
      const tensors = [...found.inputs, ...found.outputs].map(tensor => tensor.name);
      for (const name of Object.keys(entry.truth.axes)) assert.ok(tensors.includes(name), `${entry.name}: ${name}`);
    }
  });

  it('counts parameters and operators of a graph whose numbers are known', async () => {
    const file = path.join(temporaryFolder(), 'model.onnx');
    const weight = { name: 'w', type: 1, dims: [2, 3], raw: floatBytes(1, 2, 3, 4, 5, 6) };
    writeFileSync(
      file,
      onnxFile({
        nodes: [
          { op: 'MatMul', inputs: ['x', 'w'], outputs: ['a'] },
          { op: 'MatMul', inputs: ['x', 'w'], outputs: ['b'] },
          { op: 'Add', inputs: ['a', 'b'], outputs: ['y'] },
        ],
        initializers: [weight],
        inputs: [{ name: 'x', type: 1, dims: ['n', 2] }],
        outputs: [{ name: 'y', type: 1, dims: ['n', 3] }],
      }),
    );
    const found = JSON.parse(await answerOf(['inspect', '--json', file]));
    assert.equal(found.parameters, 6);
    assert.deepEqual(found.operators, [
      { name: 'MatMul', count: 2, marks: [] },
      { name: 'Add', count: 1, marks: [] },
    ]);
    assert.deepEqual(found.inputs, [{ name: 'x', dtype: 'float32', dims: ['n', 2] }]);
    assert.deepEqual(found.outputs, [{ name: 'y', dtype: 'float32', dims: ['n', 3], writtenBy: 'Add' }]);
    assert.equal(found.file, file);
  });
});

describe('what is no graph', () => {
  const cases: [file: string, expected: RegExp][] = [
    ['none.onnx', /^polyhead: none\.onnx is missing\n$/],
    ['src', /^polyhead: src is not a file\n$/],
    ['package.json', /^polyhead: package\.json is not an ONNX graph/],
    ['test/fixtures/broken/empty/1/model.onnx', /^polyhead: test\/fixtures\/broken\/empty\/1\/model\.onnx is empty\n$/],
    ['test/fixtures/broken/nan-weight/1/model.onnx', /^polyhead: test\/\S+model\.onnx: weight ".*" holds NaN/],
  ];
  for (const [file, expected] of cases) {
    it(file, async () => {
      for (const more of [[], ['--json'], ['--manifest']]) {
        assert.match(await faultOf(['inspect', file, ...more]), expected);
      }
    });
  }
});
