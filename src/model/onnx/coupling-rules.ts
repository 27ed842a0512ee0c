// How each operator moves the batch axis, and when it works along it. An operator without a rule loses the axis.
import {
  concat,
  expand,
  flatten,
  gather,
  reshape,
  slice,
  split,
  squeeze,
  transpose,
  unsqueeze,
} from './coupling-layouts.ts';
import { alongFirst, constantOf, FREE, LOST, type Rule, rows, SIZE, wrap } from './coupling-values.ts';

/** Broadcasting lines shapes up at their ends; the rows of all inputs must meet. */
const elementwise: Rule = inputs => {
  const found = inputs.filter(value => value.kind === 'rows');
  if (found.length === 0) return { outputs: [inputs.some(({ kind }) => kind === 'size') ? SIZE : FREE] };
  const rank = Math.max(
    ...inputs.map(value => (value.kind === 'rows' ? value.rank : (constantOf(value)?.dims.length ?? 0))),
  );
  const fromEnd = new Set(found.map(value => value.rank - value.axis));
  if (fromEnd.size > 1) return { outputs: [LOST], couples: true };
  const [end] = fromEnd;
  return { outputs: [rows(rank - end, rank)], unsure: inputs.some(({ kind }) => kind === 'size') };
};

const same = alongFirst(({ axis, rank }) => ({ outputs: [rows(axis, rank)] }));

/** Works along one axis and keeps the shape. */
const alongAxis = (fallback: number, attribute = 'axis') =>
  alongFirst(({ axis, rank }, { ints, outputs }) => ({
    outputs: outputs.map(() => rows(axis, rank)),
    couples: wrap(ints[attribute]?.[0] ?? fallback, rank) === axis,
  }));

const reduce = alongFirst(({ axis, rank }, { ints }, inputs) => {
  const listed = ints.axes ?? constantOf(inputs[1])?.values;
  if (!listed && inputs[1] && !constantOf(inputs[1])) return { outputs: [LOST], unsure: true };
  if ((!listed || listed.length === 0) && ints.noop_with_empty_axes?.[0] === 1) return { outputs: [rows(axis, rank)] };
  const axes = (listed && listed.length > 0 ? listed : Array.from({ length: rank }, (_, a) => a)).map(a =>
    wrap(a, rank),
  );
  if (axes.includes(axis)) return { outputs: [LOST], couples: true };
  if ((ints.keepdims?.[0] ?? 1) === 1) return { outputs: [rows(axis, rank)] };
  return { outputs: [rows(axis - axes.filter(a => a < axis).length, rank - axes.length)] };
});

const argument = alongFirst(({ axis, rank }, { ints }) => {
  const along = wrap(ints.axis?.[0] ?? 0, rank);
  if (along === axis) return { outputs: [LOST], couples: true };
  if ((ints.keepdims?.[0] ?? 1) === 1) return { outputs: [rows(axis, rank)] };
  return { outputs: [rows(axis - (along < axis ? 1 : 0), rank - 1)] };
});

const matMul: Rule = ([one, other]) => {
  if (one.kind === 'rows' && other.kind === 'rows') {
    const [end, otherEnd] = [one.rank - one.axis, other.rank - other.axis];
    const batched = end === otherEnd && end > 2;
    const rank = Math.max(one.rank, other.rank);
    return batched ? { outputs: [rows(rank - end, rank)] } : { outputs: [LOST], couples: true };
  }
  if (one.kind === 'rows') {
    if (one.axis === one.rank - 1) return { outputs: [LOST], couples: one.rank > 1 };
    const rank = Math.max(one.rank, constantOf(other)?.dims.length ?? 0);
    return { outputs: [rows(rank - (one.rank - one.axis), rank)] };
  }
  if (other.kind !== 'rows') return { outputs: [SIZE] };
  if (other.axis === other.rank - 2 || other.rank === 1) return { outputs: [LOST], couples: true };
  const rank = Math.max(other.rank, constantOf(one)?.dims.length ?? 0);
  return { outputs: [rows(rank - (other.rank - other.axis), rank)] };
};

const gemm: Rule = ([a, b, c], { ints }) => {
  if (b?.kind === 'rows') return { outputs: [LOST], couples: true };
  if (a.kind !== 'rows') return { outputs: [LOST], unsure: true };
  const kept = (ints.transA?.[0] ?? 0) === 0 ? 0 : 1;
  return { outputs: [rows(0, 2)], couples: a.axis !== kept, unsure: c !== undefined && c.kind === 'size' };
};

/** X is [time, batch, input]; lengths and states bear the batch too. */
const recurrent: Rule = ([x]) => {
  const outputs = [rows(2, 4), rows(1, 3), rows(1, 3)];
  return x.kind === 'rows' ? { outputs, couples: x.axis !== 1 } : { outputs, unsure: x.kind !== 'free' };
};

/** One scale for the activations of the whole batch. */
const quantisedRecurrent: Rule = (inputs, node) => ({ ...recurrent(inputs, node), couples: inputs[0].kind === 'rows' });

/** Normalises every axis from `axis` on. */
const fromAxisOn = alongFirst(({ axis, rank }, { ints, outputs }) => ({
  outputs: outputs.map(() => rows(axis, rank)),
  couples: wrap(ints.axis?.[0] ?? -1, rank) <= axis,
}));

/** Works on axes 2 and beyond, for each of axis 0; `channels` are mixed too. */
const spatial = (channels: boolean) =>
  alongFirst(({ axis, rank }) => ({ outputs: [rows(axis, rank)], couples: axis > (channels ? 0 : 1) }));

const always = alongFirst(({ axis, rank }, { outputs }) => ({
  outputs: outputs.map(() => rows(axis, rank)),
  couples: true,
}));

const batchNormalisation = alongFirst(({ axis, rank }, { ints }) => ({
  outputs: [rows(axis, rank), FREE, FREE],
  couples: ints.training_mode?.[0] === 1 || axis === 1,
}));

const meanVariance = alongFirst(({ axis, rank }, { ints }) => ({
  outputs: [rows(axis, rank)],
  couples: (ints.axes ?? [0, 2, 3]).map(a => wrap(a, rank)).includes(axis),
}));

const reverse = alongFirst(({ axis, rank }, { ints }) => ({
  outputs: [rows(axis, rank)],
  couples: (ints.batch_axis?.[0] ?? 1) !== axis,
}));
const sizes: Rule = () => ({ outputs: [SIZE] });
/** Made from sizes alone: positions, zeros. */
const made: Rule = inputs => ({ outputs: [inputs.some(({ kind }) => kind === 'rows') ? LOST : FREE] });

function table(rule: Rule, names: string): Record<string, Rule> {
  return Object.fromEntries(names.split(' ').map(name => [name, rule]));
}

export const RULES: Readonly<Record<string, Rule>> = {
  ...table(
    elementwise,
    'Add Sub Mul Div Pow Mod Min Max Mean Sum And Or Xor Equal Less LessOrEqual Greater GreaterOrEqual Where PRelu BitShift BitwiseAnd BitwiseOr BitwiseXor',
  ),
  ...table(
    same,
    'Abs Acos Acosh Asin Asinh Atan Atanh Cast CastLike Ceil Celu Clip Cos Cosh Dropout Elu Erf Exp Floor Gelu HardSigmoid HardSwish Identity IsInf IsNaN LeakyRelu Log Mish Neg Not Reciprocal Relu Round Selu Shrink Sigmoid Sign Sin Sinh Softplus Softsign Sqrt Tan Tanh ThresholdedRelu Trilu QuantizeLinear DequantizeLinear com.microsoft.Gelu com.microsoft.FastGelu com.microsoft.QuickGelu ai.onnx.ml.LabelEncoder ai.onnx.ml.CategoryMapper',
  ),
  ...table(
    reduce,
    'ReduceSum ReduceMean ReduceMax ReduceMin ReduceProd ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceSumSquare',
  ),
  ...table(alongAxis(-1), 'Softmax LogSoftmax Hardmax LpNormalization TopK'),
  ...table(argument, 'ArgMax ArgMin'),
  ...table(recurrent, 'LSTM GRU RNN'),
  ...table(always, 'DynamicQuantizeLinear com.microsoft.DynamicQuantizeMatMul'),
  ...table(spatial(true), 'Conv ConvTranspose ConvInteger GroupNormalization LRN'),
  ...table(
    spatial(false),
    'InstanceNormalization MaxPool AveragePool LpPool GlobalAveragePool GlobalMaxPool GlobalLpPool',
  ),
  ...table(fromAxisOn, 'LayerNormalization SimplifiedLayerNormalization RMSNormalization'),
  ...table(made, 'Range ConstantOfShape EyeLike'),
  ...table(sizes, 'Shape Size'),
  'com.microsoft.DynamicQuantizeLSTM': quantisedRecurrent,
  MatMul: matMul,
  MatMulInteger: matMul,
  Gemm: gemm,
  Transpose: transpose,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Reshape: reshape,
  Flatten: flatten,
  Gather: gather,
  Slice: slice,
  Concat: concat,
  Split: split,
  Expand: expand,
  BatchNormalization: batchNormalisation,
  MeanVarianceNormalization: meanVariance,
  ReverseSequence: reverse,
  CumSum: alongFirst(({ axis, rank }, _, inputs) => {
    const along = constantOf(inputs[1])?.values?.[0];
    return {
      outputs: [rows(axis, rank)],
      couples: along !== undefined && wrap(along, rank) === axis,
      unsure: along === undefined,
    };
  }),
};
