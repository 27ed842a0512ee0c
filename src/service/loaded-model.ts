// A model version that serves: every load-time check in order, then its batcher over its workers.
import path from 'node:path';
import type { Logger } from 'pino';
import { Batcher } from '../batching/batcher.ts';
import { LoadError, messageOf } from '../core/errors.ts';
import { collate, split } from '../model/collate.ts';
import { type Graph, readGraph } from '../model/graph.ts';
import { type HeadDecoder, headDecoder } from '../model/heads.ts';
import { type Manifest, readManifest } from '../model/manifest.ts';
import { checkContained, sha256, type VersionFolder } from '../model/repository.ts';
import { type SequenceParser, sequenceParser } from '../model/sequence.ts';
import { bindSignature, headTensors, type Signature } from '../model/signature.ts';
import type { ProviderChoice, SessionFacts } from '../runtime/messages.ts';
import { placement } from '../runtime/session.ts';
import { WorkerPool } from '../runtime/worker-pool.ts';
import { type Certificate, certify } from './certificate.ts';
import { type Example, readExample } from './example.ts';
import { checkGolden, type GoldenCheck, readGolden } from './golden.ts';
import type { Metrics } from './metrics.ts';
import { randomNumbers, randomSequence } from './samples.ts';

export interface ModelOptions {
  readonly executionProvider: ProviderChoice;
  readonly workers: number;
  readonly intraOpThreads: number;
  readonly batchSize: number;
  readonly paddedSteps: number;
  readonly maxQueueDelayMs: number;
  readonly queueCapacity: number;
  readonly queueBytes: number;
  /** The worker thread's file, where it is not the usual one. */
  readonly workerFile?: URL;
}

export interface Limits {
  readonly batchSize: number;
  readonly paddedSteps: number;
}

export interface ProviderFacts extends SessionFacts {
  readonly requested: ProviderChoice;
  /** Nodes by execution provider, from the runtime's profile of one run; only where CUDA was got. */
  readonly placement?: Readonly<Record<string, number>>;
}

export interface LoadedModel {
  readonly name: string;
  readonly version: string;
  readonly manifest: Manifest;
  readonly graph: Graph;
  readonly digest: string;
  readonly signature: Signature;
  readonly limits: Limits;
  readonly provider: ProviderFacts;
  readonly golden?: GoldenCheck;
  readonly certificate: Certificate;
  /** A request body that succeeds as it stands. */
  readonly example: Example;
  readonly parse: SequenceParser;
  readonly decoders: readonly HeadDecoder[];
  readonly batcher: Batcher;
  /** Workers that can run. */
  alive(): number;
  /** Waits for what was admitted, then ends the workers. */
  close(): Promise<void>;
}

/** Loads a version folder and proves it. @throws {LoadError} one readable line; nothing is left running. */
export async function loadModel(
  { model: name, version, folder }: VersionFolder,
  options: ModelOptions,
  metrics: Metrics,
  log: Logger,
): Promise<LoadedModel> {
  await checkContained(folder);
  const manifest = await readManifest(path.join(folder, 'manifest.json'));
  const graphFile = path.join(folder, manifest.graph.file);
  const { graph, content } = await readGraph(graphFile);
  const digest = sha256(content);
  if (manifest.graph.sha256 && manifest.graph.sha256 !== digest) {
    throw new LoadError(`${manifest.graph.file} has sha256 ${digest}, the manifest says ${manifest.graph.sha256}`);
  }
  const signature = bindSignature(manifest, graph);
  const golden = await readGolden(folder, signature);
  const parse = sequenceParser(signature);
  const example = await readExample(folder, signature, parse);
  const limits = {
    batchSize: Math.min(options.batchSize, manifest.limits.batchSize ?? options.batchSize),
    paddedSteps: Math.min(options.paddedSteps, manifest.limits.paddedSteps ?? options.paddedSteps),
  };

  const requested = manifest.executionProvider ?? options.executionProvider;
  const session = { graphFile, provider: requested, intraOpThreads: options.intraOpThreads };
  const modelLog = log.child({ model: name, version });
  let countCrash = () => {}; // a worker may die before the model has metrics
  const pool = await WorkerPool.open({
    session,
    size: options.workers,
    workerFile: options.workerFile,
    onEvent: (event, detail) => {
      if (event === 'crashed') countCrash();
      modelLog.warn({ detail }, `a worker ${event}`);
    },
  });
  const run = async (...[feeds, fetches]: Parameters<WorkerPool['run']>) => (await pool.run(feeds, fetches)).outputs;
  const decoders = signature.heads.map(headDecoder);
  let goldenCheck: GoldenCheck | undefined;
  let certificate: Certificate;
  let provider: ProviderFacts = { requested, ...pool.facts };
  try {
    await warmUp(signature, limits, decoders, run);
    goldenCheck = golden && (await checkGolden(golden, signature, run));
    certificate = await certify(signature, golden?.cases.map(c => c.sequence) ?? [], limits, run);
    if (provider.provider === 'cuda') {
      const sample = collate(signature, [randomSequence(signature, 8, randomNumbers(2))]);
      provider = { ...provider, placement: await placement(session, 'cuda', sample, signature.fetches) };
    }
  } catch (error) {
    await pool.close();
    throw error;
  }

  const batcher = new Batcher({
    signature,
    runner: pool,
    rules: { ...limits, mixing: certificate.mixing },
    capacity: { sequences: options.queueCapacity, bytes: options.queueBytes },
    maxDelayMs: options.maxQueueDelayMs,
    onBatch: report => modelMetrics.batch(report),
    onFailure: error => modelLog.error({ err: error }, 'a batch failed'),
  });
  const modelMetrics = metrics.forModel(name, version, () => ({ pending: batcher.pending, workers: pool.alive }));
  countCrash = modelMetrics.workerCrashed;
  modelLog.info(
    {
      ...provider,
      mixing: certificate.mixing,
      worstDifference: certificate.worstDifference,
      golden: goldenCheck?.cases ?? 0,
    },
    `loaded ${name}/${version}`,
  );
  return {
    name,
    version,
    manifest,
    graph,
    digest,
    signature,
    limits,
    provider,
    golden: goldenCheck,
    certificate,
    example,
    parse,
    decoders,
    batcher,
    alive: () => pool.alive,
    close: async () => {
      await batcher.drain();
      await pool.close();
      modelMetrics.forget();
    },
  };
}

/** Runs the largest batch once, so that memory is claimed now, and reads every head of it. */
async function warmUp(
  signature: Signature,
  { batchSize, paddedSteps }: Limits,
  decoders: readonly HeadDecoder[],
  run: (...args: Parameters<WorkerPool['run']>) => Promise<Parameters<typeof split>[0]>,
): Promise<void> {
  const random = randomNumbers(3);
  const length = Math.max(1, Math.floor(paddedSteps / batchSize));
  const sequences = Array.from({ length: batchSize }, () => randomSequence(signature, length, random));
  try {
    const outputs = await run(collate(signature, sequences), signature.fetches);
    const rows = split(outputs, sequences);
    for (const { spec, width } of signature.heads) {
      const expected = (spec.per === 'step' ? sequences[0].length : 1) * width; // the graph may have hidden its shape
      for (const name of headTensors(spec)) {
        const actual = outputs[name].data.length / batchSize;
        if (actual !== expected) throw new Error(`output "${name}" gives ${actual} values a row, expected ${expected}`);
      }
    }
    for (const decode of decoders) decode(rows[batchSize - 1]);
  } catch (error) {
    const reason = error instanceof Error && error.cause ? error.cause : error;
    throw new LoadError(
      `the graph cannot run ${batchSize} sequences of ${sequences[0].longest} steps: ${messageOf(reason).split('\n')[0]}`,
    );
  }
}
