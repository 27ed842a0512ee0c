// Operators that move the axes of a tensor, and with them the batch axis.
import { alongFirst, constantOf, FREE, LOST, type Rule, rows, SIZE, wrap } from './coupling-values.ts';

export const transpose = alongFirst(({ axis, rank }, { ints }) => {
  const perm = ints.perm ?? Array.from({ length: rank }, (_, a) => rank - 1 - a);
  return { outputs: [rows(perm.indexOf(axis), rank)] };
});

export const squeeze = alongFirst(({ axis, rank }, { ints }, inputs) => {
  const axes = (ints.axes ?? constantOf(inputs[1])?.values)?.map(a => wrap(a, rank));
  if (!axes || axes.includes(axis)) return { outputs: [LOST] };
  return { outputs: [rows(axis - axes.filter(a => a < axis).length, rank - axes.length)] };
});

export const unsqueeze = alongFirst(({ axis, rank }, { ints }, inputs) => {
  const listed = ints.axes ?? constantOf(inputs[1])?.values;
  if (!listed) return { outputs: [LOST] };
  const total = rank + listed.length;
  const added = new Set(listed.map(a => wrap(a, total)));
  const old = Array.from({ length: total }, (_, a) => a).filter(a => !added.has(a));
  return { outputs: [rows(old[axis], total)] };
});

/** Only a shape that says itself that the leading axes stay keeps them. */
export const reshape = alongFirst(({ axis }, _, inputs) => {
  const shape = constantOf(inputs[1])?.values;
  const kept = shape?.slice(0, axis).every(dim => dim === 0) && (shape[axis] === 0 || (axis === 0 && shape[0] === -1));
  return { outputs: [shape && kept ? rows(axis, shape.length) : LOST] };
});

export const flatten = alongFirst(({ axis, rank }, { ints }) => ({
  outputs: [axis === 0 && wrap(ints.axis?.[0] ?? 1, rank) === 1 ? rows(0, 2) : LOST],
}));

export const gather: Rule = ([data, indices], { ints }) => {
  if (indices.kind === 'rows') {
    if (data.kind !== 'free') return { outputs: [LOST], unsure: true };
    const before = ints.axis?.[0] ?? 0;
    const dims = constantOf(data)?.dims.length ?? 2;
    return { outputs: [rows(wrap(before, dims) + indices.axis, dims - 1 + indices.rank)] };
  }
  if (data.kind !== 'rows') return { outputs: [SIZE] };
  const along = wrap(ints.axis?.[0] ?? 0, data.rank);
  if (along === data.axis) return { outputs: [LOST], couples: true };
  const added = (constantOf(indices)?.dims.length ?? 1) - 1;
  return { outputs: [rows(data.axis + (along < data.axis ? added : 0), data.rank + added)] };
};

export const slice = alongFirst(({ axis, rank }, { ints }, inputs) => {
  const [starts, ends, axes, steps] = ['starts', 'ends', 'axes', 'steps'].map(
    (name, i) => ints[name] ?? constantOf(inputs[i + 1])?.values,
  );
  const given = axes ?? (inputs[3] ? undefined : starts?.map((_, a) => a));
  if (!given) return { outputs: [rows(axis, rank)], unsure: true };
  const place = given.map(a => wrap(a, rank)).indexOf(axis);
  const whole = starts?.[place] === 0 && (ends?.[place] ?? 0) >= 2 ** 31 - 1 && (steps?.[place] ?? 1) === 1;
  return place < 0 || whole ? { outputs: [rows(axis, rank)] } : { outputs: [LOST], couples: true };
});

export const concat: Rule = (inputs, { ints }) => {
  const found = inputs.filter(value => value.kind === 'rows');
  if (found.length === 0) return { outputs: [inputs.some(({ kind }) => kind === 'size') ? SIZE : FREE] };
  const [{ axis, rank }] = found;
  if (found.some(value => value.axis !== axis)) return { outputs: [LOST], couples: true };
  return { outputs: [wrap(ints.axis?.[0] ?? 0, rank) === axis ? LOST : rows(axis, rank)] };
};

export const split = alongFirst(({ axis, rank }, { ints, outputs }) => {
  const couples = wrap(ints.axis?.[0] ?? 0, rank) === axis;
  return { outputs: outputs.map(() => (couples ? LOST : rows(axis, rank))), couples };
});

export const expand: Rule = ([value]) => ({ outputs: [value.kind === 'rows' ? LOST : FREE] });
