// What a config.pbtxt declares of a model without a manifest, and what of it is refused.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { readDeclared } from '../../src/model/triton.ts';
import { refusalOf } from '../support/models/refusal.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'polyhead-triton-'));
after(() => rmSync(folder, { recursive: true, force: true }));
let count = 0;

function declared(text: string, files: Record<string, string> = {}) {
  const home = path.join(folder, String(count++));
  mkdirSync(home);
  for (const [name, content] of Object.entries({ 'config.pbtxt': text, ...files })) {
    writeFileSync(path.join(home, name), content);
  }
  return readDeclared(home);
}

describe('config.pbtxt', () => {
  it('is nothing where there is none', async () => assert.equal(await readDeclared(folder), undefined));

  it('declares control inputs of every type', async () => {
    const { controls } = (await declared(`sequence_batching {
      control_input [ { name: "s" control [ { kind: CONTROL_SEQUENCE_START fp32_false_true: [ -1, 1 ] } ] },
                      { name: "r" control { kind: CONTROL_SEQUENCE_READY int32_false_true: 0 int32_false_true: 2 } } ]
      control_input { name: "e" control { kind: CONTROL_SEQUENCE_END bool_false_true: [ false, true ] } }
      control_input { name: "c" control { kind: CONTROL_SEQUENCE_CORRID data_type: TYPE_STRING } }
    }`)) as NonNullable<Awaited<ReturnType<typeof declared>>>;
    assert.deepEqual(controls, [
      { input: 's', kind: 'start', values: [-1, 1] },
      { input: 'r', kind: 'ready', values: [0, 2] },
      { input: 'e', kind: 'end', values: [0, 1] },
      { input: 'c', kind: 'id' },
    ]);
  });

  it('declares state, labels and the size of a batch', async () => {
    const text = `max_batch_size: 16
      sequence_batching { state [ { input_name: "h" output_name: "hn" data_type: TYPE_FP32 dims: [ 4 ] } ] }
      output [ { name: "p" data_type: TYPE_FP32 dims: [ 2 ] label_filename: "labels.txt" }, { name: "q" } ]`;
    assert.deepEqual(await declared(text, { 'labels.txt': 'dry\r\nrain\n' }), {
      controls: [],
      state: [{ input: 'h', output: 'hn' }],
      labels: { p: ['dry', 'rain'] },
      batchSize: 16,
    });
  });

  const faults: [text: string, pattern: RegExp][] = [
    ['sequence_batching { control_input { control { kind: CONTROL_SEQUENCE_END } } }', /control_input has no name/],
    ['sequence_batching { control_input { name: "x" control { kind: OTHER } } }', /"x" is of unknown kind OTHER/],
    [
      'sequence_batching { control_input { name: "x" control { kind: CONTROL_SEQUENCE_END } } }',
      /"x" needs two values/,
    ],
    ['output { name: "p" label_filename: "../labels.txt" }', /not a plain file name/],
    ['output { name: "p" label_filename: "none.txt" }', /none\.txt is missing/],
  ];
  for (const [text, pattern] of faults) {
    it(`refuses ${text.slice(0, 70)}`, async () => assert.match(await refusalOf(declared(text)), pattern));
  }
});
