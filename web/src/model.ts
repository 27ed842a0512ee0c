// The shapes of the server's replies, as far as the page reads them (openapi.json has them in full).

export interface Feature {
  readonly name: string;
  readonly description?: string;
  readonly unit?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly integer?: boolean;
  readonly missing?: boolean;
  readonly categories?: readonly string[];
}
interface Named {
  readonly name: string;
  readonly description?: string;
}
interface Time {
  readonly time: {
    readonly minimum: number;
    readonly maximum: number;
    readonly multipleOf?: number;
    readonly pad?: true;
  };
}
export interface NumericInput extends Named, Time {
  readonly kind: 'numeric';
  readonly features: readonly Feature[];
}
/** How a file becomes a tensor's numbers. */
export interface ImageMedia {
  readonly type: 'image';
  readonly layout: 'CHW' | 'HWC' | 'HW';
  readonly scale: number;
  readonly mean?: readonly number[];
  readonly std?: readonly number[];
}
export interface AudioMedia {
  readonly type: 'audio';
  readonly rate: number;
  readonly scale: number;
}
export interface TensorInput extends Named, Time {
  readonly kind: 'tensor';
  /** The graph's own name for it. */
  readonly tensor: string;
  readonly batchAxis: number | null;
  readonly timeAxis: number | null;
  readonly media?: ImageMedia | AudioMedia;
  /** The only values that it takes. */
  readonly values?: readonly Scalar[];
}
export type Input =
  | NumericInput
  | (Named & Time & { readonly kind: 'index'; readonly size: number })
  | (Named & Time & { readonly kind: 'token'; readonly split?: 'words'; readonly values?: readonly string[] })
  | TensorInput
  | (Named & { readonly kind: 'side'; readonly default?: Scalar; readonly values?: readonly Scalar[] });
export type Scalar = string | number | boolean;

interface HeadOf<K extends string> extends Named {
  readonly kind: K;
  readonly per: 'sequence' | 'step';
  readonly input?: string;
}
export type Labelled = HeadOf<'binary' | 'multiclass' | 'ordinal' | 'multilabel'> & {
  readonly labels: readonly string[];
  readonly threshold?: number;
};
/** Heads that answer a number, with an interval or without. */
export type Regression = HeadOf<'regression' | 'gaussian'> & {
  readonly unit?: string;
  readonly interval?: { readonly coverage?: number };
  readonly coverage?: number;
};
export type Spans = HeadOf<'sequence-labels'> & { readonly labels: readonly string[] };
export type Head = Labelled | Regression | Spans | HeadOf<'tensor'>;

/** Whether a head answers a number. */
export function isValue(head: Head): head is Regression {
  return head.kind === 'regression' || head.kind === 'gaussian';
}

export type Mixing = 'classes' | 'equal' | 'alone';
interface Verdict {
  readonly mixing: Mixing;
  readonly rows: 'exact' | 'exactInPairs' | 'tolerance' | 'alone';
  readonly lengths: 'lengths' | 'mask' | 'zeroPadding' | 'equalOnly';
  readonly worstDifference: number;
}
export interface Certificate extends Verdict {
  readonly state: (Verdict & { readonly continues: 'exact' | 'tolerance' | 'no' | 'untested' }) | null;
  readonly counterExample: string | null;
  readonly warnings: readonly string[];
  readonly sequences: number;
  readonly batches: number;
}
export interface Model {
  readonly name: string;
  readonly version: string;
  readonly description?: string;
  readonly inputs: readonly Input[];
  readonly heads: readonly Head[];
  readonly state: readonly unknown[];
  readonly controls: readonly { readonly input: string; readonly kind: string }[];
  readonly limits: { readonly batchSize: number; readonly paddedSteps: number; readonly sequencesPerRequest: number };
  readonly manifest: 'given' | 'inferred';
  readonly mixing: Mixing;
  readonly digest: { readonly sha256: string };
  readonly graph: { readonly producer: string; readonly parameters: number; readonly bytes: number };
  readonly executionProvider: { readonly got: string; readonly fallback: boolean };
  readonly golden: {
    readonly producer: string;
    readonly cases: number;
    readonly tolerance: number;
    readonly worstDifference: number;
  } | null;
  readonly certificate: Certificate;
}

/** One answer of a head: which members it has depends on the head's kind. */
export interface Answer {
  readonly label?: string;
  readonly labels?: readonly string[];
  readonly probability?: number;
  readonly probabilities?: Readonly<Record<string, number>>;
  readonly value?: number;
  readonly sd?: number;
  readonly lower?: number;
  readonly upper?: number;
  readonly unit?: string;
}
export type HeadReply = Answer & {
  readonly steps?: readonly Answer[];
  readonly values?: unknown;
  readonly spans?: readonly { readonly label: string; readonly start: number; readonly end: number }[];
};
export interface Prediction {
  readonly length: number;
  readonly heads: Readonly<Record<string, HeadReply>>;
}
/** What a request shared its run with, from the reply's headers. */
export interface Ride {
  readonly queueMs: number;
  readonly runMs: number;
  readonly batchSize: number;
  readonly roundTripMs: number;
}

/** One number a step and feature, or one a step; by input name where the model has several. */
type Grid = readonly (readonly number[] | number)[];
export interface Explanation {
  readonly target: string;
  /** The time step of a head per step that is explained. */
  readonly step?: number;
  readonly output: number;
  readonly baselineOutput: number;
  readonly method: Method;
  readonly attributions: Grid | Readonly<Record<string, Grid>>;
  readonly convergence: {
    readonly rows: number;
    /** What the attributions leave of output minus baseline output. */
    readonly gap: number;
    readonly standardError?: number;
    readonly partial: boolean;
  };
}
export type Method = 'occlusion' | 'shapley' | 'integratedGradients';
export interface ExplainBody {
  readonly sequences: readonly unknown[];
  readonly heads: readonly string[];
  readonly method: Method;
  readonly baseline: 'reference' | 'zero';
  readonly targets?: Readonly<Record<string, string>>;
  readonly steps?: Readonly<Record<string, number>>;
  readonly budget?: number;
}
