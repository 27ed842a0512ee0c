// Values that may be missing: trials that a graph takes NaN for what it is. What takes it for a number, as the LSTM and GRU
// operators do, would answer without a word.
import { firstLine, LoadError, messageOf } from '../core/errors.ts';
import { toFloat16 } from '../core/float16.ts';
import { isFloat, type Tensors } from '../core/tensor.ts';
import type { Graph } from '../model/onnx/graph.ts';
import type { GraphBody, GraphNode } from '../model/onnx/nodes.ts';
import type { Signature } from '../model/signature.ts';
import type { Run, Watch } from '../runtime/runner.ts';
import { collate, type Row, rowOf } from '../sequence/collate.ts';
import { gapsOf } from '../sequence/missing.ts';
import { plainValues } from '../sequence/nested.ts';
import type { Part } from '../sequence/rows.ts';
import type { Sequence } from '../sequence/sequence.ts';
import { answer, watchedOutputs } from './comparison.ts';
import { randomNumbers, randomSequence } from './samples.ts';

/** A feature that may be missing, by its place; or all of them together. */
interface Gap {
  readonly name: string;
  readonly places: readonly { readonly feed: number; readonly width: number; readonly feature: number }[];
}
/** A sequence, and the same with something missing. */
interface Pair {
  readonly whole: Sequence;
  readonly holed: Sequence;
}

/** Features that are tried each by itself. */
const MOST_ALONE = 32;
const LENGTHS = [1, 6];
/** Steps at which something is missing. */
const PATTERNS: readonly ((step: number, steps: number) => boolean)[] = [
  () => true,
  step => step % 2 === 0,
  (step, steps) => step === steps - 1,
];

/**
 * Tries each feature that may be missing, and all together: answers must stay finite, and within the graph nothing may
 * take NaN for a number. Whether other rows notice, the certificate's trials tell, whose sequences have gaps too.
 * @throws {LoadError} with the reason.
 */
export async function checkMissing(
  signature: Signature,
  graph: Pick<Graph, 'body' | 'tables' | 'words'>,
  run: Run,
  watch: Watch,
): Promise<void> {
  const gaps = gapsIn(signature);
  if (gaps.length === 0) return;
  const pairs = gaps.flatMap(gap => pairsOf(signature, gap, graph).map(pair => ({ gap, ...pair })));
  const values = watchable(graph.body, signature);
  const inner = await watch(values).catch(error => refuse(`what they reach is not known: ${reasonOf(error)}`));
  try {
    for (const { gap, whole, holed } of pairs) {
      const seen = async (sequence: Sequence) => {
        const feeds = collate(signature, [sequence]);
        return { ...feeds, ...(await inner.run(feeds, values)) };
      };
      const holes = await seen(holed).catch(error =>
        refuse(`${gap.name}: the graph does not run where it is (${reasonOf(error)})`),
      );
      const taken = takenForNumber(graph.body, await seen(whole), holes);
      if (taken) refuse(`${gap.name}: node "${taken.name}" (${taken.operator}) takes NaN for a number; ${ADVICE}`);
    }
  } finally {
    await inner.release();
  }
  for (const { gap, ...pair } of pairs) await checkAnswers(signature, gap, pair, run);
}

const ADVICE = 'replace what is missing before it (IsNaN and Where)';

function refuse(reason: string): never {
  throw new LoadError('manifest.json', `: features may not be missing: ${reason}`);
}

function reasonOf(error: unknown): string {
  return firstLine(messageOf(error instanceof Error && error.cause ? error.cause : error));
}

function gapsIn({ inputs }: Signature): Gap[] {
  const single = inputs.flatMap(({ spec, feed, width }) =>
    (gapsOf(spec) ?? []).flatMap((missing, feature): Gap[] => {
      const name = spec.kind === 'numeric' ? spec.features[feature].name : spec.name;
      return missing ? [{ name: `"${name}"`, places: [{ feed, width, feature }] }] : [];
    }),
  );
  if (single.length < 2) return single;
  return [...single.slice(0, MOST_ALONE), { name: 'all together', places: single.flatMap(({ places }) => places) }];
}

function pairsOf(signature: Signature, gap: Gap, known: Pick<Graph, 'tables' | 'words'>): Pair[] {
  const random = randomNumbers(23);
  return LENGTHS.flatMap(length =>
    PATTERNS.map(pattern => {
      const whole = randomSequence(signature, length, random, { known, whole: true });
      return { whole, holed: withGap(whole, gap, pattern) };
    }),
  );
}

function withGap(sequence: Sequence, { places }: Gap, pattern: (typeof PATTERNS)[number]): Sequence {
  const parts = [...sequence.parts];
  for (const { feed, width, feature } of places) {
    const part = parts[feed] as Part;
    const data = part.data.slice() as Float32Array<ArrayBuffer>;
    const none = part.data instanceof Uint16Array ? toFloat16(Number.NaN) : Number.NaN;
    for (let t = 0; t < part.length; t++) if (pattern(t, part.length)) data[t * width + feature] = none;
    parts[feed] = { ...part, data };
  }
  return { ...sequence, parts };
}

/** Where an answer is no number, though it is one when nothing is missing. */
async function checkAnswers(signature: Signature, { name }: Gap, { whole, holed }: Pair, run: Run): Promise<void> {
  const watched = watchedOutputs(signature);
  const fetches = watched.map(({ tensor }) => tensor);
  const [one] = await answer(signature, run, [whole], fetches);
  const [other] = await answer(signature, run, [holed], fetches);
  for (const { tensor, axes, follows } of watched) {
    const { dtype } = one.outputs[tensor];
    if (!isFloat(dtype)) continue;
    const values = (row: Row) => plainValues(dtype, rowOf(row, tensor, axes, follows).data);
    const usual = values(one);
    const bad = values(other).find((value, i) => !Number.isFinite(value) && Number.isFinite(usual[i]));
    if (bad !== undefined) refuse(`${name}: output "${tensor}" is ${bad} where it is; ${ADVICE}`);
  }
}

/** Values within the graph that a session can give. */
function watchable({ nodes, outputs }: GraphBody, { feeds }: Signature): string[] {
  const own = new Set([...outputs, ...feeds.map(({ tensor }) => tensor.name), '']);
  const inner = nodes.filter(({ operator }) => !NO_TENSORS.test(operator)).flatMap(node => node.outputs);
  return [...inner.filter(name => !own.has(name)), ...outputs];
}

/** Operators that give sequences, maps and optional values. */
const NO_TENSORS = /(^|\.)(Sequence(?!At|Length)\w+|SplitToSequence|Optional\w*|ZipMap)$/;
/** Operators that tell whether a value is NaN (it does not equal itself), or choose among values. */
const TELLERS = new Set(['Equal', 'IsNaN', 'Where']);
const CHOOSERS = new Set(['Compress', 'Gather', 'GatherElements', 'GatherND', 'Shape', 'Size', 'Slice', 'Split']);
/** Operators that take NaN for a number, if not in every value that they give. */
const CLAMPS = /(^|\.)(\w*LSTM|\w*GRU)$/;

/** The first node that is given NaN, gives none, and is not there to handle it. */
function takenForNumber({ nodes }: GraphBody, whole: Tensors, holed: Tensors): GraphNode | undefined {
  const spoilt = new Map<string, boolean>();
  const isSpoilt = (name: string) => {
    const known = spoilt.get(name) ?? (holdsNaN(holed[name]) && !holdsNaN(whole[name]));
    spoilt.set(name, known);
    return known;
  };
  return nodes.find(node => {
    const watched = node.outputs.filter(name => holed[name]);
    if (watched.length === 0 || handles(node) || !readBy(node).some(isSpoilt)) return false;
    return everyOperator({ nodes: [node] }).some(operator => CLAMPS.test(operator)) || !watched.some(isSpoilt);
  });
}

function holdsNaN(tensor: Tensors[string] | undefined): boolean {
  if (!tensor || !isFloat(tensor.dtype)) return false;
  const { dtype, data } = tensor;
  if (dtype === 'float16') return plainValues(dtype, data).some(Number.isNaN);
  return (data as Float32Array).some(Number.isNaN);
}

/** What a node reads, its bodies included. */
function readBy({ inputs, bodies }: GraphNode): string[] {
  return [...inputs, ...bodies.flatMap(({ nodes }) => nodes.flatMap(readBy))];
}

function handles({ operator, ints, bodies }: GraphNode): boolean {
  if (TELLERS.has(operator) || CHOOSERS.has(operator) || operator === 'ai.onnx.ml.Imputer') return true;
  // Trees learn where to send what is missing; without that they send it wherever a comparison fails.
  if (operator.startsWith('ai.onnx.ml.TreeEnsemble')) return ints.nodes_missing_value_tracks_true?.includes(1) ?? false;
  const inside = bodies.flatMap(everyOperator);
  return inside.some(inner => TELLERS.has(inner)) && !inside.some(inner => CLAMPS.test(inner));
}

function everyOperator({ nodes }: Pick<GraphBody, 'nodes'>): string[] {
  return nodes.flatMap(({ operator, bodies }) => [operator, ...bodies.flatMap(everyOperator)]);
}
