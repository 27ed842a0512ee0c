// How long sequences may be where no manifest says it: a graph with attention needs the square of their steps in memory, and
// one with a table of positions takes no more than that has rows.
import type { Manifest, RowInput } from '../model/manifest.ts';
import { isRowInput, type Signature } from '../model/signature.ts';
import type { Run } from '../runtime/runner.ts';
import { collate } from '../sequence/collate.ts';
import { randomNumbers, randomSequence } from './samples.ts';

export interface Reach {
  /** The most time steps of a sequence. */
  readonly steps: number;
  /** What holds it there; undefined where it is all that was asked for. */
  readonly why?: string;
}

/** What a run is watched by: the memory of this process, which the runtime keeps when a run is over. */
export type ResidentBytes = () => number;

const FIRST_STEPS = 1024;
/** A graph that is slow is not tried further, but foretold from what was seen. */
const PATIENCE_MS = 20_000;
const MIB = 1024 * 1024;

/**
 * Runs one row of 1024, 2048, ... steps while four times the memory seen stays within `mostBytes`, for memory is taken to grow
 * with the square of the steps at most; ends as soon as `most` steps are within it by that rule.
 */
export async function reachOf(
  signature: Signature,
  run: Run,
  { most, mostBytes }: { readonly most: number; readonly mostBytes: number },
  residentBytes: ResidentBytes,
): Promise<Reach> {
  const random = randomNumbers(17);
  const beginBytes = residentBytes();
  const takes = (steps: number) =>
    run(collate(signature, [randomSequence(signature, steps, random)]), signature.fetches).then(
      () => true,
      () => false,
    );
  const endMs = performance.now() + PATIENCE_MS;
  let taken = 1;
  for (let steps = Math.min(FIRST_STEPS, most); ; steps = Math.min(most, 2 * steps)) {
    if (!(await takes(steps))) return endOf(takes, taken, steps);
    taken = steps;
    const bytes = Math.max(1, residentBytes() - beginBytes);
    const foretold = Math.max(steps, Math.floor(steps * Math.sqrt(mostBytes / bytes)));
    if (foretold >= most) return { steps: most };
    if (4 * bytes > mostBytes || performance.now() > endMs) {
      return { steps: foretold, why: `a run of ${steps} took ${Math.ceil(bytes / MIB)} MiB (POLYHEAD_RUN_BYTES)` };
    }
  }
}

/** The last number of steps that a graph takes, which lies from `taken` to `refused`. */
async function endOf(takes: (steps: number) => Promise<boolean>, taken: number, refused: number): Promise<Reach> {
  let [least, most] = [taken, refused];
  while (most - least > 1) {
    const middle = Math.floor((least + most) / 2);
    if (await takes(middle)) least = middle;
    else most = middle;
  }
  return { steps: least, why: `the graph cannot run ${most}` };
}

/** The most steps that a manifest allows any of its inputs. */
export function mostStepsOf({ inputs }: Signature): number {
  return Math.max(0, ...inputs.map(({ spec }) => (isRowInput(spec) ? spec.time.maximum : 0)));
}

/** The manifest with no longer sequences than that, nor runs of more steps in all their rows together. */
export function heldTo(manifest: Manifest, steps: number): Manifest {
  const { paddedSteps = steps } = manifest.limits;
  return {
    ...manifest,
    inputs: manifest.inputs.map(spec =>
      isRowInput(spec) ? { ...spec, time: { ...spec.time, maximum: mostOf(spec.time, steps) } } : spec,
    ),
    limits: { ...manifest.limits, paddedSteps: Math.min(paddedSteps, steps) },
  };
}

/** Not above what was found, but a multiple where shorter ones are padded to it. */
function mostOf({ minimum, maximum, multipleOf = 1, pad }: RowInput['time'], steps: number): number {
  const most = Math.min(maximum, steps);
  return Math.max(pad ? multipleOf : minimum, pad ? most - (most % multipleOf) : most);
}
