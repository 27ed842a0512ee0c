// Members by names that others chose: of callers, manifests and graphs.

/** What an object holds itself under a name: `constructor` and the like are there for every object, and are nobody's. */
export function own<T>(holder: Readonly<Record<string, T>> | null | undefined, name: string): T | undefined {
  return holder && Object.hasOwn(holder, name) ? holder[name] : undefined;
}
