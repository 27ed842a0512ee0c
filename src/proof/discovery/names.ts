// What the names of tensors say of state: evidence beside experiments, and never alone.

/** Words of a name that say which way a tensor goes, not what it is. */
const DIRECTIONS =
  /^(in|out|input|output|initial|init|prev|previous|past|present|next|new|cur|current|last|final|n|t|o|i)$/;
/** Names that exporters give to recurrent state. */
const STATES = /state|hidden|cell|cache|memory|carry|context|^[hc]([0ntx_]|prev|in|init)*$/i;

/** What a name says besides its direction: `h0` and `hn` say the same, and so do `INPUT_STATE` and `OUTPUT_STATE`. */
function stemOf(name: string): string {
  const words = name
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/);
  return words
    .filter(word => !DIRECTIONS.test(word))
    .map(word => word.replace(/^([hc])[0ntx]$/, '$1'))
    .join('');
}

/** How much two names have in common: all but the direction, or their first letter. */
export function likeness(one: string, other: string): number {
  const stem = stemOf(one);
  if (stem !== '' && stem === stemOf(other)) return 2;
  return one[0].toLowerCase() === other[0].toLowerCase() ? 1 : 0;
}

/** Whether names alone say that the output continues the input. */
export function isStateOf(input: string, output: string): boolean {
  return likeness(input, output) === 2 || STATES.test(input);
}

/** Every choice of so many of the items, in their order. */
export function subsets<T>(items: readonly T[], size: number): T[][] {
  if (size === 0) return [[]];
  return items.flatMap((item, i) => subsets(items.slice(i + 1), size - 1).map(rest => [item, ...rest]));
}
