// Runs sequences alone, in pairs and in company, and measures by how much a row's answer depends on the others.

import { firstLine, messageOf } from '../core/errors.ts';
import { isFloat, zeroData } from '../core/tensor.ts';
import { type Axes, headTensors, type Signature } from '../model/signature.ts';
import type { Run } from '../runtime/runner.ts';
import { collate, type Row, rowOf, split } from '../sequence/collate.ts';
import type { Sequence } from '../sequence/sequence.ts';
import { differenceOf } from './difference.ts';

/** Rows of equal length in one run, or of different lengths. */
export type Question = 'rows' | 'lengths';
/** What is judged: the heads' outputs, and the state outputs apart from them. */
export type Group = 'heads' | 'state';

/** The worst that was seen. */
export interface Evidence {
  readonly difference: number;
  /** Where, in words: output, length, company. */
  readonly place: string;
}

interface Worst {
  /** Against the sequence run alone, and against it run as two copies of itself. */
  alone: Evidence;
  paired: Evidence;
}

interface Watched {
  readonly group: Group;
  readonly tensor: string;
  readonly axes: Axes;
  readonly follows: number;
}

const NONE: Evidence = { difference: 0, place: '' };

export class Comparison {
  readonly worst: Record<Question, Record<Group, Worst>>;
  /** The heads' outputs that moved when lengths were mixed, with the most each did. */
  readonly movedByPadding = new Map<string, number>();
  batches = 0;
  readonly #signature: Signature;
  readonly #run: Run;
  readonly #watched: readonly Watched[];
  readonly #fetches: readonly string[];
  readonly #alone = new Map<Sequence, Row>();
  readonly #paired = new Map<Sequence, Row>();

  /** How large each output's values usually are, at least 1; known after `learnScales`. */
  readonly #scales = new Map<string, number>();

  constructor(signature: Signature, run: Run) {
    this.#signature = signature;
    this.#run = run;
    const none = () => ({ heads: { alone: NONE, paired: NONE }, state: { alone: NONE, paired: NONE } });
    this.worst = { rows: none(), lengths: none() };
    this.#watched = watchedOutputs(signature);
    this.#fetches = this.#watched.map(output => output.tensor);
  }

  get sequences(): number {
    return this.#alone.size;
  }

  /** Differences are measured against what these usual sequences answer. */
  async learnScales(usual: readonly Sequence[]): Promise<void> {
    for (const sequence of usual) {
      const [row] = await this.#answer([sequence]);
      for (const { tensor, axes, follows } of this.#watched) {
        const { dtype } = row.outputs[tensor];
        if (!isFloat(dtype)) continue;
        const { dims, data } = rowOf(row, tensor, axes, follows);
        const largest = differenceOf({ dims, data }, { dims, data: zeroData(dtype, data.length) }, dtype);
        if (Number.isFinite(largest)) this.#scales.set(tensor, Math.max(1, this.#scales.get(tensor) ?? 1, largest));
      }
    }
  }

  /** Runs the sequences together and compares each row with what it answers by itself. */
  async compare(question: Question, sequences: readonly Sequence[]): Promise<void> {
    for (const sequence of new Set(sequences)) {
      if (!this.#alone.has(sequence)) this.#alone.set(sequence, (await this.#answer([sequence]))[0]);
    }
    const longest = Math.max(...sequences.map(sequence => sequence.longest));
    let together: Row[];
    try {
      for (const sequence of new Set(sequences)) {
        if (!this.#paired.has(sequence)) this.#paired.set(sequence, (await this.#answer([sequence, sequence]))[0]);
      }
      together = await this.#answer(sequences);
    } catch (error) {
      const cause = error instanceof Error && error.cause ? error.cause : error;
      const place = `a run of ${sequences.length} sequences of up to ${longest} steps fails (${firstLine(messageOf(cause))})`;
      for (const group of ['heads', 'state'] as const) this.#note(question, group, Infinity, Infinity, place);
      return;
    }
    this.batches++;
    sequences.forEach((sequence, i) => {
      for (const output of this.#watched) {
        const alone = this.#difference(together[i], this.#alone.get(sequence) as Row, output);
        const paired = this.#difference(together[i], this.#paired.get(sequence) as Row, output);
        const among = question === 'rows' ? 'others of that length' : `others of up to ${longest} steps`;
        const place = `output "${output.tensor}" of a sequence of ${sequence.longest} steps, beside ${sequences.length - 1} ${among}`;
        this.#note(question, output.group, alone, paired, place);
        if (question === 'lengths' && output.group === 'heads') {
          this.movedByPadding.set(output.tensor, worse(this.movedByPadding.get(output.tensor) ?? 0, alone));
        }
      }
    });
  }

  #note(question: Question, group: Group, alone: number, paired: number, place: string): void {
    const worst = this.worst[question][group];
    if (alone > worst.alone.difference || Number.isNaN(alone)) worst.alone = { difference: alone, place };
    if (paired > worst.paired.difference || Number.isNaN(paired)) worst.paired = { difference: paired, place };
  }

  async #answer(sequences: readonly Sequence[]): Promise<Row[]> {
    return answer(this.#signature, this.#run, sequences, this.#fetches);
  }

  #difference(one: Row, other: Row, { tensor, axes, follows }: Watched): number {
    return differenceOf(
      rowOf(one, tensor, axes, follows),
      rowOf(other, tensor, axes, follows),
      one.outputs[tensor].dtype,
      this.#scales.get(tensor),
    );
  }
}

/** The rows of one run. */
export async function answer(
  signature: Signature,
  run: Run,
  sequences: readonly Sequence[],
  fetches: readonly string[],
): Promise<Row[]> {
  return split(signature, await run(collate(signature, sequences), fetches), sequences);
}

/** The outputs that are compared: those of the heads, and those of the state. */
export function watchedOutputs(signature: Signature): Watched[] {
  const heads = signature.heads.flatMap(({ spec, axes, follows }) =>
    headTensors(spec).map(tensor => ({ group: 'heads' as const, tensor, axes, follows })),
  );
  const state = signature.state.map(({ output, axes }) => ({
    group: 'state' as const,
    tensor: output,
    axes,
    follows: 0,
  }));
  const seen = new Set<string>();
  return [...heads, ...state].filter(({ tensor }) => !seen.has(tensor) && seen.add(tensor));
}

function worse(a: number, b: number): number {
  return a > b || Number.isNaN(a) ? a : b;
}
