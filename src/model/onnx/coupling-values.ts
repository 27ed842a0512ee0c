// What reading knows of a tensor in a graph, and what a rule tells of an operator's outputs.
import type { GraphConstant, GraphNode } from './nodes.ts';

/** Where the rows of a tensor lie. */
export interface Rows {
  readonly axis: number;
  readonly rank: number;
}

/** What is known of a tensor: nothing of the rows' values in it; sizes only; the rows along an axis; or that they are in it. */
export type Value = { readonly from: ReadonlySet<string> } & (
  | { readonly kind: 'free'; readonly constant?: GraphConstant }
  | { readonly kind: 'size' }
  | ({ readonly kind: 'rows' } & Rows)
  | { readonly kind: 'lost' }
);

export type Output = { kind: 'free' | 'size' | 'lost' } | ({ kind: 'rows' } & Rows);
export interface Verdict {
  readonly outputs: readonly Output[];
  /** It works along the batch axis. */
  readonly couples?: boolean;
  /** It might, as far as can be told. */
  readonly unsure?: boolean;
}
export type Rule = (inputs: readonly Value[], node: GraphNode) => Verdict;

export const rows = (axis: number, rank: number): Output => ({ kind: 'rows', axis, rank });
export const LOST: Output = { kind: 'lost' };
export const FREE: Output = { kind: 'free' };
export const SIZE: Output = { kind: 'size' };
export const wrap = (axis: number, rank: number) => (axis < 0 ? axis + rank : axis);
export const constantOf = (value: Value | undefined) => (value?.kind === 'free' ? value.constant : undefined);

/** Data first; whatever else it takes says how, not what. */
export const alongFirst =
  (rule: (value: Rows, node: GraphNode, inputs: readonly Value[]) => Verdict): Rule =>
  (inputs, node) => {
    const [first] = inputs;
    if (first.kind === 'rows') return rule(first, node, inputs);
    if (inputs.some(({ kind }) => kind === 'rows')) return { outputs: [LOST], unsure: true };
    return { outputs: [inputs.some(({ kind }) => kind === 'size') ? SIZE : FREE] };
  };
