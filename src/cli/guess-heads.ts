// What a graph output means, guessed from the operator that writes it and checked against the graph's own answers.
import { fromFloat16 } from '../core/float16.ts';
import { rowTimeAxis, type SignatureHead } from '../model/signature.ts';
import { type Row, rowOf } from '../sequence/collate.ts';
import type { Written } from './written.ts';

/** Operators that only move values: what wrote the values is not known. */
const CARRIERS = new Set([
  'Identity',
  'Cast',
  'Reshape',
  'Squeeze',
  'Unsqueeze',
  'Transpose',
  'Flatten',
  'Slice',
  'Gather',
  'GatherElements',
  'GatherND',
]);
/** How far from 1 the sum of probabilities may be: float16 graphs are that coarse. */
const SUM_TOLERANCE = 5e-3;

interface Answers {
  readonly width: number;
  /** The values of each step or sequence. */
  readonly each: readonly (readonly number[])[];
}

export function guessHead(head: SignatureHead, writer: string, rows: readonly Row[]): Written {
  const { kind: _, ...rest } = head.spec;
  const answers = answersOf(head, rows);
  const why = writer === '' ? 'the graph does not say what computes it' : `${writer} writes it`;
  const as = (kind: string, todo: string, more: Written = {}): Written => ({
    ...rest,
    kind,
    description: `guess: ${kind}, since ${todo}`,
    ...more,
  });
  if (!answers) return as('tensor', `its shape or type is none of a labelled answer (${why})`);
  const { width } = answers;
  const labels = Array.from({ length: Math.max(2, width) }, (_, i) => `label_${i}`);
  if (width > 1 && sumToOne(answers) && (writer === 'Softmax' || CARRIERS.has(writer))) {
    const reason = writer === 'Softmax' ? why : 'its values sum to 1';
    return as('multiclass', `${reason}; name the labels`, { labels });
  }
  if (width > 1 && writer === 'LogSoftmax') {
    return as('multiclass', `${why} (the logarithm of probabilities); name the labels`, {
      labels,
      activation: 'logits',
    });
  }
  if (writer === 'Sigmoid' && within(answers, 0, 1)) {
    return width === 1
      ? as('binary', `${why}; name the labels, the second is the one whose probability it is`, { labels })
      : as('multilabel', `${why}; name the labels`, { labels });
  }
  if (width === 1) return as('regression', `${why}; give the unit, or activation "logits" and labels if it is a score`);
  return as(
    'tensor',
    `${why} and it holds ${width} values; if they are scores, make it multiclass with activation "logits"`,
  );
}

/** A head's answers to the trial sequences, or nothing if its rows are no list of numbers a step or sequence. */
function answersOf({ spec, axes, follows }: SignatureHead, rows: readonly Row[]): Answers | undefined {
  const perStep = spec.per === 'step';
  if (perStep && rowTimeAxis(axes) !== 0) return undefined;
  const each: number[][] = [];
  let width = 0;
  for (const row of rows) {
    const { dtype } = row.outputs[spec.tensor];
    if (!dtype.startsWith('float')) return undefined;
    const { dims, data } = rowOf(row, spec.tensor, axes, follows);
    const inner = perStep ? dims.slice(1) : dims;
    if (inner.length > 1) return undefined;
    width = inner[0] ?? 1;
    const bits = Array.from(data as ArrayLike<number>);
    const values = dtype === 'float16' ? bits.map(fromFloat16) : bits;
    for (let i = 0; i < values.length; i += width) each.push(values.slice(i, i + width));
  }
  return width === 0 ? undefined : { width, each };
}

function within({ each }: Answers, least: number, most: number): boolean {
  return each.every(values => values.every(value => value >= least && value <= most));
}

function sumToOne(answers: Answers): boolean {
  const sums = answers.each.map(values => values.reduce((sum, value) => sum + value, 0));
  return within(answers, 0, 1) && sums.every(sum => Math.abs(sum - 1) <= SUM_TOLERANCE);
}
