// Where constants that are not finite do harm. Masks are made of infinities, and NaN may mark what is missing; a matrix
// weight of either is a broken export, which LSTM and GRU hide by answering plausible numbers. Constants are followed
// through what only moves or combines them. Operators' inputs: onnx.ai/onnx/operators.
import { nodeWords } from './constants.ts';
import { operatorName } from './nodes.ts';
import type { FunctionProto, GraphProto, NodeProto } from './proto.ts';

/** A constant that holds NaN or, if it holds none, an infinity. */
export interface Spoilt {
  readonly words: string;
  readonly value: number;
}

/** Inputs that must be finite, by operator; `-` is one that may be a mask. */
const TRAINED: Readonly<Record<string, string>> = {
  LSTM: 'X W R B sequence_lens initial_h initial_c P',
  GRU: 'X W R B sequence_lens initial_h',
  RNN: 'X W R B sequence_lens initial_h',
  MatMul: 'A B',
  Gemm: 'A B -',
  Einsum: 'A B C D',
  Conv: 'X W B',
  ConvTranspose: 'X W B',
  DeformConv: 'X W offset B',
  MatMulInteger: 'A B',
  QLinearMatMul: 'a a_scale a_zero_point b b_scale b_zero_point y_scale',
  QLinearConv: 'x x_scale x_zero_point w w_scale w_zero_point y_scale',
  BatchNormalization: 'X scale B mean var',
  InstanceNormalization: 'X scale B',
  LayerNormalization: 'X scale B',
  GroupNormalization: 'X scale B',
  RMSNormalization: 'X scale',
  PRelu: 'X slope',
  Attention: 'Q K V - past_key past_value',
  'com.microsoft.Attention': 'input weights bias - past -',
  'com.microsoft.MultiHeadAttention': 'query key value bias - -',
  'com.microsoft.FusedMatMul': 'A B',
  'com.microsoft.FusedGemm': 'A B -',
  'com.microsoft.FusedConv': 'X W B Z',
  'com.microsoft.MatMulNBits': 'A B scales',
  'com.microsoft.DynamicQuantizeMatMul': 'A B b_scale b_zero_point bias',
  'com.microsoft.MatMulIntegerToFloat': 'A B a_scale b_scale a_zero_point b_zero_point bias',
  'com.microsoft.DynamicQuantizeLSTM': 'X W R B sequence_lens initial_h initial_c P W_scale W_zero_point R_scale',
  'com.microsoft.LinearAttention': 'query key value past_state decay beta',
  'com.microsoft.CausalConvWithState': 'input weight bias past_state',
};
/** Attributes that are weights themselves. */
const TRAINED_ATTRIBUTES = /^ai\.onnx\.ml\.(Linear|SVM)(Classifier|Regressor)$/;
/** They move their first input's values, however the others say. */
const MOVES = new Set(
  'Identity Cast CastLike Reshape Flatten Transpose Squeeze Unsqueeze Expand Tile Slice Split Trilu'.split(' '),
);
/** Infinities go through arithmetic on constants; elsewhere, as exp(-inf) is 0, they may end. */
const ARITHMETIC = new Set('Add Sub Mul Div Neg Abs Concat Where Sum DequantizeLinear'.split(' '));
/** What may take NaN: it is put somewhere, chosen from, or asked for. */
const TAKES_NAN = new Set(
  'Where Concat Pad ScatterElements ScatterND Scatter OneHot IsNaN IsInf Equal Less LessOrEqual Greater GreaterOrEqual'.split(
    ' ',
  ),
);
const ASKS = new Set('IsNaN IsInf Equal Less LessOrEqual Greater GreaterOrEqual Shape Size'.split(' '));

/** The constants in reach by name: what is spoilt in each, if anything; what is not in it is computed from a request. */
class Scope {
  readonly #outer: Scope | undefined;
  readonly #spoils = new Map<string, readonly Spoilt[]>();

  constructor(outer?: Scope) {
    this.#outer = outer;
  }

  get(name: string): readonly Spoilt[] | undefined {
    return this.#spoils.get(name) ?? this.#outer?.get(name);
  }

  set(name: string, spoils: readonly Spoilt[]): void {
    if (name !== '') this.#spoils.set(name, spoils);
  }
}

/** What is wrong with the first constant that does harm. @param spoilt by what holds it in the graph. */
export function harmOf(
  graph: GraphProto,
  functions: readonly FunctionProto[],
  spoilt: ReadonlyMap<object, Spoilt>,
): string | undefined {
  const flow = new Flow(functions, spoilt);
  const harm = flow.graph(graph) ?? [...spoilt.values()].find(one => Number.isNaN(one.value) && !flow.met.has(one));
  return harm && (typeof harm === 'string' ? harm : `${harm.words} holds NaN; weights must be finite`);
}

class Flow {
  readonly met = new Set<Spoilt>();
  readonly #functions: ReadonlyMap<string, FunctionProto>;
  readonly #spoilt: ReadonlyMap<object, Spoilt>;
  readonly #called: string[] = [];

  constructor(functions: readonly FunctionProto[], spoilt: ReadonlyMap<object, Spoilt>) {
    this.#functions = new Map(functions.map(each => [`${each.domain}\0${each.name}`, each]));
    this.#spoilt = spoilt;
  }

  graph({ initializer, sparseInitializer, node }: GraphProto, outer?: Scope): string | undefined {
    const scope = new Scope(outer);
    for (const tensor of initializer) scope.set(tensor.name, this.#of(tensor));
    for (const { values } of sparseInitializer) if (values) scope.set(values.name, this.#of(values));
    return this.#nodes(node, scope);
  }

  #nodes(nodes: readonly NodeProto[], scope: Scope): string | undefined {
    for (const node of nodes) {
      const harm = this.#node(node, scope);
      if (harm) return harm;
    }
    return undefined;
  }

  #node(node: NodeProto, scope: Scope): string | undefined {
    const operator = operatorName(node);
    const own = node.attribute.flatMap(attribute => this.#of(attribute));
    if (own.length > 0 && TRAINED_ATTRIBUTES.test(operator)) return `${told(own[0])}; weights must be finite`;
    for (const one of own) this.met.add(one);
    if (operator === 'Constant' || operator === 'ConstantOfShape') {
      if (operator === 'Constant') for (const one of own) this.met.delete(one); // until something takes it
      scope.set(node.output[0], own);
      return undefined;
    }
    const given = node.input.map(name => (name === '' ? [] : scope.get(name)));
    const known = given.length > 0 && (MOVES.has(operator) ? given[0] !== undefined : given.every(each => each));
    for (const [i, spoils] of given.entries()) {
      for (const one of spoils ?? []) {
        this.met.add(one);
        const harm = harmIn(node, operator, i, one, known);
        if (harm) return harm;
      }
    }
    if (known) for (const name of node.output) scope.set(name, carried(operator, given));
    return this.#inside(node, scope, given);
  }

  /** Bodies see what their node sees; a function sees what it is given. */
  #inside(node: NodeProto, scope: Scope, given: readonly (readonly Spoilt[] | undefined)[]): string | undefined {
    for (const { g, graphs } of node.attribute) {
      for (const graph of g ? [g, ...graphs] : graphs) {
        const harm = this.graph(graph, scope);
        if (harm) return harm;
      }
    }
    const name = `${node.domain}\0${node.opType}`;
    const called = this.#functions.get(name);
    if (!called || this.#called.includes(name)) return undefined;
    const inner = new Scope();
    called.input.forEach((input, i) => {
      const spoils = given[i];
      if (spoils) inner.set(input, spoils);
    });
    this.#called.push(name);
    const harm = this.#nodes(called.node, inner);
    this.#called.pop();
    return harm;
  }

  #of(holder: object): Spoilt[] {
    const one = this.#spoilt.get(holder);
    return one ? [one] : [];
  }
}

function harmIn(node: NodeProto, operator: string, index: number, one: Spoilt, known: boolean): string | undefined {
  const input = TRAINED[operator]?.split(' ')[index] ?? '-';
  if (input !== '-') return `${told(one)}, as ${input} of ${nodeWords(node)}; weights must be finite`;
  if (!Number.isNaN(one.value) || known || TAKES_NAN.has(operator)) return undefined;
  if (node.attribute.some(({ g }) => g)) return undefined; // a body is looked at by itself
  return `${told(one)}, as input ${index} of ${nodeWords(node)}; weights must be finite`;
}

/** What the outputs of a node hold whose inputs are all constant. */
function carried(operator: string, given: readonly (readonly Spoilt[] | undefined)[]): readonly Spoilt[] {
  if (ASKS.has(operator)) return [];
  if (MOVES.has(operator)) return given[0] ?? [];
  const all = given.flatMap(each => each ?? []);
  return ARITHMETIC.has(operator) ? all : all.filter(({ value }) => Number.isNaN(value));
}

function told({ words, value }: Spoilt): string {
  return `${words} holds ${value}`;
}
