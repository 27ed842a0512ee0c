// The batching certificate: before a model serves, find out by experiment whether a row's answer depends on its company.
import type { Mixing } from '../batching/queue.ts';
import { LoadError } from '../core/errors.ts';
import { isRowInput, type Signature } from '../model/signature.ts';
import type { Certificate, RowsVerdict, Verdict } from '../proof/certificate.ts';
import { type Evidence, Examiner, type Group } from '../proof/comparison.ts';
import { continuity, sideEffects } from '../proof/continuity.ts';
import type { RunFeeds } from '../proof/golden.ts';
import type { Sequence } from '../sequence/sequence.ts';
import { randomNumbers, randomSequence, withRandomState } from './samples.ts';

/** What a float32 sum in another order may change; beyond it, rows are not independent. */
export const TOLERANCE = 1e-5;

/** Every remainder by 8 is among them: vectorised sums are in another order where padding fills up a vector. */
const LENGTHS = [1, 2, 3, 5, 7, 12, 22, 27, 40, 61];
const COMPANIES = [2, 3, 4, 7, 12, 16, 31];
/** Batches that are tried for each question however slow the graph is. */
const LEAST_BATCHES = 3;
const BUDGET_MS = 2000;
/** How far random numbers reach: usual ones, none at all, and extreme ones. */
const SCALES = [1, 1, 0, 1, 30, 1];

export interface CertifyLimits {
  readonly batchSize: number;
  readonly paddedSteps: number;
}

/**
 * Runs golden, random and extreme sequences alone and then in company: batches of equal lengths, then batches of mixed
 * lengths. The samples are the same at every load. Each question takes at most some seconds.
 */
export async function certify(
  signature: Signature,
  golden: readonly Sequence[],
  limits: CertifyLimits,
  run: RunFeeds,
): Promise<Certificate> {
  const start = performance.now();
  const trial = new Trial(signature, golden, limits, run);
  const batched = signature.feeds.every(({ role, axes }) => role === 'side' || axes.batch !== null);
  if (batched) await trial.rows();
  const { examiner } = trial;
  if (batched && rowsVerdict(examiner, 'heads') !== 'alone') await trial.lengths();
  const heads = verdict(trial, 'heads', batched);
  const warnings: string[] = [];
  const counterExample = counterExampleOf(trial, heads, batched);
  if (heads.mixing === 'alone') warnings.push(`every sequence runs alone: ${counterExample}`);
  if (trial.mixed && signature.told !== 'nothing' && heads.mixing === 'equal') warnings.push(readsPadding(trial));
  const state = signature.state.length === 0 ? null : await stateVerdict(signature, run, trial, batched);
  if (state?.continues === 'no') warnings.push('two calls with the state between them do not give what one call gives');
  return {
    ...heads,
    state,
    axes: Object.fromEntries([
      ...signature.feeds.map(({ tensor, axes }) => [tensor.name, axes] as const),
      ...signature.outputs,
    ]),
    sideInputs: await sideEffects(signature, run),
    counterExample,
    warnings,
    sequences: examiner.sequences,
    batches: examiner.batches,
    milliseconds: Math.round(performance.now() - start),
    complete: trial.complete,
  };
}

async function stateVerdict(
  signature: Signature,
  run: RunFeeds,
  trial: Trial,
  batched: boolean,
): Promise<Certificate['state']> {
  return { ...verdict(trial, 'state', batched), continues: await continuity(signature, run, TOLERANCE) };
}

/** The experiments themselves, bounded in time. */
class Trial {
  readonly examiner: Examiner;
  complete = true;
  /** Whether sequences of different lengths were there to be mixed. */
  mixed = false;
  readonly signature: Signature;
  readonly #golden: readonly Sequence[];
  readonly #limits: CertifyLimits;
  readonly #random = randomNumbers(1);
  readonly #lengths: readonly number[];

  constructor(signature: Signature, golden: readonly Sequence[], limits: CertifyLimits, run: RunFeeds) {
    this.examiner = new Examiner(signature, run);
    this.signature = signature;
    this.#golden = golden;
    this.#limits = limits;
    const times = signature.inputs.flatMap(({ spec, axes }) =>
      isRowInput(spec) && axes.time !== null ? [spec.time] : [],
    );
    const least = Math.min(1, ...times.map(time => time.minimum));
    const most = Math.min(limits.paddedSteps, times.length > 0 ? Math.max(...times.map(time => time.maximum)) : 1);
    const lengths = LENGTHS.filter(length => length >= least && length <= most);
    this.#lengths = [...new Set(lengths.map(length => this.#sample(length).longest))];
  }

  async rows(): Promise<void> {
    const sizes = [...COMPANIES.slice(0, LEAST_BATCHES), ...this.#lengths.map(() => this.#pick(COMPANIES))];
    const batches = sizes.map((size, i) => () => {
      const length = this.#lengths[(i + 2) % this.#lengths.length];
      return Array.from({ length: size }, () => this.#sample(length));
    });
    await this.#try('rows', batches);
  }

  async lengths(): Promise<void> {
    if (this.#lengths.length < 2) return;
    this.mixed = true;
    const length = () => this.#pick(this.#lengths);
    const mixed = [...this.#golden, ...Array.from({ length: 2 * this.#lengths.length }, () => this.#sample(length))];
    const ends = [this.#sample(this.#lengths[0]), this.#sample(this.#lengths[this.#lengths.length - 1])];
    const batches = [...COMPANIES, mixed.length].map((size, i) => () => {
      const batch = Array.from({ length: size }, () => this.#pick(mixed));
      return i === 0 ? ends : batch.filter(sequence => sequence.company === batch[0].company);
    });
    await this.#try('lengths', batches);
  }

  async #try(question: 'rows' | 'lengths', batches: readonly (() => Sequence[])[]): Promise<void> {
    const deadline = performance.now() + BUDGET_MS;
    for (const [i, make] of batches.entries()) {
      if (i >= LEAST_BATCHES && performance.now() > deadline) {
        this.complete = false;
        return;
      }
      const batch = this.#fit(make());
      if (batch.length > 1) await this.examiner.compare(question, batch);
    }
  }

  /** As many of the sequences as a run may hold. */
  #fit(batch: Sequence[]): Sequence[] {
    const longest = Math.max(...batch.map(sequence => sequence.longest));
    const { batchSize, paddedSteps } = this.#limits;
    return batch.slice(0, Math.max(2, Math.min(batchSize, Math.floor(paddedSteps / longest))));
  }

  #sample(length: number | (() => number)): Sequence {
    const sequence = randomSequence(this.signature, length, this.#random, { scale: this.#pick(SCALES) });
    return this.#random() < 0.5 ? sequence : withRandomState(this.signature, sequence, this.#random);
  }

  #pick<T>(values: readonly T[]): T {
    return values[Math.floor(this.#random() * values.length)];
  }
}

function rowsVerdict({ worst }: Examiner, group: Group): RowsVerdict {
  const { alone, paired } = worst.rows[group];
  if (alone.difference === 0) return 'exact';
  if (paired.difference === 0) return 'exactInPairs';
  return alone.difference <= TOLERANCE ? 'tolerance' : 'alone';
}

function verdict({ examiner, mixed, signature }: Trial, group: Group, batched: boolean): Verdict {
  const rows = batched ? rowsVerdict(examiner, group) : 'alone';
  if (rows === 'alone') return { rows, lengths: 'equalOnly', mixing: 'alone', worstDifference: 0 };
  const { rows: equal, lengths: padded } = examiner.worst;
  const harmless = mixed && padded[group][rows === 'exactInPairs' ? 'paired' : 'alone'].difference <= TOLERANCE;
  // Exact among equal lengths, but with padding only if never alone: then never alone.
  const onlyInPairs =
    harmless && rows === 'exact' && padded[group].alone.difference > 0 && padded[group].paired.difference === 0;
  const base = rows === 'exactInPairs' || onlyInPairs ? 'paired' : 'alone';
  return {
    rows: onlyInPairs ? 'exactInPairs' : rows,
    lengths: harmless ? PADDING_BY[signature.told] : 'equalOnly',
    mixing: harmless ? 'classes' : 'equal',
    worstDifference: Math.max(equal[group][base].difference, harmless ? padded[group][base].difference : 0),
  };
}

const PADDING_BY = { lengths: 'lengths', mask: 'mask', nothing: 'zeroPadding' } as const;

function counterExampleOf({ examiner, mixed }: Trial, { mixing }: Verdict, batched: boolean): string | null {
  if (mixing === 'classes') return null;
  if (!batched) return 'the graph has no batch axis';
  if (mixing === 'alone') return inWords(examiner.worst.rows.heads.alone);
  return mixed ? inWords(examiner.worst.lengths.heads.alone) : 'every sequence has the same length';
}

function readsPadding({ examiner, signature }: Trial): string {
  const moved = [...examiner.movedByPadding].filter(([, difference]) => !(difference <= TOLERANCE));
  const names = moved
    .map(([name]) => `"${name}"`)
    .join(', ')
    .slice(0, 300);
  return (
    `the graph is told its ${signature.told}, yet ${names} changes with padding: it probably reads the last step of the ` +
    'padded axis (Y[T-1]); read the state at each length instead (Y_h, or Y gathered at length - 1)'
  );
}

function inWords({ difference, place }: Evidence): string {
  return difference === Infinity ? place : `${place} moves by ${difference.toExponential(1)}`;
}

const WIDTH: Record<Mixing, number> = { alone: 0, equal: 1, classes: 2 };

export function narrowest(one: Mixing, other: Mixing): Mixing {
  return WIDTH[one] < WIDTH[other] ? one : other;
}

/** The mixing that a manifest asks for, if the graph allows it. @throws {LoadError} with the counter-example. */
export function narrowed({ mixing, counterExample }: Certificate, asked: Mixing | undefined): Mixing {
  if (asked === undefined || WIDTH[asked] <= WIDTH[mixing]) return asked ?? mixing;
  throw new LoadError(`manifest.json: limits.mixing says "${asked}", the graph allows "${mixing}": ${counterExample}`);
}
