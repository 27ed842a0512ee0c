// golden.json: inputs and outputs written by the training framework, checked against what the session answers.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { LoadError, messageOf } from '../core/errors.ts';
import type { NumericData, Tensors } from '../core/tensor.ts';
import { collate } from '../model/collate.ts';
import { readJson } from '../model/manifest.ts';
import { type Sequence, sequenceParser } from '../model/sequence.ts';
import type { Signature } from '../model/signature.ts';

const outputs = z
  .record(z.string(), z.array(z.number()).min(1))
  .refine(o => Object.keys(o).length > 0, 'a case without outputs checks nothing');

const goldenSchema = z.strictObject({
  formatVersion: z.literal(1),
  producer: z.string().min(1),
  tolerance: z.number().positive().max(0.01),
  cases: z.array(z.strictObject({ sequence: z.unknown(), outputs })).min(1),
});

export interface Golden {
  readonly producer: string;
  readonly tolerance: number;
  readonly cases: readonly { readonly sequence: Sequence; readonly outputs: Readonly<Record<string, number[]>> }[];
}

export interface GoldenCheck {
  readonly producer: string;
  readonly cases: number;
  readonly tolerance: number;
  /** The largest |ours - theirs| / max(1, |theirs|). */
  readonly worstDifference: number;
}

export type RunFeeds = (feeds: Tensors, fetches: readonly string[]) => Promise<Tensors>;

/** Reads golden.json if there is one. @throws {LoadError} if it does not fit the manifest. */
export async function readGolden(folder: string, signature: Signature): Promise<Golden | undefined> {
  const file = path.join(folder, 'golden.json');
  if (!existsSync(file)) return undefined;
  const parsed = goldenSchema.safeParse(await readJson(file));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new LoadError(`golden.json: ${issue.path.join('.')}: ${issue.message}`);
  }
  const parse = sequenceParser(signature);
  try {
    const cases = parsed.data.cases.map((c, i) => ({ outputs: c.outputs, sequence: parse(c.sequence, ['cases', i]) }));
    return { ...parsed.data, cases };
  } catch (error) {
    throw new LoadError(`golden.json: ${messageOf(error)}`);
  }
}

/** Runs every golden case alone. @throws {LoadError} at the first answer that is off. */
export async function checkGolden(golden: Golden, signature: Signature, run: RunFeeds): Promise<GoldenCheck> {
  let worstDifference = 0;
  for (const [i, { sequence, outputs }] of golden.cases.entries()) {
    const answers = await run(collate(signature, [sequence]), Object.keys(outputs)).catch(error => {
      throw new LoadError(`golden.json case ${i}: the run failed (${messageOf(error).split('\n')[0]})`);
    });
    for (const [name, expected] of Object.entries(outputs)) {
      const where = `golden.json case ${i}: output "${name}"`;
      const actual = answers[name].data as Exclude<NumericData, BigInt64Array | BigUint64Array>;
      if (actual.length !== expected.length) {
        throw new LoadError(`${where} has ${actual.length} values, expected ${expected.length}`);
      }
      const difference = largestDifference(actual, expected);
      if (!(difference <= golden.tolerance)) {
        throw new LoadError(`${where} is off by ${difference.toExponential(2)}, tolerance ${golden.tolerance}`);
      }
      worstDifference = Math.max(worstDifference, difference);
    }
  }
  const { producer, tolerance } = golden;
  return { producer, tolerance, cases: golden.cases.length, worstDifference };
}

/** The largest |a - b| / max(1, |b|) over two rows of numbers; NaN if any is NaN. */
export function largestDifference(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let worst = 0;
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs(actual[i] - expected[i]) / Math.max(1, Math.abs(expected[i]));
    worst = Math.max(worst, difference); // NaN stays
  }
  return worst;
}
