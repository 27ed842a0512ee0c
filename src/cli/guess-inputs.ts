// What callers would send for a graph input, guessed from its type and rank; the size of a table of ids by experiment.
import type { DType } from '../core/tensor.ts';
import type { Manifest, RowInput } from '../model/manifest.ts';
import { isRowInput, rowTimeAxis, type Signature, type SignatureInput } from '../model/signature.ts';
import type { RunFeeds } from '../proof/golden.ts';
import { collate } from '../sequence/collate.ts';
import { randomNumbers, randomSequence } from '../service/samples.ts';
import type { Written } from './guess.ts';

/** More ids than any table is tried for. */
const MOST_IDS = 2 ** 24;
const GUESSED_SIZE = 1000;
const FLOATS: readonly DType[] = ['float32', 'float64', 'float16'];

export async function guessInput(
  input: SignatureInput,
  { inputs }: Manifest,
  signature: Signature,
  run: RunFeeds,
): Promise<Written> {
  const { spec, tensor, axes } = input;
  if (!isRowInput(spec)) {
    return { ...spec, description: 'guess: one value for a whole run; name its default and the values it may have' };
  }
  const { kind: _, ...rest } = spec;
  const rank = tensor.dims.length - (axes.batch === null ? 0 : 1);
  const stepsFirst = rowTimeAxis(axes) === 0;
  const last = tensor.dims[tensor.dims.length - 1];
  if (stepsFirst && rank === 2 && FLOATS.includes(tensor.dtype) && typeof last === 'number') {
    const features = Array.from({ length: last }, (_, f) => ({ name: `feature_${f}` }));
    const description = `guess: numeric, since it is ${tensor.dtype} with ${last} values a step; name the features and give units and limits`;
    return { ...rest, kind: 'numeric', description, features };
  }
  if (stepsFirst && rank === 1 && (tensor.dtype === 'int64' || tensor.dtype === 'int32')) {
    const measured = await tableSize(input, signature, run);
    const size = measured ?? GUESSED_SIZE;
    const why =
      measured === undefined ? `and size ${size} is a mere guess` : `and the graph runs with 0 to ${size - 1} only`;
    return {
      ...rest,
      kind: 'index',
      description: `guess: index, since it holds whole numbers; ids they may be, ${why}`,
      size,
    };
  }
  if (stepsFirst && rank === 1 && tensor.dtype === 'string') {
    return { ...rest, kind: 'token', description: 'guess: token, since it holds strings, one a step' };
  }
  return { ...spec, description: `guess: tensor, the row as nested arrays${tellSame(spec, inputs)}` };
}

function tellSame({ sameTimeAs }: RowInput, inputs: Manifest['inputs']): string {
  return inputs.some(input => input.name === sameTimeAs) ? `, as many steps as ${sameTimeAs}` : '';
}

/** How many ids the graph's table holds: the first id with which it no longer runs; undefined if there is none. */
async function tableSize(input: SignatureInput, signature: Signature, run: RunFeeds): Promise<number | undefined> {
  const sequence = randomSequence(signature, 2, randomNumbers(6));
  const runs = async (id: number) => {
    const feeds = collate(signature, [sequence]);
    const { data } = feeds[input.tensor.name];
    if (data instanceof BigInt64Array) data.fill(BigInt(id));
    else (data as Int32Array).fill(id);
    return run(feeds, signature.fetches).then(
      () => true,
      () => false,
    );
  };
  if (!(await runs(0))) return undefined;
  let good = 0;
  let bad = 1;
  while (await runs(bad)) {
    good = bad;
    bad *= 2;
    if (bad > MOST_IDS) return undefined;
  }
  while (bad - good > 1) {
    const middle = Math.floor((good + bad) / 2);
    if (await runs(middle)) good = middle;
    else bad = middle;
  }
  return bad;
}
