// Many things to do, some of them at once.

/** Acts on every item, in order, on at most `atOnce` at a time. The first error ends it when what goes on has ended. */
export async function sideBySide<T>(
  items: readonly T[],
  atOnce: number,
  act: (item: T) => Promise<void>,
): Promise<void> {
  const left = items.values();
  const one = async () => {
    for (const item of left) await act(item);
  };
  const settled = await Promise.allSettled(Array.from({ length: Math.min(atOnce, items.length) }, one));
  for (const result of settled) if (result.status === 'rejected') throw result.reason;
}
