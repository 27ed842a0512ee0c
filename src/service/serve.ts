// Puts a proved model into service: a batcher over its workers, by the rules that were proved, and its numbers counted.
import type { Logger } from 'pino';
import { Batcher } from '../batching/batcher.ts';
import type { Inline } from '../batching/places.ts';
import type { Batch } from '../batching/queue.ts';
import { tracedOf } from '../batching/report.ts';
import type { RunBytes } from '../batching/run-bytes.ts';
import { Seldom } from '../core/seldom.ts';
import type { Tracing } from '../core/trace.ts';
import { Drift } from '../drift/drift.ts';
import type { Reference } from '../drift/reference.ts';
import type { VersionFolder } from '../model/repository.ts';
import type { ReadVersion } from '../model/version.ts';
import type { Proof } from '../proof/prove.ts';
import type { WorkerPool } from '../runtime/worker-pool.ts';
import { answerDecoder } from '../sequence/calibrate.ts';
import type { Metrics } from './metrics.ts';
import type { Model, ModelOptions, ProviderFacts } from './model.ts';
import type { ModelMetrics } from './model-numbers.ts';
import { Recent } from './recent.ts';
import { Statistics } from './statistics.ts';

export interface Proved {
  readonly version: VersionFolder;
  readonly read: ReadVersion;
  readonly proof: Proof;
  readonly provider: ProviderFacts;
  readonly pool: WorkerPool;
  readonly inline?: Inline;
  readonly bytes: RunBytes;
  readonly reference?: Reference;
}

/** The batcher over the workers, by the rules that were proved. */
export function serve(
  {
    version: { model: name, version, folder },
    read: { graph, given },
    proof,
    provider,
    pool,
    inline,
    bytes,
    reference,
  }: Proved,
  options: ModelOptions,
  metrics: Metrics,
  log: Logger,
): Model {
  const { signature, limits } = proof;
  let found: Pick<Proof, 'certificate' | 'mixing' | 'stateMixing'> = proof;
  const statistics = new Statistics();
  const { tracing, driftWindowS = 3600 } = options;
  const batcher: Batcher = new Batcher({
    signature,
    runner: pool,
    inline,
    rules: { ...limits, mixing: proof.mixing, bytes },
    pairs: inPairs(proof),
    capacity: { sequences: options.queueCapacity, bytes: options.queueBytes },
    maxDelayMs: options.maxQueueDelayMs,
    arrivals: options.arrivals,
    onBatch: report => {
      modelMetrics.batch(report);
      statistics.batch(report);
      const waits = tracing ? tracedOf(report.entries) : [];
      if (waits.length > 0) tracing?.batch({ model: name, version, waits, ...report });
    },
    onFailedRun: (batch, takenMs) => traceFailed(tracing, { model: name, version }, batch, takenMs),
    onFailure: failureLog(log),
  });
  const drift = reference && new Drift(reference, signature, proof.decoders, 1000 * driftWindowS);
  const modelMetrics: ModelMetrics = metrics.forModel(name, version, () => ({
    pending: batcher.pending,
    workers: pool.alive,
    answered: statistics.success.count,
    failed: statistics.fail.count,
    drift: drift?.report(),
    provider,
    mixing: found.mixing,
    certificate: found.certificate,
  }));
  return {
    ...proof,
    get certificate() {
      return found.certificate;
    },
    get mixing() {
      return found.mixing;
    },
    get stateMixing() {
      return found.stateMixing;
    },
    learn: more => {
      found = more;
      batcher.rule(more.mixing, inPairs(more));
    },
    decoders: signature.heads.map(head => answerDecoder(head, modelMetrics.odd)),
    noteOdd: modelMetrics.odd,
    name,
    version,
    folder,
    inferred: given === undefined,
    graph,
    provider,
    batcher,
    bytes,
    statistics,
    recent: new Recent(),
    drift,
    alive: () => pool.alive,
    close: async () => {
      await batcher.drain();
      await pool.close();
      await inline?.runner.close();
      modelMetrics.forget();
    },
  };
}

/** Of a run that failed its traced requests see how long it took, and that it failed. */
function traceFailed(
  tracing: Tracing | undefined,
  of: { readonly model: string; readonly version: string },
  { entries, paddedSteps }: Batch,
  takenMs: number,
): void {
  const waits = tracing ? tracedOf(entries) : [];
  if (waits.length === 0) return;
  const steps = entries.reduce((sum, { sequence }) => sum + sequence.longest, 0);
  const times = { takenMs, startMs: takenMs, collateMs: 0, runMs: 0, splitMs: 0, endMs: performance.now() };
  tracing?.batch({ ...of, waits, size: entries.length, steps, paddedSteps, ...times, fault: 'INFERENCE_FAILED' });
}

/** A caller may bring about a failure with every request. */
function failureLog(log: Logger): (error: unknown) => void {
  const lines = new Seldom();
  return error => {
    const leftOut = lines.next('batch');
    if (leftOut !== undefined) log.error({ err: error, leftOut: leftOut || undefined }, 'a batch failed');
  };
}

function inPairs({ certificate: { rows, state } }: Pick<Proof, 'certificate'>): boolean {
  return rows === 'exactInPairs' || state?.rows === 'exactInPairs';
}
