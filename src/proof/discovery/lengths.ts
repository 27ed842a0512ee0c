// Which numbers of time steps a graph takes: convolutions want a least number, and strides a multiple.
import type { FoundAxes } from './axes.ts';
import { openSize, type Probe, sizeIn } from './probe.ts';

export interface Lengths {
  readonly minimum: number;
  /** Every number of steps is a multiple of it. */
  readonly multipleOf: number;
}

/** Numbers of steps beyond this are not tried one by one. */
const MOST_TRIED = 64;

/** By input, for those whose number of steps may be chosen and that are not tied to another's. */
export async function findLengths(probe: Probe, found: FoundAxes): Promise<Map<string, Lengths>> {
  const lengths = new Map<string, Lengths>();
  for (const info of probe.graph.inputs) {
    const axes = found.inputs.get(info.name);
    if (axes?.time == null || axes.steps !== 'any' || axes.sameTimeAs !== undefined) continue;
    const tied = probe.graph.inputs.filter(({ name }) => {
      const other = found.inputs.get(name);
      return other?.time != null && (name === info.name || other.sameTimeAs === info.name);
    });
    const sizes = tied.map(other => openSize(other, found.inputs.get(other.name)?.time as number));
    const takes = async (steps: number) => {
      const filling = { ...found.filling, counts: Math.min(found.filling.counts, steps) };
      const feeds = probe.feeds(found.batch, filling, new Map(sizes.map(size => [size, steps])));
      return (await probe.attempt(feeds)) !== undefined;
    };
    lengths.set(info.name, await lengthsThat(takes, sizeIn(found.filling, sizes[0])));
  }
  return lengths;
}

/** `known` is a number of steps that the graph takes. */
async function lengthsThat(takes: (steps: number) => Promise<boolean>, known: number): Promise<Lengths> {
  let minimum = known;
  for (let steps = Math.min(known, MOST_TRIED) - 1; steps >= 1; steps--) if (await takes(steps)) minimum = steps;
  if (minimum === known && known > MOST_TRIED) return { minimum, multipleOf: 1 };
  for (let multipleOf = 1; multipleOf <= MOST_TRIED; multipleOf++) {
    if (minimum % multipleOf === 0 && (await takes(minimum + multipleOf)) && (await takes(minimum + 2 * multipleOf)))
      return { minimum, multipleOf };
  }
  return { minimum, multipleOf: 1 };
}

/** The first number of steps from `least` on that a graph takes. */
export function stepsFrom(least: number, { minimum, multipleOf }: Lengths): number {
  return Math.ceil(Math.max(least, minimum) / multipleOf) * multipleOf;
}
