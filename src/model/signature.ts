// The manifest bound to the graph: every tensor the server feeds or fetches, with its role and its axes.
import { LoadError } from '../core/errors.ts';
import type { ManifestControl, ManifestHead, ManifestInput, RowInput } from './manifest.ts';
import type { TensorInfo } from './onnx/graph.ts';

/** Where the rows and the time steps of a tensor lie; null where it has none. */
export interface Axes {
  readonly batch: number | null;
  readonly time: number | null;
}

/** A graph input. What a sequence does not bring is filled in: all steps valid, state zero. */
export interface Feed {
  readonly tensor: TensorInfo;
  readonly axes: Axes;
  /** `data` and `side` come from the caller; `lengths` and `mask` tell the steps of the feed `of`. */
  readonly role: 'data' | 'side' | 'lengths' | 'mask' | 'state' | 'control';
  /** The feed whose steps it tells: always one of role `data`, never a chain. */
  readonly of?: number;
  /** What a control holds in a call that is a whole sequence. */
  readonly alone?: number;
  /** A feed with the same number of time steps in every run. It may name another in turn; the chain ends, at a feed without. */
  readonly timeOf?: number;
  /** Its time steps are padded to a multiple of so many. */
  readonly padTo?: number;
}

/** What tells a graph which steps are padding. */
export type Padding = 'lengths' | 'mask' | 'none';

export interface SignatureInput {
  readonly spec: ManifestInput;
  /** Its place in `feeds`. */
  readonly feed: number;
  readonly tensor: TensorInfo;
  readonly axes: Axes;
  /** Values a time step holds: the feature count, or 1. */
  readonly width: number;
  /** How the graph is told which of its steps are padding. */
  readonly padding: Padding;
}

export interface SignatureHead {
  readonly spec: ManifestHead;
  /** Where rows and steps lie in the output; `time` is null for a head per sequence. */
  readonly axes: Axes;
  /** Values a row (or a row's time step) holds: the class count, or 1. 0: whatever the graph gives. */
  readonly width: number;
  /** The feed whose steps a head per step follows. */
  readonly follows: number;
}

export interface SignatureState {
  /** Its place in `feeds`. */
  readonly feed: number;
  readonly input: TensorInfo;
  readonly output: string;
  readonly axes: Axes;
}

/** A graph input that tells where in its sequence a call stands. */
export interface SignatureControl {
  readonly spec: ManifestControl;
  /** Its place in `feeds`. */
  readonly feed: number;
  readonly tensor: TensorInfo;
  /** The shape of a row: nothing but ones. */
  readonly dims: readonly number[];
}

export interface Signature {
  /** Every graph input, in the graph's order. */
  readonly feeds: readonly Feed[];
  readonly inputs: readonly SignatureInput[];
  readonly heads: readonly SignatureHead[];
  readonly state: readonly SignatureState[];
  readonly controls: readonly SignatureControl[];
  /** Axes of every graph output that is known. */
  readonly outputs: ReadonlyMap<string, Axes>;
  /** The graph outputs a prediction needs; state outputs are left out, which saves their copy. */
  readonly fetches: readonly string[];
  readonly fetchesWithState: readonly string[];
  /** Outputs that the manifest does not name. They are among `outputs`, and fetched with the state. */
  readonly others: ReadonlySet<string>;
  /** What tells the graph of padding: lengths or a mask for every input that has time steps, else nothing. */
  readonly padding: Padding;
}

/** The graph outputs that a head reads. */
export function headTensors(head: ManifestHead): string[] {
  if (head.kind === 'gaussian' && head.spread) return [head.tensor, head.spread];
  const interval = head.kind === 'regression' ? head.interval : undefined;
  return interval ? [head.tensor, interval.lower, interval.upper] : [head.tensor];
}

/** Values that one answer of a head takes from its tensor; 0 if it takes all of them. */
export function headWidth(head: ManifestHead): number {
  if (head.kind === 'tensor') return 0;
  if (head.kind === 'ordinal') return head.labels.length - 1;
  if (head.kind === 'gaussian') return head.spread ? 1 : 2;
  return 'labels' in head && head.kind !== 'binary' ? head.labels.length : 1;
}

export function inputAxes(spec: ManifestInput): Axes {
  return spec.kind === 'side' ? { batch: null, time: null } : { batch: spec.batchAxis, time: spec.timeAxis };
}

export function headAxes(head: ManifestHead): Axes {
  return { batch: head.batchAxis, time: head.per === 'step' ? head.timeAxis : null };
}

/** So many time steps as a feed's tensor has them. */
export function paddedSteps({ padTo = 1 }: Feed, steps: number): number {
  return Math.ceil(steps / padTo) * padTo;
}

/** The axes of a row, which has no batch axis: where its time steps lie. */
export function rowTimeAxis({ batch, time }: Axes): number | null {
  return time === null ? null : time - (batch !== null && batch < time ? 1 : 0);
}

export function isRowInput(spec: ManifestInput): spec is RowInput {
  return spec.kind !== 'side';
}

/** What a signature tells beyond its parts. @throws {LoadError} if a head follows an input that is not there. */
export function assemble(
  feeds: readonly Feed[],
  inputs: readonly SignatureInput[],
  heads: readonly ManifestHead[],
  state: readonly SignatureState[],
  controls: readonly SignatureControl[],
): Signature {
  const timed = inputs.filter(input => input.axes.time !== null);
  const masks = feeds.some(feed => feed.role === 'mask');
  const outputs = new Map<string, Axes>(state.map(({ output, axes }) => [output, axes]));
  for (const head of heads) for (const tensor of headTensors(head)) outputs.set(tensor, headAxes(head));
  const fetches = [...new Set(heads.flatMap(headTensors))];
  const first = inputs.find(input => isRowInput(input.spec)) ?? inputs[0];
  return {
    feeds,
    inputs,
    heads: heads.map(spec => {
      const followed = spec.input === undefined ? first : inputs.find(input => input.spec.name === spec.input);
      if (!followed)
        throw new LoadError('manifest.json', `: head "${spec.name}" follows input "${spec.input}", which is not there`);
      return { spec, axes: headAxes(spec), width: headWidth(spec), follows: followed.feed };
    }),
    state,
    controls,
    outputs,
    fetches,
    fetchesWithState: [...new Set([...fetches, ...state.map(({ output }) => output)])],
    others: new Set(),
    padding: timed.length === 0 || timed.some(input => input.padding === 'none') ? 'none' : masks ? 'mask' : 'lengths',
  };
}

/** The signature with outputs that the manifest does not name. */
export function withOthers(signature: Signature, others: ReadonlyMap<string, Axes>): Signature {
  return {
    ...signature,
    outputs: new Map([...signature.outputs, ...others]),
    fetchesWithState: [...signature.fetchesWithState, ...others.keys()],
    others: new Set(others.keys()),
  };
}
