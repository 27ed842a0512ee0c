// Which sequences may share a run: the rule's values, and which of two is narrower.

/** Near lengths of any kind, equal lengths only, or none; from the widest to the narrowest. */
export const MIXINGS = ['classes', 'equal', 'alone'] as const;

export type Mixing = (typeof MIXINGS)[number];

/** Whether the first allows less than the second, or the same. */
export function isWithin(one: Mixing, other: Mixing): boolean {
  return MIXINGS.indexOf(one) >= MIXINGS.indexOf(other);
}

export function narrowest(one: Mixing, other: Mixing): Mixing {
  return isWithin(one, other) ? one : other;
}
