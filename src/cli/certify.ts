// polyhead certify: the batching certificate of one graph file, in words, with everything that was tried.
import path from 'node:path';
import { messageOf } from '../core/errors.ts';
import { bindSignature } from '../model/bind.ts';
import type { Graph } from '../model/graph.ts';
import { headDecoder } from '../model/heads.ts';
import type { Signature } from '../model/signature.ts';
import type { Certificate } from '../proof/certificate.ts';
import { checkGolden, type RunFeeds, readGolden } from '../proof/golden.ts';
import { warmUp } from '../proof/warm-up.ts';
import type { Sequence } from '../sequence/sequence.ts';
import { certify } from '../service/certificate.ts';
import { inferManifest } from '../service/inference/inference.ts';
import { certificateText } from './certificate-text.ts';
import { type Command, readArguments, readSettings } from './command.ts';
import { manifestBeside, readGraphFile, withSession } from './graph-file.ts';

export const certifyCommand: Command = {
  name: 'certify',
  usage: 'polyhead certify FILE [--json]',
  summary: 'Finds out by experiment what may share a run of an ONNX graph.',
  details: [
    ['FILE', 'an ONNX graph; a manifest.json and golden.json beside it are used'],
    ['--json', 'the certificate as JSON'],
    ['', "the server's settings are read from the environment, such as POLYHEAD_EXECUTION_PROVIDER"],
  ],
  run,
};

/** What certifying one file gave. */
export interface Certified {
  readonly file: string;
  readonly graph: Graph;
  readonly signature: Signature;
  /** Where the meaning of the tensors comes from, in words. */
  readonly manifest: string;
  /** How the golden answers compare, in words; undefined without a golden.json. */
  readonly golden?: string;
  readonly certificate: Certificate;
}

async function run(args: readonly string[]): Promise<void> {
  const { values, positionals } = readArguments(certifyCommand, args, 1, { json: { type: 'boolean' } });
  const [file] = positionals;
  const graph = await readGraphFile(file);
  const config = readSettings();
  const beside = await manifestBeside(file);
  const provider = beside?.executionProvider ?? config.executionProvider;
  const certified = await withSession(file, config, provider, async (run): Promise<Certified> => {
    const manifest = beside ?? (await inferManifest(graph, run));
    const signature = bindSignature(manifest, graph);
    const limits = {
      batchSize: Math.min(config.batchSize, manifest.limits.batchSize ?? config.batchSize),
      paddedSteps: Math.min(config.paddedSteps, manifest.limits.paddedSteps ?? config.paddedSteps),
    };
    await warmUp(signature, { batchSize: 1, paddedSteps: 8 }, signature.heads.map(headDecoder), run);
    const { sequences, golden } = await goldenBeside(file, signature, graph, run);
    const certificate = await certify(signature, sequences, limits, run);
    return { file, graph, signature, manifest: originOf(file, beside?.graph.file), golden, certificate };
  });
  if (!values.json) {
    console.log(certificateText(certified).join('\n'));
    return;
  }
  const { manifest, golden = null, certificate } = certified;
  console.log(JSON.stringify({ file, sha256: graph.sha256, manifest, golden, certificate }, null, 2));
}

function originOf(file: string, meantFor: string | undefined): string {
  if (meantFor === undefined) return 'none; axes and roles were found out by experiment';
  return meantFor === path.basename(file)
    ? 'manifest.json beside it'
    : `manifest.json beside it, written for ${meantFor}`;
}

/** Golden sequences take part in the experiments. Answers that are off are told, and do not hinder the certificate. */
async function goldenBeside(
  file: string,
  signature: Signature,
  graph: Graph,
  run: RunFeeds,
): Promise<{ sequences: Sequence[]; golden?: string }> {
  let sequences: Sequence[] = [];
  try {
    const golden = await readGolden(path.dirname(file), signature, graph);
    if (!golden) return { sequences };
    sequences = golden.cases.flatMap(({ sequence }) => (sequence ? [sequence] : []));
    const { cases, worstDifference, tolerance, producer } = await checkGolden(golden, run);
    const worst = `${worstDifference.toExponential(1)} at worst, tolerance ${tolerance.toExponential(0)}`;
    return { sequences, golden: `${cases} answers of ${producer} hold: ${worst}` };
  } catch (error) {
    return { sequences, golden: `does not hold: ${messageOf(error)}` };
  }
}
