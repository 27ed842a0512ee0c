// The trials of a certificate: which sequences are run together, and how many, so that what may differ does.
import { isRowInput, type Signature } from '../model/signature.ts';
import type { Run } from '../runtime/runner.ts';
import type { Sequence } from '../sequence/sequence.ts';
import { Comparison, type Question } from './comparison.ts';
import { type Known, randomNumbers, randomSequence, withRandomState } from './samples.ts';
import { aimedBatches, type Reading, type Suspicion, suspicionOf } from './suspicion.ts';

/** Every remainder by 8 is among them: vectorised sums are in another order where padding fills up a vector. */
const LENGTHS = [1, 2, 3, 5, 7, 12, 22, 27, 40, 61];
const COMPANIES = [2, 3, 4, 7, 12, 16, 31];
/** Runtimes take other kernels for more rows: around those numbers, and up to the most that a run may hold. */
const CROWDS = [24, 32, 33, 40, 48, 56, 64, 65, 96, 128];
/** Sequences that a crowd is made of, over and over: each is run alone only once. */
const POOL = 8;
/** Batches that are tried for each question however large the graph is. */
const LEAST_BATCHES = 3;
/** What further batches of a question may cost before a model serves: bytes of the graph times padded steps. No clock, so that a slow machine finds the same. */
const MOST_WORK = 5e10;
/** How far random numbers reach: usual ones, none at all, and extreme ones. */
const SCALES = [1, 1, 0, 1, 30, 1];

/** The most that a run may hold. */
export interface Limits {
  readonly batchSize: number;
  readonly paddedSteps: number;
}

export interface CertifyOptions extends Limits {
  /** The graph's size with its weights: what one step costs, near enough. */
  readonly graphBytes: number;
  /** What reading the graph tells; without it, nothing is suspect but what trials find. */
  readonly reading?: Reading;
  /** Everything is tried, however long that takes. */
  readonly thorough?: boolean;
  /** What callers are known to send: tried before what is made up. */
  readonly first?: readonly Sequence[];
  /** Who exported the graph. */
  readonly producer?: string;
}

/** The trials themselves, bounded by what they cost. */
export class Trials {
  readonly comparison: Comparison;
  /** Questions of which only a part was tried. */
  readonly open = new Set<Question>();
  /** Whether sequences of different lengths were there to be mixed. */
  mixed = false;
  readonly signature: Signature;
  readonly producer: string;
  readonly suspicion: Suspicion;
  readonly #known: Known;
  readonly #golden: readonly Sequence[];
  readonly #limits: CertifyOptions;
  readonly #random = randomNumbers(1);
  readonly #lengths: readonly number[];

  constructor(signature: Signature, golden: readonly Sequence[], limits: CertifyOptions, run: Run) {
    this.comparison = new Comparison(signature, run);
    this.signature = signature;
    this.producer = limits.producer ?? '';
    this.#golden = golden;
    this.#limits = limits;
    this.#known = limits.reading ?? { tables: {}, words: [] };
    this.suspicion = limits.reading ? suspicionOf(signature, limits.reading) : { suspect: false };
    const times = signature.inputs.flatMap(({ spec, axes }) =>
      isRowInput(spec) && axes.time !== null ? [spec.time] : [],
    );
    const least = Math.min(1, ...times.map(time => time.minimum));
    const most = Math.min(limits.paddedSteps, times.length > 0 ? Math.max(...times.map(time => time.maximum)) : 1);
    const lengths = LENGTHS.filter(length => length >= least && length <= most);
    this.#lengths = [...new Set(lengths.map(length => mostSteps(this.#sample(length))))];
  }

  async rows(): Promise<void> {
    const sizes = [...COMPANIES.slice(0, LEAST_BATCHES), ...this.#lengths.map(() => this.#pick(COMPANIES))];
    const batches = sizes.map((size, i) => () => {
      const length = this.#lengths[(i + 2) % this.#lengths.length];
      return Array.from({ length: size }, () => this.#sample(length));
    });
    await this.comparison.learnScales([...this.#golden, ...[1, 2, 3].map(() => this.#usual())]);
    for (const batch of this.#firstAmongEquals()) await this.comparison.compare('rows', this.#fit(batch));
    await this.#try('rows', batches);
    const pool = Array.from({ length: POOL }, () => this.#sample(this.#lengths[2 % this.#lengths.length]));
    const { batchSize } = this.#limits;
    const crowds = [...new Set([...CROWDS.filter(size => size < batchSize), batchSize])];
    const crowd = (size: number) => () => Array.from({ length: size }, (_, i) => pool[(i * 7 + (i >> 3)) % POOL]);
    await this.#try('rows', crowds.map(crowd));
  }

  /** Trials aimed at the nodes that reading makes suspect. */
  async suspects(): Promise<void> {
    if (!this.suspicion.suspect) return;
    for (const batch of aimedBatches(this.signature, this.#known)) {
      const fitting = this.#fit(batch);
      if (fitting.length < 2) continue;
      const equal = fitting.every(({ longest }) => longest === fitting[0].longest);
      if (equal || this.mixed) await this.comparison.compare(equal ? 'rows' : 'lengths', fitting);
    }
  }

  async lengths(): Promise<void> {
    if (this.#lengths.length < 2) return;
    this.mixed = true;
    const length = () => this.#pick(this.#lengths);
    const mixed = [...this.#golden, ...Array.from({ length: 2 * this.#lengths.length }, () => this.#sample(length))];
    const ends = [this.#sample(this.#lengths[0]), this.#sample(this.#lengths[this.#lengths.length - 1])];
    const batches = [...COMPANIES, mixed.length].map((size, i) => () => {
      const batch = Array.from({ length: size }, () => this.#pick(mixed));
      return i === 0 ? ends : batch.filter(sequence => sequence.batchKey === batch[0].batchKey);
    });
    // What is served together is near in length: there sums are taken in another order, and nothing hides it.
    const near = this.#lengths.slice(1).map((longer, i) => () => {
      const shorter = this.#lengths[i];
      return [shorter, longer, shorter, longer].map(steps => this.#sample(steps));
    });
    const together = this.#fit(this.#firstTogether());
    if (together.length > 1) await this.comparison.compare('lengths', together);
    await this.#try('lengths', [...batches, ...near]);
  }

  /** Each of the first samples beside another as long. */
  #firstAmongEquals(): Sequence[][] {
    const random = randomNumbers(31);
    return (this.#limits.first ?? []).map(sample => {
      const other = randomSequence(this.signature, sample.length, random, { known: this.#known });
      const fits = other.longest === sample.longest && other.batchKey === sample.batchKey;
      return [sample, fits ? other : sample, sample];
    });
  }

  /** The first samples in one run, as far as they can share one, if they differ in length. */
  #firstTogether(): Sequence[] {
    const { first = [] } = this.#limits;
    const together = first.filter(({ batchKey }) => batchKey === first[0].batchKey);
    return together.some(({ longest }) => longest !== first[0].longest) ? together : [];
  }

  async #try(question: Question, batches: readonly (() => Sequence[])[]): Promise<void> {
    let work = 0;
    for (const [i, make] of batches.entries()) {
      if (i >= LEAST_BATCHES && work > MOST_WORK && !this.#limits.thorough) {
        this.open.add(question);
        return;
      }
      const batch = this.#fit(make());
      if (batch.length > 1) await this.comparison.compare(question, batch);
      work += this.#limits.graphBytes * batch.length * longestOf(batch);
    }
  }

  /** As many of the sequences as a run may hold. */
  #fit(batch: Sequence[]): Sequence[] {
    const { batchSize, paddedSteps } = this.#limits;
    return batch.slice(0, Math.max(2, Math.min(batchSize, Math.floor(paddedSteps / longestOf(batch)))));
  }

  #usual(): Sequence {
    return randomSequence(this.signature, 7, this.#random, { known: this.#known });
  }

  #sample(length: number | (() => number)): Sequence {
    const options = { scale: this.#pick(SCALES), known: this.#known };
    const sequence = randomSequence(this.signature, length, this.#random, options);
    return this.#random() < 0.5 ? sequence : withRandomState(this.signature, sequence, this.#random);
  }

  #pick<T>(values: readonly T[]): T {
    return values[Math.floor(this.#random() * values.length)];
  }
}

/** Time steps that a sequence brings, before anything is padded. */
function mostSteps({ parts }: Sequence): number {
  return Math.max(1, ...parts.map(part => part?.length ?? 1));
}

function longestOf(batch: readonly Sequence[]): number {
  return Math.max(...batch.map(sequence => sequence.longest));
}
