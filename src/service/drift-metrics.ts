// Drift as Prometheus tells it: for each head and feature of a model that has a reference.
import { Gauge, type Registry } from 'prom-client';
import type { DriftReport } from '../drift/drift.ts';

interface Labels {
  readonly model: string;
  readonly version: string;
}
type Part = 'head' | 'feature';

export class DriftMetrics {
  readonly #index: Gauge<'model' | 'version' | Part>;
  readonly #entropy: Gauge<'model' | 'version' | Part>;
  readonly #outside: Gauge<'model' | 'version' | Part>;
  readonly #missing: Gauge<'model' | 'version' | Part>;

  constructor(registry: Registry) {
    const gauge = (name: string, help: string, part: Part) =>
      new Gauge<'model' | 'version' | Part>({
        name: `polyhead_drift_${name}`,
        help,
        labelNames: ['model', 'version', part],
        registers: [registry],
      });
    this.#index = gauge(
      'stability_index',
      "How far a head's answers lie from its reference; above 0.25 is a shift.",
      'head',
    );
    this.#entropy = gauge('entropy_ratio', "Mean entropy of a head's answers over what is usual.", 'head');
    this.#outside = gauge('outside_share', "Share of a feature's values outside the reference's range.", 'feature');
    this.#missing = gauge('missing_share', "Share of a feature's values that are missing.", 'feature');
  }

  set(labels: Labels, { heads, features }: DriftReport): void {
    for (const { head, stabilityIndex, entropy, usualEntropy } of heads) {
      if (stabilityIndex !== null) this.#index.set({ ...labels, head }, stabilityIndex);
      if (typeof entropy === 'number' && usualEntropy) this.#entropy.set({ ...labels, head }, entropy / usualEntropy);
    }
    for (const { input, feature, values, outside, missing } of features) {
      if (values === 0) continue;
      const of = { ...labels, feature: `${input}.${feature}` };
      this.#outside.set(of, outside);
      this.#missing.set(of, missing);
    }
  }

  /** Forgets a version that serves no longer. */
  async remove({ model, version }: Labels): Promise<void> {
    for (const gauge of [this.#index, this.#entropy, this.#outside, this.#missing]) {
      const { values } = await gauge.get();
      for (const { labels } of values) if (labels.model === model && labels.version === version) gauge.remove(labels);
    }
  }
}
