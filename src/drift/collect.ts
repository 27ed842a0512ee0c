// Makes a reference from rows that a model answered: ranges of features, shares of labels, bins of values.
import type { Signature } from '../model/signature.ts';
import type { Row } from '../sequence/collate.ts';
import type { HeadDecoder } from '../sequence/heads.ts';
import { answersOf, eachValue, featurePlaces, watchedHeads } from './observe.ts';
import type { FeatureReference, HeadReference, Reference } from './reference.ts';
import { binOf, edgesOf, entropy, sharesOf } from './statistics.ts';

const BINS = 10;

export class ReferenceCollector {
  readonly #decoders: readonly HeadDecoder[];
  readonly #features;
  readonly #heads;
  #sequences = 0;

  constructor(signature: Signature, decoders: readonly HeadDecoder[]) {
    this.#decoders = decoders;
    this.#features = featurePlaces(signature).map(place => ({
      place,
      low: Infinity,
      high: -Infinity,
      count: 0,
      missing: 0,
    }));
    this.#heads = watchedHeads(signature).map(({ index, head, labels }) => ({
      index,
      name: head.spec.name,
      counts: labels === undefined ? undefined : new Array<number>(labels).fill(0),
      entropies: 0,
      values: [] as number[],
    }));
  }

  add(row: Row): void {
    this.#sequences++;
    for (const found of this.#features) {
      eachValue(found.place, row, value => {
        found.count++;
        if (Number.isNaN(value)) found.missing++;
        else {
          found.low = Math.min(found.low, value);
          found.high = Math.max(found.high, value);
        }
      });
    }
    for (const head of this.#heads) {
      for (const answer of answersOf(this.#decoders[head.index](row))) {
        if ('value' in answer) head.values.push(answer.value);
        if ('label' in answer && head.counts) {
          head.counts[answer.label]++;
          head.entropies += entropy(answer.probabilities);
        }
      }
    }
  }

  reference(sha256: string): Reference {
    const features = this.#features.map(({ place, low, high, count, missing }): FeatureReference => {
      const some = low <= high;
      const { input, feature } = place;
      const share = count === 0 ? 0 : missing / count;
      return { input, feature, minimum: some ? low : null, maximum: some ? high : null, missing: share };
    });
    const heads = this.#heads.map(({ name, counts, entropies, values }): HeadReference => {
      if (counts) {
        const answers = counts.reduce((sum, count) => sum + count, 0);
        return {
          head: name,
          kind: 'labels',
          shares: sharesOf(counts),
          entropy: answers === 0 ? 0 : entropies / answers,
        };
      }
      const edges = edgesOf(values, BINS);
      const bins = new Array<number>(edges.length + 1).fill(0);
      for (const value of values) bins[binOf(edges, value)]++;
      return { head: name, kind: 'values', edges, shares: sharesOf(bins) };
    });
    return { formatVersion: 1, sha256, sequences: this.#sequences, features, heads };
  }
}
