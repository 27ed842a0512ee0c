// polyhead reference: what is usual for a model, from a file of sequences; the server tells drift against it.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { ReferenceCollector } from '../drift/collect.ts';
import { REFERENCE_FILE } from '../drift/reference.ts';
import { answerFile } from './answered.ts';
import { type Command, readArguments, readSettings } from './command.ts';
import { load } from './predict.ts';

export const referenceCommand: Command = {
  name: 'reference',
  usage: 'polyhead reference DIR NAME FILE [--version N]',
  summary: 'Writes what is usual for a model beside it, so that the server can tell drift.',
  details: [
    ['DIR', 'a model repository'],
    ['NAME', 'the name of a model in it'],
    ['FILE', 'JSON Lines: one sequence a line, as in polyhead predict; such as the data that it was tested on'],
    ['--version N', 'a version of the model; the newest if left out'],
  ],
  run,
};

async function run(args: readonly string[]): Promise<void> {
  const { values, positionals } = readArguments(referenceCommand, args, 3, { version: { type: 'string' } });
  const [repository, name, file] = positionals;
  const config = readSettings();
  const model = await load(repository, name, values.version, config);
  try {
    const collector = new ReferenceCollector(model.signature, model.decoders);
    const whole = (line: unknown) => line;
    const count = await answerFile(model, file, config, whole, row => collector.add(row));
    const target = path.join(model.folder, REFERENCE_FILE);
    await writeFile(target, `${JSON.stringify(collector.reference(model.graph.sha256), null, 2)}\n`);
    console.log(`${model.name}/${model.version}: ${count} sequences, ${model.signature.heads.length} heads: ${target}`);
  } finally {
    await model.close();
  }
}
