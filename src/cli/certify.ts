// polyhead certify: the batching certificate of one graph file, in words, with everything that was tried.

import path from 'node:path';
import { readShown } from '../model/shown.ts';
import type { GoldenCheck } from '../proof/golden.ts';
import { prove, type Step } from '../proof/prove.ts';
import { watcherOf } from '../runtime/watched.ts';
import { type Certified, certificateText } from './certificate-text.ts';
import { type Command, readArguments, readSettings } from './command.ts';
import { manifestBeside, readGraphFile, withSession } from './graph-file.ts';

export const certifyCommand: Command = {
  name: 'certify',
  usage: 'polyhead certify FILE [--json]',
  summary:
    'Proves an ONNX graph as the server would, and tells what may share a run; exit code 1 if it would be refused.',
  details: [
    ['FILE', 'an ONNX graph; a manifest.json and golden.json beside it are used'],
    ['--json', 'the certificate as JSON'],
    ['', "the server's settings are read from the environment, such as POLYHEAD_EXECUTION_PROVIDER"],
  ],
  run,
};

async function run(args: readonly string[]): Promise<void> {
  const { values, positionals } = readArguments(certifyCommand, args, 1, { json: { type: 'boolean' } });
  const [file] = positionals;
  const graph = await readGraphFile(file);
  const config = readSettings();
  const beside = await manifestBeside(file);
  const provider = beside?.executionProvider ?? config.executionProvider;
  const refused = new Map<Step, string>();
  const limits = { batchSize: config.batchSize, paddedSteps: config.paddedSteps };
  const folder = path.dirname(file);
  const shown = beside ? undefined : await readShown(folder, graph);
  const candidate = { folder, graph, given: beside, shown, limits, thorough: true };
  const { signature, golden, certificate } = await withSession(file, config, provider, (run, session) =>
    prove(candidate, run, watcherOf(session, graph), (fault, step) => refused.set(step, fault.message)),
  );
  const certified: Certified = {
    file,
    graph,
    signature,
    manifest: originOf(file, beside?.graph.file),
    golden: goldenText(golden, refused.get('golden')),
    refusals: [...refused.values()],
    certificate,
  };
  console.log(values.json ? asJson(certified) : certificateText(certified).join('\n'));
  if (refused.size > 0) process.exitCode = 1; // the server would not serve it
}

function asJson({ file, graph, manifest, golden, refusals, certificate }: Certified): string {
  const told = { file, sha256: graph.sha256, manifest, golden: golden ?? null, refusals, certificate };
  return JSON.stringify(told, null, 2);
}

function originOf(file: string, meantFor: string | undefined): string {
  if (meantFor === undefined) return 'none; axes and roles were found out by experiment';
  return meantFor === path.basename(file)
    ? 'manifest.json beside it'
    : `manifest.json beside it, written for ${meantFor}`;
}

function goldenText(checked: GoldenCheck | undefined, fault: string | undefined): string | undefined {
  if (fault !== undefined) return `does not hold: ${fault}`;
  if (!checked) return undefined;
  const { cases, worstDifference, tolerance, producer } = checked;
  const worst = `${worstDifference.toExponential(1)} at worst, tolerance ${tolerance.toExponential(0)}`;
  return `${cases} answers of ${producer} hold: ${worst}`;
}
