// What a served row says for the statistics: each feature's values, and each head's labels or values.
import type { ManifestHead } from '../model/manifest.ts';
import type { Signature, SignatureHead } from '../model/signature.ts';
import type { Row } from '../sequence/collate.ts';
import type { Answer, HeadAnswer } from '../sequence/heads.ts';

/** A feature of a numeric input: where its values lie in the row of a feed. */
export interface FeaturePlace {
  readonly input: string;
  readonly feature: string;
  readonly feed: number;
  readonly offset: number;
  readonly width: number;
}

export function featurePlaces({ inputs }: Signature): FeaturePlace[] {
  return inputs.flatMap(({ spec, feed, width, axes, tensor }) =>
    spec.kind === 'numeric' && axes.batch === 0 && axes.time === 1 && /^float(32|64)$/.test(tensor.dtype)
      ? spec.features.map(({ name }, offset) => ({ input: spec.name, feature: name, feed, offset, width }))
      : [],
  );
}

/** Calls back with each value of the feature in the row. */
export function eachValue({ feed, offset, width }: FeaturePlace, row: Row, see: (value: number) => void): void {
  const data = row.sequence.parts[feed]?.data as Float32Array | undefined;
  if (!data) return;
  for (let i = offset; i < data.length; i += width) see(data[i]);
}

/** What of each kind of head has a distribution that is watched. */
const WATCHED: Record<ManifestHead['kind'], 'value' | 'label' | 'nothing'> = {
  binary: 'label',
  multiclass: 'label',
  multilabel: 'nothing',
  ordinal: 'label',
  regression: 'value',
  gaussian: 'value',
  'sequence-labels': 'nothing',
  tensor: 'nothing',
};

/** The heads whose answers have a distribution, with their places among a model's heads; labels by how many there are. */
export function watchedHeads({ heads }: Signature): { index: number; head: SignatureHead; labels?: number }[] {
  return heads.flatMap((head, index) => {
    const { spec } = head;
    const watched = WATCHED[spec.kind];
    if (watched === 'nothing') return [];
    return [{ index, head, labels: watched === 'label' && 'labels' in spec ? spec.labels.length : undefined }];
  });
}

/** Each answer of a head that stands for itself: one for the sequence, or one for every time step; none that is no number. */
export function answersOf(answer: HeadAnswer): readonly Answer[] {
  const each = (Array.isArray(answer) ? answer : [answer]) as readonly (Answer | null)[];
  return each.filter(
    (one): one is Answer => one !== null && ('label' in one || ('value' in one && Number.isFinite(one.value))),
  );
}
