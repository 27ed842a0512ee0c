// Labels in a chain: spans written as IOB2 labels (O, B-kind, I-kind), and the scores of neighbouring labels.
import { z } from 'zod';

const scores = z.array(z.number()).min(2);

export const transitions = z
  .strictObject({
    start: scores.describe('Of each label at the first step.'),
    between: z.array(scores).min(2).describe('Row: a label; column: the label that follows it.'),
    end: scores.describe('Of each label at the last step.'),
  })
  .describe(
    'Scores of neighbouring labels, in the order of the labels, added to those of the tensor (a linear-chain CRF).',
  );

export type Transitions = z.infer<typeof transitions>;

/** The kind of span that a label begins or continues; none for O. */
export interface IobLabel {
  readonly begins: boolean;
  readonly kind?: string;
}

export function iobLabel(label: string): IobLabel {
  return label === 'O' ? { begins: false } : { begins: label.startsWith('B-'), kind: label.slice(2) };
}

/** For each label, those that may stand before it: all of them, but I-x only after B-x or I-x. */
export function allowedBefore(labels: readonly string[]): number[][] {
  return labels.map(label => {
    if (!label.startsWith('I-')) return labels.map((_, i) => i);
    return [`B-${label.slice(2)}`, label].map(before => labels.indexOf(before)).sort((a, b) => a - b);
  });
}

/** What is wrong with the labels or the transitions of a head, if anything is. */
export function chainFault(labels: readonly string[], chain: Transitions | undefined): string | undefined {
  const odd = labels.find(label => label !== 'O' && !/^[BI]-./.test(label));
  if (odd !== undefined) return `labels: "${odd}" is neither O nor B- or I- and a kind of span`;
  const lone = labels.find(label => label.startsWith('I-') && !labels.includes(`B-${label.slice(2)}`));
  if (lone !== undefined) return `labels: "${lone}" has no "B-${lone.slice(2)}"`;
  if (!labels.includes('O')) return 'labels: there is no O, for steps outside every span';
  if (!chain) return undefined;
  const sizes = [chain.start.length, chain.end.length, chain.between.length, ...chain.between.map(row => row.length)];
  const other = sizes.find(size => size !== labels.length);
  return other === undefined ? undefined : `transitions: ${other} values where there are ${labels.length} labels`;
}
