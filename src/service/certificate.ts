// The batching certificate: before a model serves, find out by experiment whether a row's answer depends on its company.

import type { BatchRules } from '../batching/queue.ts';
import type { NumericData } from '../core/tensor.ts';
import { collate, type Row, split } from '../model/collate.ts';
import type { Sequence } from '../model/sequence.ts';
import { headTensors, type Signature } from '../model/signature.ts';
import { largestDifference, type RunFeeds } from './golden.ts';
import { randomNumbers, randomSequence } from './samples.ts';

/** `exact`: bit for bit the answer given alone; `tolerance`: within TOLERANCE of it; `no`: neither. */
export type Agreement = 'exact' | 'tolerance' | 'no';

export interface Certificate {
  /** What the batcher does with it: mix lengths of a class, batch equal lengths only, or run every row alone. */
  readonly mixing: BatchRules['mixing'];
  /** Rows of equal length in one run. */
  readonly rows: Agreement;
  /** Rows of different lengths in one run; `untested` where the graph is told neither lengths nor a mask. */
  readonly lengths: Agreement | 'untested';
  /** The largest |together - alone| / max(1, |alone|) among the runs that the certificate allows. */
  readonly worstDifference: number;
  readonly sequences: number;
  readonly batches: number;
}

/** What a float32 sum in another order may change; beyond it, rows are not independent. */
export const TOLERANCE = 1e-5;

const LENGTHS = [1, 2, 3, 5, 8, 13, 21, 34, 55];
const COMPANIES = [2, 3, 4, 7, 12, 16, 31];

/**
 * Runs golden and random sequences alone and then in company: batches of equal lengths, and random mixed batches if the
 * graph is told what is padding. The samples are the same at every load.
 */
export async function certify(
  signature: Signature,
  golden: readonly Sequence[],
  limits: { readonly batchSize: number; readonly paddedSteps: number },
  run: RunFeeds,
): Promise<Certificate> {
  const random = randomNumbers(1);
  const examiner = new Examiner(signature, run);
  const longest = Math.max(...signature.inputs.map(input => input.spec.time.maximum));
  const lengths = LENGTHS.filter(length => length <= Math.min(longest, limits.paddedSteps));
  const pick = <T>(values: readonly T[]) => values[Math.floor(random() * values.length)];
  const fits = (batch: Sequence[]) => {
    const longest = Math.max(...batch.map(sequence => sequence.longest));
    return batch.slice(0, Math.max(2, Math.floor(limits.paddedSteps / longest)));
  };

  for (const length of [...lengths, pick(lengths)]) {
    const size = Math.min(limits.batchSize, pick(COMPANIES));
    const batch = Array.from({ length: size }, () => randomSequence(signature, length, random));
    await examiner.compare('rows', fits(batch));
  }
  if (signature.maskable) {
    const mixed = [...golden, ...[...lengths, ...lengths].map(length => randomSequence(signature, length, random))];
    for (const size of [...COMPANIES, mixed.length]) {
      const batch = Array.from({ length: Math.min(limits.batchSize, size) }, () => pick(mixed));
      await examiner.compare('lengths', fits(batch));
    }
  }
  return examiner.certificate();
}

class Examiner {
  readonly #signature: Signature;
  readonly #run: RunFeeds;
  readonly #alone = new Map<Sequence, Row>();
  readonly #worst = { rows: 0, lengths: 0 };
  #batches = 0;

  constructor(signature: Signature, run: RunFeeds) {
    this.#signature = signature;
    this.#run = run;
  }

  async compare(question: 'rows' | 'lengths', sequences: Sequence[]): Promise<void> {
    for (const sequence of sequences) {
      if (!this.#alone.has(sequence)) this.#alone.set(sequence, (await this.#answer([sequence]))[0]);
    }
    const together = await this.#answer(sequences);
    this.#batches++;
    sequences.forEach((sequence, i) => {
      const difference = this.#difference(together[i], this.#alone.get(sequence) as Row);
      this.#worst[question] = Math.max(this.#worst[question], difference); // NaN stays, and is no agreement
    });
  }

  certificate(): Certificate {
    const rows = agreement(this.#worst.rows);
    const lengths = this.#signature.maskable ? agreement(this.#worst.lengths) : 'untested';
    const mixing = rows === 'no' ? 'alone' : lengths === 'no' || lengths === 'untested' ? 'equal' : 'classes';
    const worstDifference =
      mixing === 'alone' ? 0 : mixing === 'equal' ? this.#worst.rows : Math.max(this.#worst.rows, this.#worst.lengths);
    return { mixing, rows, lengths, worstDifference, sequences: this.#alone.size, batches: this.#batches };
  }

  async #answer(sequences: Sequence[]): Promise<Row[]> {
    return split(await this.#run(collate(this.#signature, sequences), this.#signature.fetches), sequences);
  }

  #difference(together: Row, alone: Row): number {
    let worst = 0;
    for (const { spec, width } of this.#signature.heads) {
      const count = spec.per === 'step' ? alone.length * width : width;
      for (const tensor of headTensors(spec)) {
        const difference = largestDifference(rowValues(together, tensor, count), rowValues(alone, tensor, count));
        worst = Math.max(worst, difference);
      }
    }
    return worst;
  }
}

function rowValues(row: Row, tensor: string, count: number): ArrayLike<number> {
  const data = row.outputs[tensor].data as Exclude<NumericData, BigInt64Array | BigUint64Array>;
  const start = row.index * (data.length / row.batchSize);
  return data.subarray(start, start + count);
}

function agreement(worst: number): Agreement {
  return worst === 0 ? 'exact' : worst <= TOLERANCE ? 'tolerance' : 'no';
}
