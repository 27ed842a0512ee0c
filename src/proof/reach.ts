// How long sequences may be, and how many of them run together: a graph with attention needs the square of their steps in memory,
// and one with a table of positions takes no more than that has rows. What a manifest allows is tried too, and not just believed.
import type { Manifest } from '../model/manifest.ts';
import { isRowInput, type Signature } from '../model/signature.ts';
import type { Run } from '../runtime/runner.ts';
import { collate } from '../sequence/collate.ts';
import type { Prepared } from './prove.ts';
import { randomNumbers, randomSequence } from './samples.ts';
import type { Limits } from './trials.ts';

export interface Reach {
  /** The most time steps of a sequence. */
  readonly steps: number;
  /** The most padded steps of a run, where fewer than were asked for. */
  readonly paddedSteps?: number;
  /** What holds it there; undefined where it is all that was asked for. */
  readonly why?: string;
}

export interface Asked extends Limits {
  /** The most time steps of a sequence. */
  readonly most: number;
  readonly mostBytes: number;
}

/** What a run is watched by: the memory of this process, which the runtime keeps when a run is over. */
export type ResidentBytes = () => number;

const MIB = 1024 * 1024;
const FIRST_STEPS = 1024;
/** A graph that is slow is not tried further, but foretold from what was seen. */
const PATIENCE_MS = 20_000;
/** What a run may take beside what is seen of it, from pages that lay free: nothing large is foretold from next to nothing. */
const UNSEEN = MIB;
/** A share of a run that may be overlooked. */
const MOST_HIDDEN = 1 / 1000;

/**
 * Runs one row of 1024, 2048, ... steps, then more and more rows of the longest, while the next run is foretold to stay within
 * `mostBytes`: memory is taken to grow with the square of the steps at most, and with the rows. Ends as soon as all that was
 * asked for is within it by that rule.
 */
export async function reachOf(
  signature: Signature,
  run: Run,
  asked: Asked,
  residentBytes: ResidentBytes,
): Promise<Reach> {
  const trial = await begin(signature, run, residentBytes);
  const endMs = performance.now() + PATIENCE_MS;
  let { most } = asked;
  let why: string | undefined;
  let [steps, rows, taken] = [Math.min(FIRST_STEPS, most), 1, 0];
  for (;;) {
    if (!(await trial.takes(steps, rows))) {
      if (rows > 1) return { steps: most, why }; // proving tells what it refuses of rows
      if (why !== undefined) return { steps: asked.most }; // it ran before: it is not their number that it refuses
      most = await endOf(trial.takes, taken, steps);
      why = `the graph cannot run ${most + 1}`;
      steps = most;
      continue;
    }
    taken = steps;
    const mostRows = rowsOf(most, asked);
    const seen = { steps, rows, bytes: trial.bytes(steps, rows) };
    if (mostRows === 1 && steps === trial.least) return { steps: most, why }; // no other run is allowed
    if (loneBytes({ ...seen, bytes: seen.bytes + UNSEEN }, most) * mostRows <= asked.mostBytes)
      return { steps: most, why };
    const longer = steps < most;
    const next = (longer ? 4 : 2) * seen.bytes;
    const known = steps * rows > trial.least;
    const done = performance.now() > endMs || (!longer && rows === mostRows);
    if (known && (done || next > asked.mostBytes)) return heldBy(seen, most, asked.mostBytes);
    if (longer) steps = Math.min(most, 2 * steps);
    else rows = Math.min(mostRows, 2 * rows);
  }
}

interface Trial {
  /** The fewest steps that may be run. */
  readonly least: number;
  /** What a run took that was just made; Infinity where it is no more than the first. */
  bytes(steps: number, rows: number): number;
  takes(steps: number, rows?: number): Promise<boolean>;
}

/** Makes the shortest run first: what it takes besides, such as weights that are read in, is not the next runs'. */
async function begin(signature: Signature, run: Run, residentBytes: ResidentBytes): Promise<Trial> {
  const random = randomNumbers(17);
  const takes = (steps: number, rows = 1) => {
    const sequences = new Array(rows).fill(randomSequence(signature, steps, random));
    return run(collate(signature, sequences), signature.fetches).then(
      () => true,
      () => false,
    );
  };
  const least = randomSequence(signature, 1, random).longest;
  await takes(least);
  const beginBytes = residentBytes();
  const bytes = (steps: number, rows: number) => {
    const hidden = least / (rows * steps); // the share that the first run has taken already
    return Math.max(1, residentBytes() - beginBytes) / (hidden > MOST_HIDDEN ? 1 - hidden : 1);
  };
  return { least, takes, bytes };
}

/** How many of the longest sequences may run together. */
function rowsOf(most: number, { batchSize, paddedSteps }: Limits): number {
  return Math.max(1, Math.min(batchSize, Math.floor(paddedSteps / most)));
}

/** The same of all that a candidate allows; what its own examples and golden answers hold is run at any rate. */
export async function reachIn(
  { signature, limits, example, goldenCases, parse }: Prepared,
  run: Run,
  mostBytes: number,
  residentBytes: ResidentBytes,
): Promise<Reach> {
  const asked = { ...limits, most: mostStepsOf(signature), mostBytes };
  const { steps, paddedSteps, why } = await reachOf(signature, run, asked, residentBytes);
  if (why === undefined) return { steps };
  const golden = goldenCases?.cases.flatMap(({ sequence }) => sequence ?? []) ?? [];
  const examples = example.sequences.map((sequence, i) => parse(sequence, ['sequences', i]));
  const shown = Math.max(0, ...[...golden, ...examples].map(({ longest }) => longest));
  return { steps: Math.max(steps, shown), paddedSteps: paddedSteps && Math.max(paddedSteps, shown), why };
}

interface Seen {
  readonly steps: number;
  readonly rows: number;
  readonly bytes: number;
}

/** What one sequence of so many steps, no fewer than were seen, takes at most. */
function loneBytes({ steps, rows, bytes }: Seen, most: number): number {
  return (bytes / rows) * (most / steps) ** 2;
}

function heldBy(seen: Seen, most: number, mostBytes: number): Reach {
  const { steps, rows, bytes } = seen;
  const ran = rows === 1 ? `a run of ${steps}` : `a run of ${rows} x ${steps}`;
  const why = `${ran} took ${Math.ceil(bytes / MIB)} MiB (POLYHEAD_RUN_BYTES)`;
  const lone = loneBytes(seen, most);
  if (lone <= mostBytes) return { steps: most, paddedSteps: most * Math.floor(mostBytes / lone), why };
  // Longer ones take the square of what they have more at most; shorter ones are sure to take less only in proportion.
  const ratio = (mostBytes * rows) / bytes;
  const held = Math.max(1, Math.floor(steps * (ratio > 1 ? Math.sqrt(ratio) : ratio)));
  return { steps: held, paddedSteps: held, why };
}

/** The last number of steps that a graph takes, which lies from `taken` to `refused`; 1 if it takes none. */
async function endOf(takes: (steps: number) => Promise<boolean>, taken: number, refused: number): Promise<number> {
  let [least, most] = [Math.max(1, taken), refused];
  while (most - least > 1) {
    const middle = Math.floor((least + most) / 2);
    if (await takes(middle)) least = middle;
    else most = middle;
  }
  return least;
}

/** The most time steps that a signature allows any of its inputs. */
export function mostStepsOf({ inputs }: Signature): number {
  const times = inputs.map(({ spec, axes }) => (isRowInput(spec) && axes.time !== null ? spec.time.maximum : 1));
  return Math.max(1, ...times);
}

/** In a line, what is held to less than was asked for; `given`: a manifest asked for it. */
export function toldOf({ steps, paddedSteps, why }: Reach, most: number, given: boolean): string[] {
  if (why === undefined) return [];
  if (steps === most) return paddedSteps === undefined ? [] : [`a run may have ${paddedSteps} padded steps: ${why}`];
  return [`sequences may have ${steps} time steps${given ? `, not the ${most} of manifest.json` : ''}: ${why}`];
}

/** The manifest with no longer sequences than that, nor runs of more steps in all their rows together. */
export function heldTo(manifest: Manifest, { steps, paddedSteps = Infinity, why }: Reach): Manifest {
  if (why === undefined) return manifest;
  const padded = Math.min(manifest.limits.paddedSteps ?? Infinity, paddedSteps);
  return {
    ...manifest,
    inputs: manifest.inputs.map(spec => {
      if (!isRowInput(spec) || spec.timeAxis === null) return spec;
      const { minimum, maximum, multipleOf = 1 } = spec.time;
      const held = Math.max(Math.ceil(minimum / multipleOf), Math.floor(steps / multipleOf)) * multipleOf;
      return { ...spec, time: { ...spec.time, maximum: Math.min(maximum, held) } };
    }),
    limits: padded < Infinity ? { ...manifest.limits, paddedSteps: padded } : manifest.limits,
  };
}
