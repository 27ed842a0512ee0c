// The server's Prometheus metrics. Label values come from closed sets: loaded models, routes, statuses.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { BatchReport } from '../batching/batcher.ts';

const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const MODEL = ['model', 'version'] as const;

export interface ModelMetrics {
  batch(report: BatchReport): void;
  workerCrashed(): void;
  /** Stops reporting the model's gauges. */
  forget(): void;
}

export class Metrics {
  readonly registry = new Registry();
  readonly httpSeconds: Histogram<'route' | 'status'>;
  readonly #pending: Gauge<'model' | 'version'>;
  readonly #workers: Gauge<'model' | 'version'>;
  readonly #batchSize: Histogram<'model' | 'version'>;
  readonly #queueSeconds: Histogram<'model' | 'version'>;
  readonly #runSeconds: Histogram<'model' | 'version'>;
  readonly #steps: Counter<'model' | 'version'>;
  readonly #paddedSteps: Counter<'model' | 'version'>;
  readonly #crashes: Counter<'model' | 'version'>;
  readonly #certificate: Gauge<'model' | 'version' | 'mixing' | 'rows' | 'lengths'>;
  readonly version: string;
  readonly #gauges = new Set<() => void>();

  constructor(version: string) {
    this.version = version;
    const registers = [this.registry];
    collectDefaultMetrics({ register: this.registry });
    new Gauge({ name: 'polyhead_build_info', help: 'The running version.', labelNames: ['version'], registers }).set(
      { version },
      1,
    );
    this.httpSeconds = new Histogram({
      name: 'polyhead_http_request_duration_seconds',
      help: 'From the request line to the end of the reply, by route pattern and status.',
      labelNames: ['route', 'status'],
      buckets: SECONDS,
      registers,
    });
    const histogram = (name: string, help: string, buckets: number[]) =>
      new Histogram({ name, help, labelNames: MODEL, buckets, registers });
    const counter = (name: string, help: string) => new Counter({ name, help, labelNames: MODEL, registers });
    this.#batchSize = histogram('polyhead_batch_size', 'Sequences in a run.', [1, 2, 4, 8, 16, 32, 64, 128, 256]);
    this.#queueSeconds = histogram('polyhead_queue_seconds', 'How long the oldest sequence of a run waited.', SECONDS);
    this.#runSeconds = histogram('polyhead_run_seconds', 'How long a run took in its worker.', SECONDS);
    this.#steps = counter('polyhead_steps_total', 'Time steps that callers sent and that were run.');
    this.#paddedSteps = counter(
      'polyhead_padded_steps_total',
      'Batch size x longest length, summed over runs; its share above polyhead_steps_total is padding.',
    );
    this.#crashes = counter('polyhead_worker_crashes_total', 'Worker threads that died and were started again.');
    // Before the first gauge is read, all of them are set.
    const collect = () => {
      for (const set of this.#gauges) set();
    };
    this.#certificate = new Gauge({
      name: 'polyhead_certificate_info',
      help: 'What shares a run, and what the batching certificate found out about rows and lengths.',
      labelNames: ['model', 'version', 'mixing', 'rows', 'lengths'],
      registers,
      collect,
    });
    this.#pending = new Gauge({
      name: 'polyhead_pending_sequences',
      help: 'Sequences admitted and not yet answered.',
      labelNames: MODEL,
      registers,
    });
    this.#workers = new Gauge({
      name: 'polyhead_workers_alive',
      help: 'Workers that can run.',
      labelNames: MODEL,
      registers,
    });
  }

  /** `read` tells the open streams and their bytes at scrape time. */
  watchStreams(read: () => { streams: number; bytes: number }): void {
    const gauge = (name: string, help: string, value: () => number) =>
      new Gauge({
        name,
        help,
        registers: [this.registry],
        collect() {
          this.set(value());
        },
      });
    gauge('polyhead_streams', 'Open streams; with Redis, those of all replicas.', () => read().streams);
    gauge('polyhead_stream_bytes', 'Bytes set aside for open streams in this process.', () => read().bytes);
  }

  /** The metrics of one loaded model; `read` tells its gauges at scrape time. */
  forModel(
    model: string,
    version: string,
    certificate: { mixing: string; rows: string; lengths: string },
    read: () => { pending: number; workers: number },
  ): ModelMetrics {
    const labels = { model, version };
    const found = { model, version, ...certificate };
    const size = this.#batchSize.labels(labels);
    const queue = this.#queueSeconds.labels(labels);
    const run = this.#runSeconds.labels(labels);
    const steps = this.#steps.labels(labels);
    const padded = this.#paddedSteps.labels(labels);
    const crashes = this.#crashes.labels(labels);
    crashes.inc(0);
    const gauge = () => {
      const { pending, workers } = read();
      this.#pending.set(labels, pending);
      this.#workers.set(labels, workers);
      this.#certificate.set(found, 1);
    };
    this.#gauges.add(gauge);
    return {
      batch(report) {
        size.observe(report.size);
        queue.observe(report.queueMs / 1000);
        run.observe(report.runMs / 1000);
        steps.inc(report.steps);
        padded.inc(report.paddedSteps);
      },
      workerCrashed: () => crashes.inc(),
      forget: () => {
        this.#gauges.delete(gauge);
        this.#pending.remove(labels);
        this.#workers.remove(labels);
        this.#certificate.remove(found);
      },
    };
  }
}
