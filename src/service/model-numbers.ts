// What a model tells the metrics: as it happens, and when they are read.
import type { BatchReport } from '../batching/report.ts';
import type { DriftReport } from '../drift/drift.ts';
import type { DeviceFacts } from '../runtime/device.ts';

export interface ModelMetrics {
  batch(report: BatchReport): void;
  /** An answer held numbers that are not finite. */
  odd(output: string): void;
  /** Stops reporting the model's gauges. */
  forget(): void;
}

/** What is told of a model at scrape time. */
export interface ModelNumbers {
  readonly pending: number;
  readonly workers: number;
  readonly answered: number;
  readonly failed: number;
  readonly drift?: DriftReport;
  readonly provider: { readonly provider: string } & DeviceFacts;
  readonly mixing: string;
  readonly certificate: { readonly rows: string; readonly lengths: string; readonly complete: boolean };
}
