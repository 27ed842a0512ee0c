// Graphs with the control inputs of Triton's sequence batcher, like those of its examples: simple_sequence adds START to its
// input, simple_dyna_sequence also adds the sequence's id to the last one.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type NodeSpec, onnxFile, type ValueSpec } from './onnx-writer.ts';

const INT32 = 6;
const UINT64 = 13;
const value = (name: string, type = INT32): ValueSpec => ({ name, type, dims: [`${name}_rows`, 1] });

const START: NodeSpec = { op: 'Add', inputs: ['INPUT', 'START'], outputs: ['started'] };
const SIMPLE = onnxFile({
  nodes: [START, { op: 'Identity', inputs: ['started'], outputs: ['OUTPUT'] }],
  inputs: ['INPUT', 'START', 'READY'].map(name => value(name)),
  outputs: [value('OUTPUT')],
});
const DYNA = onnxFile({
  nodes: [
    START,
    { op: 'Cast', inputs: ['CORRID'], outputs: ['id'], attributes: { to: INT32 } },
    { op: 'Mul', inputs: ['id', 'END'], outputs: ['last'] },
    { op: 'Add', inputs: ['started', 'last'], outputs: ['OUTPUT'] },
  ],
  inputs: [...['INPUT', 'START', 'END', 'READY'].map(name => value(name)), value('CORRID', UINT64)],
  outputs: [value('OUTPUT')],
});

const control = (name: string, kind: string, more = 'int32_false_true: [ 0, 1 ]') => `    {
      name: "${name}"
      control [ { kind: CONTROL_SEQUENCE_${kind} ${more} } ]
    }`;

function config(name: string, controls: string[]): string {
  return `# by hand
name: "${name}"
platform: "onnxruntime_onnx"
max_batch_size: 8
sequence_batching {
  max_sequence_idle_microseconds: 5000000
  oldest { max_candidate_sequences: 1024 }
  control_input [
${controls.join(',\n')}
  ]
}
input [ { name: "INPUT" data_type: TYPE_INT32 dims: [ 1 ] } ]
output [ { name: "OUTPUT" data_type: TYPE_INT32 dims: [ 1 ] } ]
`;
}

const FLAGS = ['START', 'READY'].map(kind => control(kind, kind));

/** Puts both models into a repository. */
export function writeSequenceModels(repository: string): void {
  const models: [name: string, graph: Uint8Array, text: string][] = [
    ['simple_sequence', SIMPLE, config('simple_sequence', FLAGS)],
    [
      'simple_dyna_sequence',
      DYNA,
      config('simple_dyna_sequence', [
        ...FLAGS,
        control('END', 'END'),
        control('CORRID', 'CORRID', 'data_type: TYPE_UINT64'),
      ]),
    ],
  ];
  for (const [name, graph, text] of models) {
    mkdirSync(path.join(repository, name, '1'), { recursive: true });
    writeFileSync(path.join(repository, name, '1/model.onnx'), graph);
    writeFileSync(path.join(repository, name, 'config.pbtxt'), text);
  }
}
