// A Prometheus gauge that is read when it is asked for.
import { Gauge, type Registry } from 'prom-client';

/** Where several processes tell it, the sum is the largest: what they share is told once. */
export function sharedGauge(registry: Registry, name: string, help: string, value: () => number): void {
  new Gauge({
    name,
    help,
    registers: [registry],
    aggregator: 'max',
    collect() {
      this.set(value());
    },
  });
}
