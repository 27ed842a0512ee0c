// What is told of runs: how large and of which lengths, how long they waited, ran, and were put together and taken apart.
import { Counter, Histogram, type Registry } from 'prom-client';
import type { BatchReport } from '../batching/report.ts';

export const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** Stages around a run: a few microseconds to milliseconds. */
const SHORT_SECONDS = [0.00001, 0.000025, 0.0001, 0.00025, 0.001, 0.0025, 0.01, 0.05];
/** The upper ends of length classes. */
const LENGTHS = Array.from({ length: 15 }, (_, power) => 2 ** power);
const MODEL = ['model', 'version'] as const;

type OfModel = Histogram<'model' | 'version'>;
type CountOfModel = Counter<'model' | 'version'>;

export class RunMetrics {
  readonly #batchSize: OfModel;
  readonly #lengths: OfModel;
  readonly #queueSeconds: OfModel;
  readonly #runSeconds: OfModel;
  readonly #collateSeconds: OfModel;
  readonly #splitSeconds: OfModel;
  readonly #steps: CountOfModel;
  readonly #paddedSteps: CountOfModel;

  constructor(registry: Registry) {
    const registers = [registry];
    const histogram = (name: string, help: string, buckets: number[]) =>
      new Histogram({ name, help, labelNames: MODEL, buckets, registers });
    const counter = (name: string, help: string) => new Counter({ name, help, labelNames: MODEL, registers });
    this.#batchSize = histogram(
      'polyhead_batch_size',
      'Rows in a run: a sequence each, or a slice of a long one, which has a row in each of its runs.',
      [1, 2, 4, 8, 16, 32, 64, 128, 256],
    );
    this.#lengths = histogram(
      'polyhead_sequence_steps',
      'Time steps of a sequence that was run; one that ran in slices counts once, as a whole.',
      LENGTHS,
    );
    this.#queueSeconds = histogram('polyhead_queue_seconds', 'How long the oldest sequence of a run waited.', SECONDS);
    this.#runSeconds = histogram('polyhead_run_seconds', 'How long a run took in its worker.', SECONDS);
    this.#collateSeconds = histogram(
      'polyhead_collate_seconds',
      'How long putting a batch together took.',
      SHORT_SECONDS,
    );
    this.#splitSeconds = histogram('polyhead_split_seconds', 'How long taking a run apart took.', SHORT_SECONDS);
    this.#steps = counter('polyhead_steps_total', 'Time steps that callers sent and that were run.');
    this.#paddedSteps = counter(
      'polyhead_padded_steps_total',
      'Batch size x longest length, summed over runs; its share above polyhead_steps_total is padding.',
    );
  }

  /** Counts the runs of one model. */
  of(labels: { model: string; version: string }): (report: BatchReport) => void {
    const size = this.#batchSize.labels(labels);
    const lengths = this.#lengths.labels(labels);
    const queue = this.#queueSeconds.labels(labels);
    const run = this.#runSeconds.labels(labels);
    const collate = this.#collateSeconds.labels(labels);
    const split = this.#splitSeconds.labels(labels);
    const steps = this.#steps.labels(labels);
    const padded = this.#paddedSteps.labels(labels);
    return report => {
      size.observe(report.size);
      for (const { sequence } of report.entries) {
        const { slice } = sequence;
        if (slice?.first ?? true) lengths.observe(slice?.of ?? sequence.longest);
      }
      queue.observe(report.queueMs / 1000);
      run.observe(report.runMs / 1000);
      collate.observe(report.collateMs / 1000);
      split.observe(report.splitMs / 1000);
      steps.inc(report.steps);
      padded.inc(report.paddedSteps);
    };
  }
}
