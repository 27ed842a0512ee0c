// polyhead check: loads every model version of a repository as the server would, and tells of each how that went.
import { pino } from 'pino';
import { LoadError, messageOf, oneLine } from '../core/errors.ts';
import { printable, styled } from '../core/terminal.ts';
import { homeOf, listRepository, type VersionFolder } from '../model/repository.ts';
import { readServing } from '../model/serving.ts';
import { ModelLoader } from '../service/load.ts';
import { Metrics } from '../service/metrics.ts';
import type { Model } from '../service/model.ts';
import { VERSION } from '../version.ts';
import { type Command, readArguments, readSettings } from './command.ts';

export const checkCommand: Command = {
  name: 'check',
  usage: 'polyhead check DIR',
  summary: 'Does everything that the server does when it loads models, one line each; exit code 1 if one is refused.',
  details: [
    ['DIR', 'a model repository: <name>/<version>/model.onnx'],
    ['', "the server's settings are read from the environment, such as POLYHEAD_EXECUTION_PROVIDER"],
  ],
  run,
};

async function run(args: readonly string[]): Promise<void> {
  const [repository] = readArguments(checkCommand, args, 1, {}).positionals;
  // Everything is found out anew: what an earlier start found out proves nothing about this one.
  const options = { ...readSettings(), workers: 1, certificateCache: false };
  const folders = await listRepository(repository, options.modelName);
  if (folders.length === 0) throw new LoadError(`model repository "${repository}" holds no model`);
  const width = Math.max(...folders.map(folder => nameOf(folder).length));
  const loader = new ModelLoader(options, new Metrics(VERSION), pino({ level: 'silent' }));
  let sound = 0;
  let refused = 0;
  const refuse = (name: string, error: unknown) => {
    refused++;
    const reason = printable(oneLine(messageOf(error)));
    console.log(`${styled(process.stdout, 'red', 'refused')}  ${name.padEnd(width)}  ${reason}`);
    if (!(error instanceof LoadError)) console.error(error);
  };
  const seen = new Set<string>();
  for (const folder of folders) {
    const { model } = folder;
    if (!seen.has(model) && !folder.isUnread)
      await readServing(homeOf(folder)).catch(error => refuse(printable(model), error));
    seen.add(model);
    const name = nameOf(folder);
    const startMs = performance.now();
    try {
      const { text, warnings } = await check(folder, loader);
      console.log(`${styled(process.stdout, 'green', 'ok')}       ${name.padEnd(width)}  ${text}  ${elapsed(startMs)}`);
      for (const warning of warnings)
        console.log(`         ${styled(process.stdout, 'yellow', 'warning')}: ${printable(warning)}`);
      sound++;
    } catch (error) {
      refuse(name, error);
    }
  }
  loader.close();
  console.log(`${sound} ok, ${refused} refused`);
  if (refused > 0) process.exitCode = 1;
}

async function check(
  folder: VersionFolder,
  loader: ModelLoader,
): Promise<{ text: string; warnings: readonly string[] }> {
  const model = await loader.load(folder);
  await model.close();
  return { text: summary(model), warnings: model.certificate.warnings };
}

function summary({ mixing, certificate, golden, inferred }: Model): string {
  const { rows, lengths } = certificate;
  const proof = golden
    ? `golden ${golden.worstDifference.toExponential(1)} of ${golden.tolerance.toExponential(0)}`
    : 'no golden';
  return [
    `mixing ${mixing.padEnd(7)}`,
    `rows ${rows.padEnd(12)}`,
    `lengths ${lengths.padEnd(11)}`,
    proof.padEnd(22),
    inferred ? 'no manifest' : 'manifest   ',
  ].join('  ');
}

function nameOf({ model, version }: VersionFolder): string {
  return printable([model, version].filter(Boolean).join('/'));
}

function elapsed(startMs: number): string {
  return `${Math.round(performance.now() - startMs)} ms`;
}
