// What a model sees and says lately against what was usual: rolling windows in constant memory, asked for by metrics and callers.
import type { Signature } from '../model/signature.ts';
import type { Row } from '../sequence/collate.ts';
import type { HeadDecoder } from '../sequence/heads.ts';
import { answersOf, eachValue, featurePlaces, watchedHeads } from './observe.ts';
import type { HeadReference, Reference } from './reference.ts';
import { binOf, entropy, sharesOf, stabilityIndex } from './statistics.ts';
import { RollingSums } from './window.ts';

export interface FeatureDrift {
  readonly input: string;
  readonly feature: string;
  /** Time steps seen in the window. */
  readonly values: number;
  /** The share of them outside the reference's range, and that of missing ones beside the reference's. */
  readonly outside: number;
  readonly missing: number;
  readonly usuallyMissing: number;
}

export interface HeadDrift {
  readonly head: string;
  /** Answers in the window. */
  readonly answers: number;
  /** How far they lie from the reference: 0 is the same, above 0.25 is a shift by custom; null without answers. */
  readonly stabilityIndex: number | null;
  readonly shares: readonly number[];
  readonly usualShares: readonly number[];
  /** The mean entropy of the answers in nats, and what was usual; only of labels. */
  readonly entropy?: number | null;
  readonly usualEntropy?: number;
}

export interface DriftReport {
  readonly windowS: number;
  readonly features: readonly FeatureDrift[];
  readonly heads: readonly HeadDrift[];
}

/** Sums of a feature: values, outside the range, missing. */
const [VALUES, OUTSIDE, MISSING] = [0, 1, 2];

export class Drift {
  readonly #windowMs: number;
  readonly #features: ReturnType<Drift['withFeatures']>;
  readonly #heads: ReturnType<Drift['withHeads']>;
  readonly #decoders: readonly HeadDecoder[];

  /** Features and heads that the reference does not know are not watched. */
  constructor(
    reference: Reference,
    signature: Signature,
    decoders: readonly HeadDecoder[],
    windowMs: number,
    now?: () => number,
  ) {
    this.#windowMs = windowMs;
    this.#decoders = decoders;
    this.#features = this.withFeatures(reference, signature, now);
    this.#heads = this.withHeads(reference, signature, now);
  }

  private withFeatures({ features }: Reference, signature: Signature, now?: () => number) {
    return featurePlaces(signature).flatMap(place => {
      const usual = features.find(f => f.input === place.input && f.feature === place.feature);
      return usual ? [{ place, usual, sums: new RollingSums(3, this.#windowMs, 12, now) }] : [];
    });
  }

  private withHeads({ heads }: Reference, signature: Signature, now?: () => number) {
    return watchedHeads(signature).flatMap(({ index, head, labels }) => {
      const usual = heads.find(({ head: name }) => name === head.spec.name);
      if (!usual || (labels !== undefined && (usual.kind !== 'labels' || usual.shares.length !== labels))) return [];
      // One more sum than bins: that of the answers' entropies.
      return [{ index, usual, sums: new RollingSums(usual.shares.length + 1, this.#windowMs, 12, now) }];
    });
  }

  /** Counts served rows. A row that a head cannot decode is the caller's trouble, told elsewhere. */
  observe(rows: readonly Row[]): void {
    for (const row of rows) {
      for (const { place, usual, sums } of this.#features) {
        const low = usual.minimum ?? Number.NEGATIVE_INFINITY;
        const high = usual.maximum ?? Number.POSITIVE_INFINITY;
        let [values, outside, missing] = [0, 0, 0];
        eachValue(place, row, value => {
          values++;
          if (Number.isNaN(value)) missing++;
          else if (value < low || value > high) outside++;
        });
        sums.add(VALUES, values);
        if (outside > 0) sums.add(OUTSIDE, outside);
        if (missing > 0) sums.add(MISSING, missing);
      }
      for (const { index, usual, sums } of this.#heads) this.#count(row, index, usual, sums);
    }
  }

  #count(row: Row, index: number, usual: HeadReference, sums: RollingSums): void {
    for (const answer of answersOf(this.#decoders[index](row))) {
      if ('value' in answer && usual.kind === 'values') sums.add(binOf(usual.edges, answer.value));
      if ('label' in answer && usual.kind === 'labels') {
        sums.add(answer.label);
        sums.add(usual.shares.length, entropy(answer.probabilities));
      }
    }
  }

  report(): DriftReport {
    return {
      windowS: this.#windowMs / 1000,
      features: this.#features.map(({ place: { input, feature }, usual, sums }) => {
        const seen = sums.read();
        const share = (count: number) => (seen[VALUES] === 0 ? 0 : count / seen[VALUES]);
        const [outside, missing] = [share(seen[OUTSIDE]), share(seen[MISSING])];
        return { input, feature, values: seen[VALUES], outside, missing, usuallyMissing: usual.missing };
      }),
      heads: this.#heads.map(({ usual, sums }) => {
        const seen = sums.read();
        const counts = seen.subarray(0, usual.shares.length);
        const answers = counts.reduce((sum, count) => sum + count, 0);
        const shares = sharesOf(counts);
        const index = answers === 0 ? null : stabilityIndex(usual.shares, shares);
        const told = { head: usual.head, answers, stabilityIndex: index, shares, usualShares: usual.shares };
        if (usual.kind === 'values') return told;
        const mean = answers === 0 ? null : seen[usual.shares.length] / answers;
        return { ...told, entropy: mean, usualEntropy: usual.entropy };
      }),
    };
  }
}
