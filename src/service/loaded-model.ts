// A model version that serves: every load-time check in order, then its batcher over its workers.
import { existsSync } from 'node:fs';
import path from 'node:path';
import type { Logger } from 'pino';
import { Batcher } from '../batching/batcher.ts';
import type { Mixing } from '../batching/queue.ts';
import { LoadError } from '../core/errors.ts';
import { bindSignature } from '../model/bind.ts';
import { type Graph, readGraph } from '../model/graph.ts';
import { type HeadDecoder, headDecoder } from '../model/heads.ts';
import { type Manifest, readManifest } from '../model/manifest.ts';
import { checkContained, type VersionFolder } from '../model/repository.ts';
import type { Signature } from '../model/signature.ts';
import type { Certificate } from '../proof/certificate.ts';
import { checkGolden, type GoldenCheck, type RunFeeds, readGolden } from '../proof/golden.ts';
import { warmUp } from '../proof/warm-up.ts';
import type { ProviderChoice, SessionFacts } from '../runtime/messages.ts';
import { placement } from '../runtime/session.ts';
import { WorkerPool } from '../runtime/worker-pool.ts';
import { collate } from '../sequence/collate.ts';
import { type SequenceParser, sequenceParser } from '../sequence/sequence.ts';
import { certify, narrowed, narrowest } from './certificate.ts';
import { CertificateCache } from './certificate-cache.ts';
import { type Example, readExample } from './example.ts';
import { inferManifest } from './inference/inference.ts';
import type { Metrics } from './metrics.ts';
import { randomNumbers, randomSequence } from './samples.ts';
import { Statistics } from './statistics.ts';

export interface ModelOptions {
  readonly executionProvider: ProviderChoice;
  readonly workers: number;
  readonly intraOpThreads: number;
  readonly batchSize: number;
  readonly paddedSteps: number;
  readonly maxQueueDelayMs: number;
  readonly queueCapacity: number;
  readonly queueBytes: number;
  /** Whether certificates are kept in the repository, where it is writable. */
  readonly certificateCache: boolean;
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
  /** Whether the manifest was found out by experiment, because the version brings none. */
  readonly inferred: boolean;
  readonly graph: Graph;
  readonly signature: Signature;
  readonly limits: Limits;
  readonly provider: ProviderFacts;
  readonly golden?: GoldenCheck;
  readonly certificate: Certificate;
  /** What the batcher does: the certificate's mixing, or less if the manifest asks for less. */
  readonly mixing: Mixing;
  /** The same for requests that want the state outputs. */
  readonly stateMixing: Mixing;
  /** A request body that succeeds as it stands. */
  readonly example: Example;
  readonly parse: SequenceParser;
  readonly decoders: readonly HeadDecoder[];
  readonly batcher: Batcher;
  readonly statistics: Statistics;
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
  const manifestFile = path.join(folder, 'manifest.json');
  const given = existsSync(manifestFile) ? await readManifest(manifestFile) : undefined;
  const graphFile = path.join(folder, given?.graph.file ?? 'model.onnx');
  const graph = await readGraph(graphFile);
  if (given) {
    checkDigests(given, graph);
    bindSignature(given, graph); // tell what does not fit before a session is opened
  }
  const requested = given?.executionProvider ?? options.executionProvider;
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
  try {
    const run: RunFeeds = async (feeds, fetches) => (await pool.run(feeds, fetches)).outputs;
    const root = path.dirname(path.dirname(folder));
    const { batchSize, paddedSteps } = options;
    const facts = { version: metrics.version, graph, given, provider: pool.facts.provider, batchSize, paddedSteps };
    const cache = options.certificateCache ? new CertificateCache(root, name, version, facts) : undefined;
    const proof = await prove(folder, graph, given, options, run, await cache?.read());
    const { signature, limits, certificate, mixing } = proof;
    await cache?.write({ manifest: proof.manifest, certificate });

    let provider: ProviderFacts = { requested, ...pool.facts };
    if (provider.provider === 'cuda') {
      const sample = collate(signature, [randomSequence(signature, 8, randomNumbers(2))]);
      provider = { ...provider, placement: await placement(session, 'cuda', sample, signature.fetches) };
    }
    const statistics = new Statistics();
    const batcher = new Batcher({
      signature,
      runner: pool,
      rules: { ...limits, mixing },
      pairs: certificate.rows === 'exactInPairs' || certificate.state?.rows === 'exactInPairs',
      capacity: { sequences: options.queueCapacity, bytes: options.queueBytes },
      maxDelayMs: options.maxQueueDelayMs,
      onBatch: report => {
        modelMetrics.batch(report);
        statistics.batch(report);
      },
      onFailure: error => modelLog.error({ err: error }, 'a batch failed'),
    });
    const modelMetrics = metrics.forModel(
      name,
      version,
      { mixing, rows: certificate.rows, lengths: certificate.lengths },
      () => ({
        pending: batcher.pending,
        workers: pool.alive,
      }),
    );
    countCrash = modelMetrics.workerCrashed;
    for (const warning of certificate.warnings) modelLog.warn(warning);
    modelLog.info(
      { ...provider, mixing, worstDifference: certificate.worstDifference, golden: proof.golden?.cases ?? 0 },
      `loaded ${name}/${version}`,
    );
    return {
      ...proof,
      name,
      version,
      inferred: given === undefined,
      graph,
      provider,
      batcher,
      statistics,
      alive: () => pool.alive,
      close: async () => {
        await batcher.drain();
        await pool.close();
        modelMetrics.forget();
      },
    };
  } catch (error) {
    await pool.close();
    throw error;
  }
}

type Proof = Pick<
  LoadedModel,
  | 'manifest'
  | 'signature'
  | 'limits'
  | 'golden'
  | 'certificate'
  | 'mixing'
  | 'stateMixing'
  | 'example'
  | 'parse'
  | 'decoders'
>;

/** Everything that must hold before the model may answer, found out on a running session. @throws {LoadError} */
async function prove(
  folder: string,
  graph: Graph,
  given: Manifest | undefined,
  options: ModelOptions,
  run: RunFeeds,
  known: { manifest: Manifest; certificate: Certificate } | undefined,
): Promise<Proof> {
  const manifest = given ?? known?.manifest ?? (await inferManifest(graph, run));
  const signature = bindSignature(manifest, graph);
  const parse = sequenceParser(signature);
  const decoders = signature.heads.map(headDecoder);
  const example = await readExample(folder, signature, parse);
  const limits = {
    batchSize: Math.min(options.batchSize, manifest.limits.batchSize ?? options.batchSize),
    paddedSteps: Math.min(options.paddedSteps, manifest.limits.paddedSteps ?? options.paddedSteps),
  };
  const golden = await readGolden(folder, signature, graph);
  await warmUp(signature, { batchSize: 1, paddedSteps: 8 }, decoders, run);
  const checked = golden && (await checkGolden(golden, run));
  const sequences = golden?.cases.flatMap(({ sequence }) => (sequence ? [sequence] : [])) ?? [];
  const certificate = known?.certificate ?? (await certify(signature, sequences, limits, run));
  const mixing = narrowed(certificate, manifest.limits.mixing);
  if (mixing !== 'alone') await warmUp(signature, limits, decoders, run);
  const stateMixing = narrowest(mixing, certificate.state?.mixing ?? mixing);
  return { manifest, signature, limits, golden: checked, certificate, mixing, stateMixing, example, parse, decoders };
}

function checkDigests({ graph: { file, sha256, externalData = {} } }: Manifest, graph: Graph): void {
  if (sha256 && sha256 !== graph.sha256) {
    throw new LoadError(`${file} has sha256 ${graph.sha256}, the manifest says ${sha256}`);
  }
  for (const [name, expected] of Object.entries(externalData)) {
    const found = graph.externalData.find(external => external.file === name);
    if (!found) throw new LoadError(`${file} has no external data "${name}", which the manifest names`);
    if (found.sha256 !== expected)
      throw new LoadError(`${name} has sha256 ${found.sha256}, the manifest says ${expected}`);
  }
}
