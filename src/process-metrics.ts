// The metrics of several serving processes as one text, and what the supervisor knows of them itself.
import { setTimeout as delay } from 'node:timers/promises';
import { AggregatorRegistry, Counter, type MetricObjectWithValues, type MetricValue, Registry } from 'prom-client';
import { sharedGauge } from './core/gauge.ts';
import type { Seat } from './seat.ts';
import type { StreamStore } from './state/store.ts';

type Measured = MetricObjectWithValues<MetricValue<string>>[];

/** How long a process may take to tell its metrics before the sum is made without it. */
const METRICS_MS = 1000;

export class ProcessMetrics {
  readonly restarts: Counter;
  readonly #seats: readonly Seat[];
  readonly #registry = new Registry();

  /** @param store where streams are kept for all, if they are. */
  constructor(seats: readonly Seat[], store?: StreamStore) {
    this.#seats = seats;
    const gauge = (name: string, help: string, value: () => number) => sharedGauge(this.#registry, name, help, value);
    gauge('polyhead_processes_serving', 'Serving processes.', () => seats.filter(seat => seat.serving).length);
    const help = 'Processes whose models are loaded and that wait to take the place of a serving one.';
    gauge('polyhead_processes_spare', help, () => seats.filter(seat => seat.begin).length);
    if (store) {
      gauge('polyhead_streams', 'Open streams.', () => store.usage().streams);
      gauge('polyhead_stream_bytes', 'Bytes set aside for open streams.', () => store.usage().bytes);
    }
    this.restarts = new Counter({
      name: 'polyhead_process_restarts_total',
      help: 'Processes that ended or hung and were started again.',
      registers: [this.#registry],
    });
  }

  /** Counters, histograms and gauges are summed, facts are told once. A spare has answered nothing and is left out. */
  async text(): Promise<string> {
    const listening = this.#seats.filter(seat => seat.listening);
    const told = listening.map(seat => Promise.race([seat.peer?.call<Measured>('metrics'), delay(METRICS_MS)]));
    const measured = (await Promise.allSettled(told)).flatMap(result =>
      result.status === 'fulfilled' && result.value ? [result.value] : [],
    );
    const own = (await this.#registry.getMetricsAsJSON()) as Measured;
    return AggregatorRegistry.aggregate([...measured, own] as never).metrics();
  }
}
