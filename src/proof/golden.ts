// golden.json: inputs and outputs written by the training framework, checked against what the session answers.

import { existsSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { firstLine, LoadError, messageOf, ServiceError } from '../core/errors.ts';
import { own } from '../core/own.ts';
import { elementCount, type Tensors } from '../core/tensor.ts';
import { readJson } from '../model/files.ts';
import type { Graph } from '../model/onnx/graph.ts';
import type { Signature } from '../model/signature.ts';
import type { Run } from '../runtime/runner.ts';
import { Block } from '../sequence/block.ts';
import { checkTensors } from '../sequence/check-tensors.ts';
import { collate } from '../sequence/collate.ts';
import { nest, parseNested, plainValues } from '../sequence/nested.ts';
import { type Sequence, sequenceParser } from '../sequence/sequence.ts';
import { largestDifference } from './difference.ts';

const element = z.union([z.number(), z.string(), z.boolean()]);
const outputs = z
  .record(z.string(), z.array(element).min(1))
  .refine(o => Object.keys(o).length > 0, 'a case without outputs checks nothing');
const feed = z.strictObject({ dims: z.array(z.number().int().min(1)), data: z.array(element.nullable()).min(1) });

const goldenSchema = z.strictObject({
  formatVersion: z.literal(1),
  producer: z.string().min(1),
  tolerance: z.number().positive().max(0.01),
  cases: z
    .array(
      z.union([
        z
          .strictObject({ sequence: z.unknown(), outputs })
          .refine(c => c.sequence !== undefined, 'a case has a sequence'),
        z.strictObject({ feeds: z.record(z.string(), feed), outputs }),
      ]),
    )
    .min(1),
});

/** A case: a sequence as callers send it, or tensors for every graph input; and the outputs' values, flat. */
export interface GoldenCase {
  readonly sequence?: Sequence;
  readonly feeds: Tensors;
  readonly outputs: Readonly<Record<string, readonly (number | string | boolean)[]>>;
}

export interface Golden {
  readonly producer: string;
  readonly tolerance: number;
  readonly cases: readonly GoldenCase[];
}

export interface GoldenCheck {
  readonly producer: string;
  readonly cases: number;
  readonly tolerance: number;
  /** The largest |ours - theirs| / max(1, |theirs|). */
  readonly worstDifference: number;
}

/** Reads golden.json if there is one. @throws {LoadError} if it does not fit the manifest or the graph. */
export async function readGolden(folder: string, signature: Signature, graph: Graph): Promise<Golden | undefined> {
  const file = path.join(folder, 'golden.json');
  if (!existsSync(file)) return undefined;
  const parsed = goldenSchema.safeParse(await readJson(file));
  if (!parsed.success) {
    const { path: place, message } = firstFault(parsed.error.issues);
    throw new LoadError('golden.json', `: ${place.join('.')}: ${message}`);
  }
  const parse = sequenceParser(signature);
  try {
    const cases = parsed.data.cases.map((c, i) => {
      const unknown = Object.keys(c.outputs).find(name => !graph.outputs.some(output => output.name === name));
      if (unknown !== undefined) throw new LoadError(`case ${i}: the graph has no output "${unknown}"`);
      if ('feeds' in c) return { feeds: tensorsOf(c.feeds, graph, i), outputs: c.outputs };
      const sequence = parse(c.sequence, ['cases', i]);
      return { sequence, feeds: collate(signature, [sequence]), outputs: c.outputs };
    });
    return { ...parsed.data, cases };
  } catch (error) {
    throw new LoadError('golden.json', `: ${messageOf(error)}`);
  }
}

/** The first fault; of a case, as the kind of case that it is nearest to. */
function firstFault([issue]: readonly z.core.$ZodIssue[]): Pick<z.core.$ZodIssue, 'path' | 'message'> {
  if (issue.code !== 'invalid_union') return issue;
  const [nearest] = [...issue.errors].sort((a, b) => a.length - b.length);
  const { path: place, message } = firstFault(nearest);
  return place.length > 0 ? { path: [...issue.path, ...place], message } : issue;
}

function tensorsOf(feeds: Record<string, z.infer<typeof feed>>, graph: Graph, index: number): Tensors {
  const tensors: Tensors = {};
  for (const { name, dtype } of graph.inputs) {
    const given = own(feeds, name);
    if (!given) throw new LoadError(`case ${index} has no feed "${name}"`);
    const { dims, data } = given;
    if (data.length !== elementCount(dims)) {
      throw new LoadError(`case ${index}: feed "${name}" has ${data.length} values for shape [${dims.join(', ')}]`);
    }
    const value = nest(data, dims);
    tensors[name] = { dtype, ...parseNested(value, ['cases', index, 'feeds', name], { dtype, dims, missing: true }) };
  }
  return tensors;
}

/** A case's feeds as the one sequence that a caller would send; nothing where no caller could. */
export function sequenceIn(signature: Signature, feeds: Tensors): Sequence | undefined {
  try {
    const tensors = { ...feeds };
    return checkTensors({ signature, name: 'golden.json' }, tensors) === 1
      ? new Block(signature, tensors, 1).sequences[0]
      : undefined;
  } catch (error) {
    if (error instanceof ServiceError) return undefined;
    throw error;
  }
}

/** Runs every golden case alone, or those that are `wanted`. @throws {LoadError} at the first answer that is off. */
export async function checkGolden(
  golden: Golden,
  run: Run,
  wanted: (one: GoldenCase) => boolean = () => true,
): Promise<GoldenCheck> {
  let worstDifference = 0;
  for (const [i, one] of golden.cases.entries()) {
    if (!wanted(one)) continue;
    const { feeds, outputs } = one;
    const answers = await run(feeds, Object.keys(outputs)).catch(error => {
      throw new LoadError('golden.json', `case ${i}: the run failed (${firstLine(messageOf(error))})`);
    });
    for (const [name, expected] of Object.entries(outputs)) {
      const where = `case ${i}: output "${name}"`;
      const { dtype, data } = answers[name];
      if (data.length !== expected.length) {
        throw new LoadError('golden.json', `${where} has ${data.length} values, expected ${expected.length}`);
      }
      const actual = plainValues(dtype, data);
      if (typeof expected[0] === 'string') {
        const wrong = expected.findIndex((value, v) => value !== actual[v]);
        if (wrong >= 0)
          throw new LoadError(
            'golden.json',
            `${where} value ${wrong} is ${actual[wrong]}, expected ${expected[wrong]}`,
          );
        continue;
      }
      const difference = largestDifference(actual.map(Number), expected.map(Number));
      if (!(difference <= golden.tolerance)) {
        throw new LoadError(
          'golden.json',
          `${where} is off by ${difference.toExponential(2)}, tolerance ${golden.tolerance}`,
        );
      }
      worstDifference = Math.max(worstDifference, difference);
    }
  }
  const { producer, tolerance } = golden;
  return { producer, tolerance, cases: golden.cases.length, worstDifference };
}
