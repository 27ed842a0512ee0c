// Outputs of a graph that its manifest does not name: callers may ask for them all the same, row by row.
import type { Tensors } from '../core/tensor.ts';
import type { Graph } from '../model/onnx/graph.ts';
import type { Axes, Signature } from '../model/signature.ts';
import type { Run } from '../runtime/runner.ts';
import { collate } from '../sequence/collate.ts';
import { randomNumbers, randomSequence } from './samples.ts';

const STEPS = 8;

/**
 * Where the rows lie in each of them: on the axis that is twice as long for two copies of a sequence; on none if it is the same
 * for both. What is neither is left out. Nothing is certified of them, so whoever asks for one runs alone.
 */
export async function findOthers(signature: Signature, graph: Graph, run: Run): Promise<Map<string, Axes>> {
  const found = new Map<string, Axes>();
  const names = graph.outputs.map(({ name }) => name).filter(name => !signature.outputs.has(name));
  if (names.length === 0) return found;
  const sequence = randomSequence(signature, STEPS, randomNumbers(11), { known: graph });
  const batched = signature.feeds.some(({ axes, role }) => role === 'data' && axes.batch !== null);
  let one: Tensors;
  let two: Tensors;
  try {
    one = await run(collate(signature, [sequence]), names);
    two = batched ? await run(collate(signature, [sequence, sequence]), names) : one;
  } catch {
    return found; // a batch of two is not to be had, or they are not for such inputs
  }
  for (const name of names) {
    const [dims, twice] = [one[name].dims, two[name].dims];
    const batch = dims.findIndex((dim, axis) => dim === 1 && dims.with(axis, 2).join() === twice.join());
    if (batch >= 0) found.set(name, { batch, time: null });
    else if (dims.join() === twice.join()) found.set(name, { batch: null, time: null });
  }
  return found;
}
