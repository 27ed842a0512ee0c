// The server's Prometheus metrics. Label values come from closed sets: loaded models, routes, statuses.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { sharedGauge } from '../core/gauge.ts';
import { DriftMetrics } from './drift-metrics.ts';
import type { ModelMetrics, ModelNumbers } from './model-numbers.ts';
import { RunMetrics, SECONDS } from './run-metrics.ts';

const MODEL = ['model', 'version'] as const;

export class Metrics {
  readonly registry = new Registry();
  /** The text format; where several processes serve, of all of them. */
  text: () => Promise<string> = () => this.registry.metrics();
  readonly httpSeconds: Histogram<'route' | 'status'>;
  /** Requests answered with an error, by its code. */
  readonly refusals: Counter<'code'>;
  readonly quotaRefusals: Counter<'key'>;
  /** Spans of traces, sent and lost. */
  readonly spans: Counter<'outcome'>;
  readonly #pending: Gauge<'model' | 'version'>;
  readonly #workers: Gauge<'model' | 'version'>;
  readonly #runs: RunMetrics;
  readonly #crashes: Counter<'model' | 'version'>;
  readonly #odd: Counter<'model' | 'version' | 'output'>;
  readonly #drift: DriftMetrics;
  readonly #requests: Counter<'model' | 'version' | 'outcome'>;
  /** Versions that took over while serving. */
  readonly reloads: Counter<'model' | 'version'>;
  readonly shadowRequests: Counter<'model' | 'version' | 'outcome'>;
  /** Requests that the shadow would have answered differently, by head. */
  readonly shadowDifferences: Counter<'model' | 'version' | 'head'>;
  readonly #certificate: Gauge;
  readonly #provider: Gauge;
  readonly version: string;
  readonly #gauges = new Set<() => void>();

  constructor(version: string) {
    this.version = version;
    const registers = [this.registry];
    collectDefaultMetrics({ register: this.registry });
    new Gauge({
      name: 'polyhead_build_info',
      help: 'The running version.',
      labelNames: ['version'],
      registers,
      aggregator: 'first',
    }).set({ version }, 1);
    this.httpSeconds = new Histogram({
      name: 'polyhead_http_request_duration_seconds',
      help: 'From the request line to the end of the reply, by route pattern and status.',
      labelNames: ['route', 'status'],
      buckets: SECONDS,
      registers,
    });
    this.refusals = new Counter({
      name: 'polyhead_refusals_total',
      help: 'Requests answered with an error, by its code.',
      labelNames: ['code'],
      registers,
    });
    this.quotaRefusals = new Counter({
      name: 'polyhead_quota_refusals_total',
      help: 'Requests over their quota, by the name of the API key as it is configured: "unnamed" without one, "none" without keys.',
      labelNames: ['key'],
      registers,
    });
    this.spans = new Counter({
      name: 'polyhead_trace_spans_total',
      help: 'Spans that were sent to the collector, or could not be.',
      labelNames: ['outcome'],
      registers,
    });
    const counter = (name: string, help: string) => new Counter({ name, help, labelNames: MODEL, registers });
    this.#runs = new RunMetrics(this.registry);
    this.reloads = counter('polyhead_reloads_total', 'Versions that took over while serving.');
    const labelled = <L extends string>(name: string, help: string, label: L) =>
      new Counter({ name, help, labelNames: [...MODEL, label], registers });
    this.shadowRequests = labelled('polyhead_shadow_requests_total', 'Requests that a shadow ran too.', 'outcome');
    this.shadowDifferences = labelled(
      'polyhead_shadow_differences_total',
      'Requests to a head that the shadow would have answered differently.',
      'head',
    );
    this.#odd = labelled(
      'polyhead_nonfinite_answers_total',
      'Answers, by graph output, that held NaN or an infinity.',
      'output',
    );
    this.#crashes = counter('polyhead_worker_crashes_total', 'Worker threads that died and were started again.');
    // Before the first of what follows is read, all of it is set.
    const collect = () => {
      for (const set of this.#gauges) set();
    };
    this.#certificate = new Gauge({
      name: 'polyhead_certificate_info',
      aggregator: 'first',
      help: 'What shares a run, and what the batching certificate found out about rows and lengths.',
      labelNames: ['model', 'version', 'mixing', 'rows', 'lengths', 'complete'],
      registers,
      collect,
    });
    this.#requests = labelled('polyhead_requests_total', 'Requests to a version, answered or failed.', 'outcome');
    this.#drift = new DriftMetrics(this.registry);
    this.#provider = new Gauge({
      name: 'polyhead_provider_info',
      aggregator: 'first',
      help: 'Where the model runs: the processor, or the GPU with its driver and whether it multiplies in TF32.',
      labelNames: ['model', 'version', 'provider', 'device', 'driver', 'tf32'],
      registers,
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

  /** `read` tells at scrape time whether the service is ready, and which versions it refused. */
  watchReadiness(
    read: () => { ready: boolean; refused: readonly { readonly model: string; readonly version: string }[] },
  ): void {
    const registers = [this.registry];
    new Gauge({
      name: 'polyhead_ready',
      aggregator: 'min',
      help: 'Whether /readyz says yes.',
      registers,
      collect() {
        this.set(read().ready ? 1 : 0);
      },
    });
    new Gauge({
      name: 'polyhead_model_refused',
      aggregator: 'first',
      help: 'Versions in the repository that may not serve; the repository index says why.',
      labelNames: MODEL,
      registers,
      collect() {
        this.reset();
        for (const { model, version } of read().refused) this.set({ model, version }, 1);
      },
    });
  }

  /** `read` tells the open streams and their bytes at scrape time. */
  watchStreams(read: () => { streams: number; bytes: number }): void {
    const gauge = (name: string, help: string, value: () => number) => sharedGauge(this.registry, name, help, value);
    gauge('polyhead_streams', 'Open streams; with Redis, those of all replicas.', () => read().streams);
    gauge('polyhead_stream_bytes', 'Bytes set aside for open streams in this process.', () => read().bytes);
  }

  watchUploads(read: () => number): void {
    sharedGauge(
      this.registry,
      'polyhead_upload_bytes',
      'Bytes of bodies being read or answered, and of answers that wait for their readers.',
      read,
    );
  }

  /** A worker may die before its model serves. */
  workerCrashed(model: string, version: string): void {
    this.#crashes.inc({ model, version });
  }

  /** The metrics of one loaded model; `read` tells its gauges at scrape time. */
  forModel(model: string, version: string, read: () => ModelNumbers): ModelMetrics {
    const labels = { model, version };
    const certificate = this.#infoOf(this.#certificate);
    const provider = this.#infoOf(this.#provider);
    this.#crashes.inc(labels, 0);
    const gauge = () => {
      const { pending, workers, answered, failed, drift, ...proved } = read();
      if (drift) this.#drift.set(labels, drift);
      for (const [outcome, count] of Object.entries({ answered, failed })) {
        this.#requests.remove({ ...labels, outcome }); // the count is kept elsewhere, off the way of a request
        this.#requests.inc({ ...labels, outcome }, count);
      }
      this.#pending.set(labels, pending);
      this.#workers.set(labels, workers);
      const { rows, lengths, complete } = proved.certificate;
      certificate.tell({ ...labels, mixing: proved.mixing, rows, lengths, complete: `${complete}` });
      const { device, driver = '', tf32 = '' } = proved.provider;
      provider.tell({ ...labels, provider: proved.provider.provider, device, driver, tf32: `${tf32}` });
    };
    this.#gauges.add(gauge);
    return {
      odd: output => this.#odd.inc({ ...labels, output }),
      batch: this.#runs.of(labels),
      forget: () => {
        this.#gauges.delete(gauge);
        this.#pending.remove(labels);
        this.#workers.remove(labels);
        certificate.forget();
        provider.forget();
        void this.#drift.remove(labels);
        for (const outcome of ['answered', 'failed']) this.#requests.remove({ ...labels, outcome });
      },
    };
  }

  /** A fact told as the labels of a gauge that is 1: one set of labels at a time. */
  #infoOf(gauge: Gauge): { tell(labels: Record<string, string>): void; forget(): void } {
    let told: Record<string, string> | undefined;
    const forget = () => {
      if (told) gauge.remove(told);
    };
    return {
      tell: labels => {
        forget();
        gauge.set(labels, 1);
        told = labels;
      },
      forget,
    };
  }
}
