// What a manifest says of padding: what tells a graph of it, and to which multiple of time steps an input is padded.
import type { Manifest, ManifestInput, RowInput } from './manifest.ts';
import type { Padding } from './signature.ts';

/** What tells the graph which steps are padding. */
export function paddingOf({ lengths, mask }: RowInput): Padding {
  if (mask) return 'mask';
  return lengths ? 'lengths' : 'none';
}

/** The multiple that an input's time steps are padded to, if they are. */
export function padTo(input: ManifestInput): number | undefined {
  return input.kind !== 'side' && input.time.pad ? input.time.multipleOf : undefined;
}

/** A manifest with every input padded to its multiple, so that it takes lengths between; undefined where none has one. */
export function padsToMultiples(manifest: Manifest): Manifest | undefined {
  let some = false;
  const inputs = manifest.inputs.map(input => {
    if (input.kind === 'side' || !input.time.multipleOf || !isPlaced(input)) return input;
    some = true;
    const { minimum, maximum, multipleOf } = input.time;
    const least = Math.max(1, minimum - multipleOf + 1); // padded, it is no shorter than the minimum
    return {
      ...input,
      time: { minimum: least, maximum: maximum - (maximum % multipleOf), multipleOf, pad: true as const },
    };
  });
  return some ? { ...manifest, inputs } : undefined;
}

function isPlaced({ batchAxis, timeAxis }: RowInput): boolean {
  return batchAxis !== null && timeAxis !== null;
}

/** What is padded has rows, to lie beside others, and the same steps as the input that it shares them with, named by its tensor. */
export function padFaults(spec: RowInput, all: readonly ManifestInput[], shares: string | undefined): string[] {
  const other = all.find(({ kind, tensor }) => kind !== 'side' && tensor === shares);
  return [
    ...(spec.time.pad && !isPlaced(spec) ? ['has no batch axis or no time axis: time.pad needs both'] : []),
    ...(other && padTo(other) !== padTo(spec)
      ? [`has the time steps of "${other.name}", and is not padded to the same multiple`]
      : []),
  ];
}
