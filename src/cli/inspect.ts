// polyhead inspect: what a graph is, read from its file; and a starting manifest, found out by running it.

import { grouped, printable } from '../core/terminal.ts';
import { parseManifest } from '../model/manifest.ts';
import type { Graph, TensorInfo } from '../model/onnx/graph.ts';
import { type Command, readArguments, readSettings } from './command.ts';
import { readGraphFile, withSession } from './graph-file.ts';
import { guessManifest } from './guess.ts';
import { heading, shapeText, table } from './text.ts';

export const inspectCommand: Command = {
  name: 'inspect',
  usage: 'polyhead inspect FILE [--json | --manifest]',
  summary: 'Tells what an ONNX graph is, or writes a starting manifest for it.',
  details: [
    ['FILE', 'an ONNX graph, such as models/weather/1/model.onnx'],
    ['--json', 'the same as JSON'],
    ['--manifest', 'run the graph and print a manifest.json to start from; what is a guess says so in its description'],
  ],
  run,
};

/** Kinds of operators that are told apart, with the names that belong to them. */
const MARKS: readonly (readonly [string, RegExp])[] = [
  ['recurrent', /(^|\.)(Dynamic)?(Quantize)?(LSTM|GRU|RNN|AttnLSTM)$/],
  ['loop', /^(Loop|Scan)$/],
  ['quantised', /Quantize|QLinear|Integer$|(^|\.)(QAttention|QGemm|MatMulNBits)/],
  ['strings', /String|Regex|LabelEncoder|CategoryMapper|TfIdf|Vectorizer|Tokenizer|ZipMap/],
];

async function run(args: readonly string[]): Promise<void> {
  const { values, positionals } = readArguments(inspectCommand, args, 1, {
    json: { type: 'boolean' },
    manifest: { type: 'boolean' },
  });
  const [file] = positionals;
  const graph = await readGraphFile(file);
  if (values.manifest) {
    // On the CPU: only there do ids beyond a table's end fail, which is how its size is found out.
    const manifest = await withSession(file, readSettings(), 'cpu', run => guessManifest(graph, file, run));
    parseManifest(manifest);
    console.log(JSON.stringify(manifest, null, 2));
  } else if (values.json) {
    console.log(JSON.stringify(asJson(file, graph), null, 2));
  } else {
    console.log(asText(file, graph).join('\n'));
  }
}

function marksOf(operator: string): string[] {
  return MARKS.flatMap(([mark, names]) => (names.test(operator) ? [mark] : []));
}

function asJson(file: string, graph: Graph): object {
  const { producer, opsets, bytes, parameters, sha256, externalData, metadata, inputs, writers } = graph;
  return {
    file,
    producer,
    opsets,
    bytes,
    parameters,
    sha256,
    externalData,
    metadata,
    operators: operatorsOf(graph).map(([name, count]) => ({ name, count, marks: marksOf(name) })),
    inputs,
    outputs: graph.outputs.map(output => ({ ...output, writtenBy: writers[output.name] || null })),
  };
}

/** Metadata may be a whole document. */
function shortened(value: string): string {
  return printable(value.length > 200 ? `${value.slice(0, 200)}…` : value);
}

/** The operators, the most frequent first. */
function operatorsOf({ operators }: Graph): [string, number][] {
  return Object.entries(operators).sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
}

function asText(file: string, graph: Graph): string[] {
  const { writers } = graph;
  const facts: [string, string][] = [
    ['producer', printable(graph.producer) || 'not told'],
    [
      'opsets',
      Object.entries(graph.opsets)
        .map(([domain, version]) => `${printable(domain)} ${version}`)
        .join(', '),
    ],
    ['size', `${grouped(graph.bytes)} bytes`],
    ['parameters', grouped(graph.parameters)],
    ['sha256', graph.sha256],
    ...graph.externalData.map((external): [string, string] => [
      'external data',
      `${printable(external.file)}, ${grouped(external.bytes)} bytes, sha256 ${external.sha256}`,
    ]),
    ...Object.entries(graph.metadata).map(([key, value]): [string, string] => [
      'metadata',
      `${printable(key)} = ${shortened(value)}`,
    ]),
  ];
  const operators = operatorsOf(graph).map(([name, count]) => [
    printable(name),
    grouped(count),
    marksOf(name).join(', '),
  ]);
  const tensor = ({ name, dtype, dims }: TensorInfo) => [printable(name), dtype, shapeText(dims)];
  return [
    heading(file),
    ...table(facts, { indent: 2 }),
    '',
    heading('Operators'),
    ...table(operators, { indent: 2, right: [1] }),
    '',
    heading('Inputs'),
    ...table(graph.inputs.map(tensor), { indent: 2 }),
    '',
    heading('Outputs'),
    ...table(
      graph.outputs.map(output => [
        ...tensor(output),
        writers[output.name] && `written by ${printable(writers[output.name])}`,
      ]),
      { indent: 2 },
    ),
  ];
}
