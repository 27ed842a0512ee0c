// What models take and answer, as types: heads by kind, their answers by how much of a distribution was asked for, and
// the server's own description of a model.

/** How much of each distribution over labels an answer tells. */
export type Detail = 'all' | 'top' | 'none';

/** One label of several. */
export interface ClassHead<L extends string = string> {
  readonly kind: 'class';
  readonly labels: L;
}
/** Any number of labels. */
export interface MultilabelHead<L extends string = string> {
  readonly kind: 'multilabel';
  readonly labels: L;
}
/** A number, with its unit where the model tells one; `N` is null where the model may give what is no finite number. */
export interface ValueHead<U extends string | undefined = undefined, N extends null = never> {
  readonly kind: 'value';
  readonly unit: U;
  readonly none?: N;
}
/** A number between two bounds; `N` as in ValueHead. */
export interface IntervalHead<U extends string | undefined = undefined, N extends null = never> {
  readonly kind: 'interval';
  readonly unit: U;
  readonly none?: N;
}
/** A normal distribution: mean, standard deviation and an interval; `N` as in ValueHead. */
export interface NormalHead<U extends string | undefined = undefined, N extends null = never> {
  readonly kind: 'normal';
  readonly unit: U;
  readonly none?: N;
}
/** The graph's own numbers, nested as the tensor is. */
export interface TensorHead {
  readonly kind: 'tensor';
}
/** Spans of time steps with a label each, decoded together. */
export interface SpansHead<L extends string = string> {
  readonly kind: 'spans';
  readonly labels: L;
}
/** An answer for every time step. */
export interface StepHead<H extends Head = Head> {
  readonly kind: 'step';
  readonly head: H;
}
/** A head that answers null where it cannot decide. */
export interface NullableHead<H extends Head = Head> {
  readonly kind: 'nullable';
  readonly head: H;
}
/** A head of a model whose types are not known. */
export interface AnyHead {
  readonly kind: 'any';
}
export type Head = ClassHead | MultilabelHead | ValueHead<string | undefined, null> | IntervalHead<string | undefined, null> | NormalHead<string | undefined, null> | TensorHead | SpansHead | StepHead<never> | NullableHead<never> | AnyHead; // biome-ignore format: one list

/** What `types` writes for each model. */
export interface ModelTypes {
  /** One sequence: its time steps, or an object by input name. */
  readonly sequence: unknown;
  readonly heads: { readonly [name: string]: unknown };
}
/** Models by name, where nothing is known of them. */
export interface AnyModels {
  readonly [name: string]: { readonly sequence: unknown; readonly heads: { readonly [name: string]: AnyHead } };
}

type Probability<D> = D extends 'none' ? unknown : { readonly probability: number };
type Distribution<L extends string, D> = D extends 'all'
  ? { readonly probabilities: Readonly<Record<L, number>> }
  : unknown;
type Unit<U> = U extends string ? { readonly unit: U } : unknown;
type Or<D, Default> = D extends Detail ? D : Default;

/** An answer of which nothing is known but the form of answers. */
export interface AnyAnswer {
  readonly label?: string;
  readonly probability?: number;
  readonly probabilities?: Readonly<Record<string, number>>;
  readonly labels?: readonly string[];
  readonly value?: number | null;
  readonly sd?: number | null;
  readonly lower?: number | null;
  readonly upper?: number | null;
  readonly unit?: string;
  readonly values?: unknown;
  readonly spans?: readonly Span[];
  readonly steps?: readonly (AnyAnswer | null)[];
}

/** Time steps from `start` up to `end` that belong together. */
export interface Span<L extends string = string> {
  readonly label: L;
  readonly start: number;
  readonly end: number;
  /** Its characters (Unicode code points) and their text, where a text was sent. */
  readonly startChar?: number;
  readonly endChar?: number;
  readonly text?: string;
}
/** Every time step's label, only with the detail `all`. */
type EveryLabel<D> = D extends 'all' ? { readonly labels: readonly string[] } : unknown;

/** A head's answer; without a detail, heads per sequence tell all probabilities and heads per step the top one. */
export type AnswerOf<H, D = undefined> =
  H extends StepHead<infer S> ? { readonly steps: readonly AnswerOf<S, Or<D, 'top'>>[] }
  : H extends ClassHead<infer L> ? { readonly label: L } & Probability<Or<D, 'all'>> & Distribution<L, Or<D, 'all'>>
  : H extends MultilabelHead<infer L> ? { readonly labels: readonly L[] } & Distribution<L, D extends 'none' ? 'none' : 'all'>
  : H extends NullableHead<infer S> ? AnswerOf<S, D> | null
  : H extends ValueHead<infer U, infer N> ? { readonly value: number | N } & Unit<U>
  : H extends IntervalHead<infer U, infer N> ? { readonly value: number | N; readonly lower: number | N; readonly upper: number | N } & Unit<U>
  : H extends NormalHead<infer U, infer N> ? { readonly value: number | N; readonly sd: number | N; readonly lower: number | N; readonly upper: number | N } & Unit<U>
  : H extends SpansHead<infer L> ? { readonly spans: readonly Span<L>[] } & Probability<Or<D, 'top'>> & EveryLabel<D>
  : H extends TensorHead ? { readonly values: unknown }
  : AnyAnswer; // biome-ignore format: a case a line

export type HeadNames<M extends ModelTypes> = keyof M['heads'] & string;

/** The answers for one sequence. */
export interface Prediction<M extends ModelTypes, H extends HeadNames<M> = HeadNames<M>, D = undefined> {
  /** Time steps of the sequence. */
  readonly length: number;
  readonly heads: { readonly [K in H]: AnswerOf<M['heads'][K], D> };
  /** The state after the last step, sealed for the caller to carry; only where it was asked for. */
  readonly state?: string;
}

/** A feature of a numeric input, as the manifest tells it. */
export interface FeatureSpec {
  readonly name: string;
  readonly unit?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly integer?: boolean;
  /** Whether null may stand in place of a value. */
  readonly missing?: boolean;
  readonly categories?: readonly string[];
}
export interface InputSpec {
  readonly name: string;
  readonly tensor: string;
  readonly kind: 'numeric' | 'index' | 'token' | 'tensor' | 'side';
  readonly features?: readonly FeatureSpec[];
  readonly size?: number;
  readonly lengths?: string;
  readonly mask?: string;
  readonly batchAxis?: number | null;
  readonly timeAxis?: number | null;
  readonly time?: {
    readonly minimum: number;
    readonly maximum: number;
    readonly multipleOf?: number;
    readonly pad?: true;
  };
  /** The only values that are accepted, of a tensor, a token or a side input. */
  readonly values?: readonly (number | string | boolean)[];
  /** What might be sent of it. */
  readonly example?: unknown;
}
export interface HeadSpec {
  readonly name: string;
  readonly tensor: string;
  readonly kind:
    | 'binary'
    | 'multiclass'
    | 'multilabel'
    | 'ordinal'
    | 'regression'
    | 'gaussian'
    | 'sequence-labels'
    | 'tensor';
  readonly per?: 'sequence' | 'step';
  readonly labels?: readonly string[];
  readonly threshold?: number;
  readonly activation?: 'none' | 'logits';
  readonly nonFinite?: 'null' | 'error';
  readonly unit?: string;
  readonly scale?: number;
  readonly offset?: number;
  readonly interval?: { readonly lower: string; readonly upper: string };
  /** What the server puts the graph's numbers right by. */
  readonly calibration?: unknown;
  readonly conformal?: unknown;
  readonly batchAxis?: number | null;
  readonly timeAxis?: number | null;
}
/** A loaded model, as GET /v1/models/{model} tells it; members that this client does not use are left out. */
export interface Description {
  readonly name: string;
  readonly version: string;
  readonly description?: string;
  readonly inputs: readonly InputSpec[];
  readonly heads: readonly HeadSpec[];
  readonly state: readonly unknown[];
  /** Graph inputs that the server fills in by a call's place in its sequence. */
  readonly controls: readonly {
    readonly input: string;
    readonly kind: 'start' | 'end' | 'ready' | 'id';
    readonly values: readonly [number, number];
  }[];
  readonly limits: { readonly sequencesPerRequest: number };
}
