// What several sources give, as it comes.

/**
 * Items of all sources in the order in which they are ready; the order within a source is kept. A source is asked for one item
 * beyond what was taken of it, and no more. Who ends early has to end the sources too.
 */
export async function* merged<T>(sources: readonly AsyncGenerator<T>[]): AsyncGenerator<T> {
  const ready: { readonly source: AsyncGenerator<T>; readonly result: IteratorResult<T> }[] = [];
  let failure: { readonly error: unknown } | undefined;
  let wake = () => {};
  const ask = (source: AsyncGenerator<T>) => {
    const asked = source.next().then(
      result => void ready.push({ source, result }),
      error => {
        failure ??= { error };
      },
    );
    void asked.then(() => wake());
  };
  for (const source of sources) ask(source);
  for (let open = sources.length; open > 0; ) {
    if (failure) throw failure.error;
    const next = ready.shift();
    if (!next) {
      await new Promise<void>(resolve => {
        wake = resolve;
      });
    } else if (next.result.done) {
      open--;
    } else {
      ask(next.source);
      yield next.result.value;
    }
  }
}
