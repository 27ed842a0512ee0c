// Who answers a request that names no version: the stable one, or for a share of them the canary; and who runs it in its shadow.
import type { Serving } from '../model/serving.ts';

/** Fractions of multiples of the golden ratio fall evenly into [0, 1): any share is kept to within a few requests. */
const GOLDEN = (Math.sqrt(5) - 1) / 2;

/** A fixed share of calls, spread evenly: after n calls, `take` has said yes n × share times, give or take a few. */
export class Share {
  readonly #share: number;
  #at = 0;

  constructor(share: number) {
    this.#share = share;
  }

  take(): boolean {
    this.#at = (this.#at + GOLDEN) % 1;
    return this.#at < this.#share;
  }
}

/** What a model's settings come to among the versions that are loaded. */
export class Traffic<M extends { readonly version: string }> {
  /** Versions by label; there is always one called stable. */
  readonly labels: Map<string, M>;
  readonly stable: M | undefined;
  readonly canary: M | undefined;
  readonly shadow: M | undefined;
  readonly #canaryShare: Share;
  readonly #shadowShare: Share;

  /** `versions` are the loaded ones, oldest first. What names a version that is not among them is without effect. */
  constructor({ labels, canary, shadow }: Serving, versions: readonly M[]) {
    const byNumber = (version: number | undefined) => versions.find(model => model.version === String(version));
    const found = Object.entries(labels).flatMap(([label, version]): [string, M][] => {
      const model = byNumber(version);
      return model ? [[label, model]] : [];
    });
    this.labels = new Map(found);
    const named = (target: { version: number | string } | undefined) =>
      typeof target?.version === 'string' ? this.labels.get(target.version) : byNumber(target?.version);
    this.canary = named(canary);
    this.shadow = named(shadow);
    const apart = new Set([this.canary, this.shadow]);
    const usual = versions.filter(model => !apart.has(model));
    this.stable = this.labels.get('stable') ?? usual.at(-1) ?? versions.at(-1);
    if (this.stable) this.labels.set('stable', this.stable); // whoever it is, it can be asked by that name
    this.#canaryShare = new Share(canary?.share ?? 0);
    this.#shadowShare = new Share(shadow?.share ?? 0);
  }

  /** Who answers the next request that names no version. */
  choose(): M | undefined {
    return this.canary && this.#canaryShare.take() ? this.canary : this.stable;
  }

  /** Who runs the next request in its shadow, besides the one who answers. */
  shadowOf(model: M): M | undefined {
    return this.shadow && this.shadow !== model && this.#shadowShare.take() ? this.shadow : undefined;
  }
}

/** The versions that a policy asks for, newest first; a policy of the latest N goes on where one cannot serve. */
export function wanted<V extends { readonly version: string }>(
  versions: readonly V[],
  policy: NonNullable<Serving['versions']>,
): { readonly candidates: readonly V[]; readonly most: number } {
  const newest = versions.toReversed();
  if (policy === 'all') return { candidates: newest, most: Number.POSITIVE_INFINITY };
  if ('latest' in policy) return { candidates: newest, most: policy.latest };
  const numbers = new Set(policy.specific.map(String));
  return { candidates: newest.filter(({ version }) => numbers.has(version)), most: Number.POSITIVE_INFINITY };
}
