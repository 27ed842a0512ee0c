// What the door knows of a model version that serves. How it came to serve is told in load.ts.
import type { Batcher } from '../batching/batcher.ts';
import type { RunBytes } from '../batching/run-bytes.ts';
import type { Arrivals } from '../batching/turn-end.ts';
import type { ProviderChoice } from '../core/providers.ts';
import type { Tracing } from '../core/trace.ts';
import type { Drift } from '../drift/drift.ts';
import type { Graph } from '../model/onnx/graph.ts';
import type { ProviderFinding } from '../proof/finding.ts';
import type { Proof } from '../proof/prove.ts';
import type { DeviceFacts } from '../runtime/device.ts';
import type { Recent } from './recent.ts';
import type { Statistics } from './statistics.ts';

export interface ModelOptions {
  readonly executionProvider: ProviderChoice;
  readonly workers: number;
  /** Most worker threads, which small models share. */
  readonly threads: number;
  readonly intraOpThreads: number;
  readonly batchSize: number;
  readonly paddedSteps: number;
  readonly maxQueueDelayMs: number;
  /** Longest run, in milliseconds, on the thread that reads requests; 0: every run is a worker's. */
  readonly inlineMs: number;
  readonly queueCapacity: number;
  readonly queueBytes: number;
  /** GPUs by CUDA's number; workers are spread over them. */
  readonly cudaDevices: readonly number[];
  /** Proofs that go on at once, how long one may take and how much memory it may hold. */
  readonly loadProcesses: number;
  readonly loadTimeoutMs: number;
  readonly loadMemoryBytes: number;
  /** The most memory that a run may take: it bounds the lengths of sequences, and how many run together. */
  readonly runBytes: number;
  /** Whether certificates are kept in the repository, where it is writable. */
  readonly certificateCache: boolean;
  /** Where they are kept; if empty, in the repository. */
  readonly certificateFolder: string;
  /** The first seals kept certificates. */
  readonly stateKeys: readonly Buffer[];
  readonly cudaTf32: boolean;
  /** How far back drift is told. */
  readonly driftWindowS?: number;
  /** Follows requests through their batches. */
  readonly tracing?: Tracing;
  /** New connections of this process. */
  readonly arrivals?: Arrivals;
  /** The worker thread's file, where it is not the usual one. */
  readonly workerFile?: URL;
}

export interface ProviderFacts extends ProviderFinding, DeviceFacts {
  readonly requested: ProviderChoice;
  /** Why this one: what was measured, or why CUDA could not be had. */
  readonly reason?: string;
}

/** A model version that serves, with all that was proved of it. */
export interface Model extends Proof {
  readonly name: string;
  readonly version: string;
  /** Where the version lies. */
  readonly folder: string;
  /** Whether the manifest was found out by experiment, because the version brings none. */
  readonly inferred: boolean;
  readonly graph: Graph;
  readonly provider: ProviderFacts;
  readonly batcher: Batcher;
  /** What runs of it hold. */
  readonly bytes: RunBytes;
  readonly statistics: Statistics;
  readonly recent: Recent;
  /** What it sees and says lately, beside what is usual; only where a reference stands beside the graph. */
  readonly drift?: Drift;
  /** Counts a row of an output that held numbers which are not finite. */
  noteOdd(output: string): void;
  /** More was proved than when it was loaded: it serves by that from now on. */
  learn(proof: Pick<Proof, 'certificate' | 'mixing' | 'stateMixing'>): void;
  /** Workers that can run. */
  alive(): number;
  /** Waits for what was admitted, then ends the workers. */
  close(): Promise<void>;
}
