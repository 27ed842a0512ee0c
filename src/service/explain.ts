// Why a model answers as it does: how much each value of a sequence moved one number of each head. The rows asked for ride
// as idle entries of the model's own batcher, so explanations wait for everybody else.
import { ServiceError } from '../core/errors.ts';
import { randomNumbers } from '../proof/samples.ts';
import type { Row } from '../sequence/collate.ts';
import type { Sequence } from '../sequence/sequence.ts';
import type { Caller } from './caller.ts';
import { baselineOf, type Typical, typicalOf } from './explain/baseline.ts';
import { type CellBlock, Cells } from './explain/cells.ts';
import { type Attribution, ends, type Game, noAttributions } from './explain/game.ts';
import { integratedGradients } from './explain/integrated-gradients.ts';
import { occlusion } from './explain/occlusion.ts';
import { gradientNodes, occlusionWindows, shapleyPlan, type WindowSize } from './explain/plan.ts';
import { shapley } from './explain/shapley.ts';
import { type Target, type TargetRequest, targetsOf } from './explain/targets.ts';
import { IdleRows } from './idle-rows.ts';
import type { Model } from './model.ts';
import { readSamples } from './papers.ts';

export type Method = 'occlusion' | 'shapley' | 'integratedGradients';

export interface ExplainRequest extends TargetRequest {
  readonly sequences: readonly unknown[];
  readonly method: Method;
  /** A sequence of the same shape, or a name of one that the server makes. */
  readonly baseline: unknown;
  /** Rows a sequence may take, beside the input and the baseline. */
  readonly budget: number;
  readonly window?: WindowSize;
}

export interface HeadExplanation {
  readonly target: Target;
  readonly output: number;
  readonly baselineOutput: number;
  /** One number a cell, NaN where the time did not suffice. */
  readonly attributions: Float64Array;
  /** Output minus baseline output minus all attributions. */
  readonly gap: number;
  readonly standardError?: number;
}

export interface Explanation {
  readonly length: number;
  /** How the cells lie in the inputs. */
  readonly blocks: readonly CellBlock[];
  readonly heads: readonly HeadExplanation[];
  readonly rows: number;
  readonly partial: boolean;
}

export interface Explanations {
  readonly model: string;
  readonly version: string;
  /** One per sequence, in the caller's order. */
  readonly explanations: readonly Explanation[];
}

/** The part of a caller's time that rows may take; the rest is for the reply, which says what is missing. */
const SHARE = 0.9;
const SEED = 1;

/** @throws {ServiceError} INVALID_REQUEST, INVALID_SEQUENCE, DEADLINE_EXCEEDED, CALLER_GONE, INFERENCE_FAILED. */
export async function explain(model: Model, request: ExplainRequest, caller: Caller): Promise<Explanation[]> {
  const sequences = request.sequences.map((value, i) => model.parse(value, ['sequences', i]));
  const release = model.batcher.admitted.hold(); // between its rows, too, the version does not end
  try {
    const typical = await typicalSteps(model);
    const rows = new IdleRows(model, caller, performance.now() + SHARE * caller.timeoutMs);
    const explanations: Explanation[] = [];
    for (const sequence of sequences) {
      const baseline = baselineFor(model, request, sequence, typical);
      explanations.push(await explainOne(model, request, sequence, baseline, rows));
    }
    return explanations;
  } finally {
    release();
  }
}

async function explainOne(
  model: Model,
  request: ExplainRequest,
  sequence: Sequence,
  baseline: Sequence,
  rows: IdleRows,
): Promise<Explanation> {
  const before = rows.count;
  const cells = cellsFor(model, request.method, sequence, baseline);
  const { input, baseline: none } = ends(cells.count);
  const run = await rows.of([cells.at(input), cells.at(none)]);
  if (!run) throw new ServiceError('DEADLINE_EXCEEDED', 'no row of the explanation could be run in time');
  const answered = model.decoders.map(decode => decode(run[0]));
  const targets = targetsOf(model.signature.heads, request, answered);
  const outputsOf = (row: Row) => Float64Array.from(targets, ({ index, read }) => read(model.decoders[index](row)));
  const [whole, nothing] = run.map(outputsOf);
  const game: Game = {
    cells: cells.count,
    outputs: targets.length,
    differs: cell => cells.differs(cell),
    ask: async points => (await rows.of(points.map(point => cells.at(point))))?.map(outputsOf),
  };
  const result = await attribute(game, cells, request, whole, nothing);
  const heads = targets.map((target, o) => {
    const attributions = result.attributions[o];
    const sum = attributions.reduce((total, value) => total + (Number.isNaN(value) ? 0 : value), 0);
    const [output, baselineOutput] = [whole[o], nothing[o]];
    const standardError = result.standardErrors?.[o];
    return { target, output, baselineOutput, attributions, gap: output - baselineOutput - sum, standardError };
  });
  return { length: sequence.length, blocks: cells.blocks, heads, rows: rows.count - before, partial: result.partial };
}

async function attribute(
  game: Game,
  cells: Cells,
  { method, budget, window }: ExplainRequest,
  whole: Float64Array,
  none: Float64Array,
): Promise<Attribution> {
  if (![...Array(cells.count).keys()].some(cell => cells.differs(cell))) {
    return { attributions: noAttributions(game), partial: false };
  }
  switch (method) {
    case 'occlusion':
      return occlusion(game, occlusionWindows(cells, budget, window), whole);
    case 'shapley':
      return shapley(game, { ...shapleyPlan(cells, budget), whole, none, random: randomNumbers(SEED) });
    case 'integratedGradients':
      return integratedGradients(game, gradientNodes(cells, budget));
  }
}

/** Integrated gradients leave what has no slope as it is in the input, so that it takes no part. */
function cellsFor({ signature }: Model, method: Method, sequence: Sequence, baseline: Sequence): Cells {
  const cells = new Cells(signature, sequence, baseline);
  if (method !== 'integratedGradients') return cells;
  const still = Float64Array.from({ length: cells.count }, (_, cell) => (cells.slides(cell) ? 0 : 1));
  if (!still.includes(0)) {
    throw new ServiceError('INVALID_REQUEST', 'integrated gradients need an input of numbers that take values between');
  }
  return new Cells(signature, sequence, cells.at(still));
}

/** @throws {ServiceError} INVALID_SEQUENCE, or INVALID_REQUEST if the caller's baseline has another shape. */
function baselineFor(model: Model, { baseline }: ExplainRequest, sequence: Sequence, typical: Typical): Sequence {
  if (baseline === 'reference' || baseline === 'zero') return baselineOf(model.signature, sequence, baseline, typical);
  const given = model.parse(baseline, ['baseline']);
  const shapes = [given, sequence].map(({ parts }) => parts.map(part => part?.dims.join('x')).join());
  if (shapes[0] === shapes[1]) return given;
  const detail = `the baseline has ${given.length} time steps, expected ${sequence.length} as the sequence has`;
  throw new ServiceError('INVALID_REQUEST', detail, { faults: [{ pointer: '/baseline', detail }] });
}

const known = new WeakMap<Model, Promise<Typical>>();

/** From the model's example and golden sequences, found out when first wanted. */
function typicalSteps(model: Model): Promise<Typical> {
  let typical = known.get(model);
  if (!typical) {
    typical = readSamples(model).then(samples => typicalOf(model.signature, parsed(model, samples)));
    known.set(model, typical);
    typical.catch(() => known.delete(model)); // what could not be read now may be later
  }
  return typical;
}

function parsed(model: Model, samples: readonly { sequence: unknown }[]): Sequence[] {
  return samples.map(({ sequence }, i) => model.parse(sequence, ['samples', i]));
}
