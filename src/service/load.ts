// From a version folder to a model that serves: read, prove in a process of its own, then open and recheck the workers.
import path from 'node:path';
import type { Logger } from 'pino';
import type { Inline } from '../batching/places.ts';
import { RunBytes } from '../batching/run-bytes.ts';
import { LoadError, messageOf } from '../core/errors.ts';
import { readReference } from '../drift/reference.ts';
import { sizeOf } from '../model/onnx/graph.ts';
import { homeOf, type VersionFolder } from '../model/repository.ts';
import { type Axes, withOthers } from '../model/signature.ts';
import { unchangedFiles } from '../model/unchanged.ts';
import { type ReadVersion, readVersion } from '../model/version.ts';
import { CertificateCache, machineFacts } from '../proof/cache.ts';
import { type Finding, reasonOf } from '../proof/finding.ts';
import type { GoldenCheck } from '../proof/golden.ts';
import { findOthers } from '../proof/others.ts';
import { type Candidate, type Proof, recall, recheck } from '../proof/prove.ts';
import { Prover } from '../proof/prover.ts';
import { measureBytes } from '../proof/run-times.ts';
import { warmUp } from '../proof/warm-up.ts';
import { deviceOf, devices } from '../runtime/device.ts';
import { groupsOf } from '../runtime/joined.ts';
import type { SessionOptions } from '../runtime/messages.ts';
import { Threads } from '../runtime/threads.ts';
import { WorkerPool } from '../runtime/worker-pool.ts';
import type { Metrics } from './metrics.ts';
import type { Model, ModelOptions, ProviderFacts } from './model.ts';
import { serve } from './serve.ts';

/** A graph whose outputs are joined is held in memory once more while it is opened. */
const MOST_JOINED_BYTES = 64 * 1024 * 1024;
/** A larger graph has threads of its own: beside it they take little, and it is not moved. */
const MOST_SHARED_BYTES = 64 * 1024 * 1024;
/** How many times longer than before it serves a model may be tried when it serves. */
const LATER_TIMES = 30;

export class ModelLoader {
  readonly #options: ModelOptions;
  readonly #metrics: Metrics;
  readonly #log: Logger;
  readonly #threads: Threads;
  readonly #prover: Prover;
  /** Tries in full what was too large for that before it served; one model at a time, while others are loaded. */
  readonly #later: Prover;
  #closed = false;
  readonly #unfinished = new WeakMap<Model, () => Promise<void>>();

  constructor(options: ModelOptions, metrics: Metrics, log: Logger) {
    this.#options = options;
    this.#metrics = metrics;
    this.#log = log;
    this.#threads = new Threads(Math.max(options.threads, options.workers), options.workerFile);
    const { loadProcesses, loadTimeoutMs: timeoutMs, loadMemoryBytes: memoryBytes } = options;
    // On a GPU one at a time: what shares it disturbs the measurement, and was seen to disturb the results.
    const shares = options.executionProvider !== 'cpu' && devices().gpus.length > 0;
    this.#prover = new Prover({ processes: shares ? 1 : loadProcesses, timeoutMs, memoryBytes });
    this.#later = new Prover({ processes: 1, timeoutMs: LATER_TIMES * timeoutMs, memoryBytes });
  }

  /** Loads a version folder and proves it. @throws {LoadError} one readable line; nothing is left running. */
  async load(version: VersionFolder): Promise<Model> {
    if (version.fault) throw new LoadError(version.fault);
    const log = this.#log.child({ model: version.model, version: version.version });
    const read = await readVersion(version.folder, homeOf(version));
    const { batchSize, paddedSteps } = this.#options;
    const candidate = {
      folder: version.folder,
      graph: read.graph,
      given: read.given,
      declared: read.declared,
      shown: read.shown,
      limits: { batchSize, paddedSteps },
    };
    const session = this.#sessionOf(read);
    const cache = this.#cacheOf(version, candidate, session);
    const finding = await this.#find(cache, candidate, session, log);
    const proof = await recall(candidate, finding);
    const provider: ProviderFacts = {
      requested: session.provider,
      ...finding.provider,
      reason: reasonOf(finding.provider),
      ...deviceOf(finding.provider.provider, this.#options.cudaTf32),
    };
    const got = { ...session, provider: provider.provider };
    const reference = await readReference(version.folder, read.graph.sha256); // what may be refused, before anything is opened
    const { pool, golden, others, bytes } = await this.#open(version, read, proof, got, log);
    const signature = withOthers(proof.signature, others);
    try {
      const { inlineMs } = this.#options;
      const inline = got.provider === 'cpu' && inlineMs > 0 ? await inlineOf(got, proof, inlineMs) : undefined;
      this.#tell(log, version, proof, provider);
      const served = { ...proof, signature, golden };
      const proved = { version, read, proof: served, provider, pool, inline, bytes, reference };
      const model = serve(proved, this.#options, this.#metrics, log);
      if (!finding.certificate.complete) {
        this.#unfinished.set(model, () => this.#finish(model, candidate, { finding, session: got, cache }, log));
      }
      return model;
    } catch (error) {
      await pool.close();
      throw error;
    }
  }

  /** Tries what was not tried before the model served; until then, and if that fails, it serves by the narrowest rule. */
  async finish(model: Model): Promise<void> {
    const act = this.#unfinished.get(model);
    this.#unfinished.delete(model);
    await act?.();
  }

  close(): void {
    this.#closed = true;
    this.#prover.close();
    this.#later.close();
  }

  async #finish(
    model: Model,
    candidate: Candidate,
    { finding, session, cache }: { finding: Finding; session: SessionOptions; cache?: CertificateCache },
    log: Logger,
  ): Promise<void> {
    try {
      const task = {
        ...candidate,
        session,
        workers: this.#options.workers,
        runBytes: this.#options.runBytes,
        reach: finding.reach,
        thorough: true,
      };
      const whole = { ...(await this.#later.prove(task)), provider: finding.provider };
      model.learn(await recall(candidate, whole));
      await cache?.write(whole);
      const { mixing, certificate } = model;
      log.info({ mixing, batches: certificate.batches }, `everything was tried of ${model.name}/${model.version}`);
    } catch (error) {
      const text = `not everything could be tried of ${model.name}/${model.version}: it goes on as it serves`;
      if (!this.#closed) log.warn({ reason: messageOf(error) }, text);
    }
  }

  #sessionOf({ graphFile, graph, given }: ReadVersion): SessionOptions {
    const { executionProvider, intraOpThreads, cudaDevices } = this.#options;
    const provider = given?.executionProvider ?? executionProvider;
    const joined = graph.externalData.length === 0 && graph.bytes < MOST_JOINED_BYTES ? groupsOf(graph.outputs) : [];
    return { graphFile, provider, intraOpThreads, deviceId: given?.deviceId ?? cudaDevices[0], joined };
  }

  #cacheOf(
    { model, version, root }: VersionFolder,
    candidate: Candidate,
    session: SessionOptions,
  ): CertificateCache | undefined {
    const { certificateCache, certificateFolder, stateKeys, workers, runBytes, cudaTf32 } = this.#options;
    const settings = { ...session, graphFile: '', workers, runBytes, cudaTf32, server: this.#metrics.version };
    const facts = { ...candidate, folder: '', settings, machine: machineFacts() };
    const kept = certificateFolder || path.join(root, '.certificates');
    return certificateCache
      ? new CertificateCache({ folder: kept, key: stateKeys[0] }, model, version, facts)
      : undefined;
  }

  /** What an earlier proof of the very same found out, or a proof. */
  async #find(
    cache: CertificateCache | undefined,
    candidate: Candidate,
    session: SessionOptions,
    log: Logger,
  ): Promise<Finding> {
    const { workers, runBytes, certificateFolder } = this.#options;
    const known = await cache?.read();
    if (known) return known;
    const finding = await this.#prover.prove({ ...candidate, session, workers, runBytes });
    const kept = !cache || (await cache.write(finding));
    // The repository's own folder may be read-only, which nobody needs to hear.
    if (!kept && certificateFolder !== '' && finding.certificate.complete)
      log.warn(`its certificate is not kept: "${certificateFolder}" cannot be written`);
    return finding;
  }

  /** Opens every worker; none serves, now or after a crash, before it has answered the golden sequences. */
  async #open(
    { model, version }: VersionFolder,
    { graphFile, graph, given }: ReadVersion,
    proof: Proof,
    session: SessionOptions,
    log: Logger,
  ): Promise<{ pool: WorkerPool; golden?: GoldenCheck; others: ReadonlyMap<string, Axes>; bytes: RunBytes }> {
    const bytes = new RunBytes(proof.signature, this.#options.runBytes);
    let golden: GoldenCheck | undefined;
    let others: ReadonlyMap<string, Axes> = new Map();
    const unchanged = unchangedFiles([
      graphFile,
      ...graph.externalData.map(({ file }) => path.join(path.dirname(graphFile), file)),
    ]);
    const pool = await WorkerPool.open({
      session,
      size: this.#options.workers,
      threads: this.#threads,
      alone: session.provider === 'cuda' || sizeOf(graph) > MOST_SHARED_BYTES,
      deviceIds: given?.deviceId === undefined ? this.#options.cudaDevices : [given.deviceId],
      admit: async run => {
        await unchanged([graph.sha256, ...graph.externalData.map(({ sha256 }) => sha256)]);
        golden = await recheck(proof, run);
        others = await findOthers(proof.signature, graph, run);
        await measureBytes(proof.signature, run, bytes);
        // On a GPU, memory for a full batch is taken now or not at all.
        if (session.provider === 'cuda' && proof.mixing !== 'alone')
          await warmUp(proof.signature, proof.limits, proof.decoders, run);
      },
      onEvent: (event, detail) => {
        if (event === 'crashed') this.#metrics.workerCrashed(model, version);
        log.warn({ detail }, `a worker ${event}`);
      },
    });
    return { pool, golden, others, bytes };
  }

  #tell(
    log: Logger,
    { model, version }: VersionFolder,
    { certificate, mixing, goldenCases }: Proof,
    provider: ProviderFacts,
  ): void {
    for (const warning of certificate.warnings) log.warn(warning);
    if (provider.broken) log.warn(`runs on the CPU: ${provider.fallback}`);
    const { worstDifference } = certificate;
    log.info(
      { ...provider, mixing, worstDifference, golden: goldenCases?.cases.length ?? 0 },
      `loaded ${model}/${version}`,
    );
  }
}

/** Only then does this thread load the runtime. */
async function inlineOf(session: SessionOptions, proof: Proof, boundMs: number): Promise<Inline> {
  const { openInline } = await import('./inline.ts');
  return openInline(session, proof, boundMs);
}
