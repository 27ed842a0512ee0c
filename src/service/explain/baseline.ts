// What a sequence is compared with: a typical one, zeros, or one that the caller brings.
import { type TensorData, zeroData } from '../../core/tensor.ts';
import { isRowInput, type Signature, type SignatureInput } from '../../model/signature.ts';
import { acceptedBy } from '../../sequence/accepted.ts';
import { isMissing } from '../../sequence/missing.ts';
import type { Part } from '../../sequence/rows.ts';
import type { Sequence } from '../../sequence/sequence.ts';

/** A typical time step of each numeric input, by its place among the inputs; undefined for the others. */
export type Typical = readonly (readonly number[] | undefined)[];

/**
 * The middle value of every feature over all steps of some sequences, always one that occurs: an even count takes the lower
 * of the two in the middle. Of categories, the most frequent. What is missing does not count; 0 where nothing else is known.
 */
export function typicalOf({ inputs }: Signature, sequences: readonly Sequence[]): Typical {
  return inputs.map(({ spec, feed, width, tensor }) => {
    if (spec.kind !== 'numeric') return undefined;
    const parts = sequences.map(({ parts: all }) => all[feed] as Part);
    return spec.features.map(({ categories }, f) => {
      const values = parts.flatMap(({ data }) =>
        [...(data as Float32Array)].filter((value, i) => i % width === f && !isMissing(tensor.dtype, value)),
      );
      if (values.length === 0) return 0;
      return categories ? mostFrequent(values) : middle(values);
    });
  });
}

/**
 * A sequence of the same shape. Ids and tokens are 0 and the empty string in both; tensors of no meaning are 0. Where the
 * manifest lists the values that an input takes and that is none of them, the first of the list.
 */
export function baselineOf(
  { inputs }: Signature,
  { parts, ...sequence }: Sequence,
  kind: 'reference' | 'zero',
  typical: Typical,
): Sequence {
  const replaced = [...parts];
  inputs.forEach((input, i) => {
    const part = parts[input.feed] as Part;
    if (isRowInput(input.spec)) {
      replaced[input.feed] = { ...part, data: filled(input, part, kind === 'reference' ? typical[i] : undefined) };
    }
  });
  return { ...sequence, parts: replaced };
}

function filled(
  { spec, tensor, width }: SignatureInput,
  { data }: Part,
  step: readonly number[] | undefined,
): TensorData {
  const result = zeroData(tensor.dtype, data.length);
  const accepted = acceptedBy(spec, tensor.dtype);
  if (accepted && !accepted.has(result[0])) return result.fill(accepted.first as never);
  if (step) for (let i = 0; i < result.length; i++) result[i] = step[i % width] as never;
  return result;
}

function middle(values: number[]): number {
  return values.sort((a, b) => a - b)[Math.floor((values.length - 1) / 2)];
}

function mostFrequent(values: readonly number[]): number {
  const counts = new Map<number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].reduce((best, entry) => (entry[1] > best[1] ? entry : best))[0];
}
