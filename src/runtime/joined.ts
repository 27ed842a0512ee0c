// Outputs of one type and shape, joined into one by a node that is added to the graph as it is opened, never on disk: the
// runtime spends microseconds on every output it hands over, and a view into a joined one costs next to nothing.
import { bytesField, numberField } from '../core/protobuf.ts';
import { elementCount, type Tensor, type Tensors, viewOf } from '../core/tensor.ts';
import { withGraph } from './with-graph.ts';

/** An output, as the graph declares it. */
interface Declared {
  readonly name: string;
  readonly dtype: string;
  readonly dims: readonly (number | string | null)[];
}

/** The outputs that are joined, in the order in which their rows follow one another. */
export interface Group {
  readonly name: string;
  /** onnx.proto's number of their type. */
  readonly type: number;
  readonly members: readonly string[];
}

/** Fewer are not worth a node. */
const LEAST_MEMBERS = 16;
/** How many runs of a single row are tried before a group is given up: each costs the outputs twice. */
const MOST_TRIALS = 100;
const TYPES: Readonly<Record<string, number>> = { float32: 1, int32: 6, int64: 7, float16: 10, float64: 11 };

/** Outputs that differ in nothing but their names; their first size is open, the others are known. */
export function groupsOf(outputs: readonly Declared[]): Group[] {
  const alike = new Map<string, Declared[]>();
  for (const output of outputs) {
    const { dtype, dims } = output;
    const [first, ...others] = dims;
    if (!TYPES[dtype] || typeof first !== 'string' || others.some(dim => typeof dim !== 'number')) continue;
    const key = JSON.stringify([dtype, dims]);
    alike.set(key, [...(alike.get(key) ?? []), output]);
  }
  return [...alike.values()]
    .filter(members => members.length >= LEAST_MEMBERS)
    .map((members, i) => ({
      name: `polyhead/joined/${i}`,
      type: TYPES[members[0].dtype],
      members: members.map(({ name }) => name),
    }));
}

/** The file with a node for each group. */
export function withJoined(model: Uint8Array, groups: readonly Group[]): Uint8Array {
  const additions = groups.flatMap(({ name, type, members }) => {
    const axis = [bytesField(1, 'axis'), numberField(3, 0), numberField(20, 2)]; // 2: a whole number
    const node = [
      ...members.map(member => bytesField(1, member)),
      bytesField(2, name),
      bytesField(3, name),
      bytesField(4, 'Concat'),
    ];
    return [
      bytesField(1, Buffer.concat([...node, bytesField(5, Buffer.concat(axis))])),
      bytesField(12, Buffer.concat([bytesField(1, name), bytesField(2, bytesField(1, numberField(1, type)))])),
    ];
  });
  return withGraph(model, additions);
}

/** Asks for joined outputs in place of their members, once it was seen that they say the same. */
export class Joiner {
  /** Groups with how often they were tried on too little. */
  readonly #untried: Map<Group, number>;
  readonly #tried = new Set<Group>();

  constructor(groups: readonly Group[]) {
    this.#untried = new Map(groups.map(group => [group, 0]));
  }

  /** Runs, and gives the outputs that were asked for. */
  run(fetches: readonly string[], run: (fetches: readonly string[]) => Tensors): Tensors {
    const wanted = new Set(fetches);
    const whole = (groups: Iterable<Group>) =>
      [...groups].filter(({ members }) => members.every(member => wanted.has(member)));
    const tried = whole(this.#tried);
    const untried = whole(this.#untried.keys());
    if (tried.length === 0 && untried.length === 0) return run(fetches);
    for (const { members } of tried) for (const member of members) wanted.delete(member);
    const outputs = run([...wanted, ...[...tried, ...untried].map(({ name }) => name)]);
    for (const group of untried) this.#try(group, outputs);
    for (const { name, members } of tried) Object.assign(outputs, parted(outputs[name], members));
    return Object.fromEntries(fetches.map(name => [name, outputs[name]]));
  }

  /** Holds a group against its members; a single row proves nothing, since a constant output has one too. */
  #try(group: Group, outputs: Tensors): void {
    const { name, members } = group;
    const same = isSame(parted(outputs[name], members), outputs, members);
    const rows = outputs[members[0]].dims[0];
    const trials = (this.#untried.get(group) ?? 0) + 1;
    if (same && rows < 2 && trials < MOST_TRIALS) {
      this.#untried.set(group, trials);
      return;
    }
    this.#untried.delete(group);
    if (same && rows > 1) this.#tried.add(group);
  }
}

/** The members, as views. */
function parted({ dtype, dims, data }: Tensor, members: readonly string[]): Tensors {
  const size = [dims[0] / members.length, ...dims.slice(1)];
  const count = elementCount(size);
  return Object.fromEntries(
    members.map((member, i): [string, Tensor] => [
      member,
      { dtype, dims: size, data: viewOf(data, i * count, (i + 1) * count) },
    ]),
  );
}

/** Whether shapes and bytes agree. */
function isSame(one: Tensors, other: Tensors, names: readonly string[]): boolean {
  const bytesOf = ({ data }: Tensor) => {
    const { buffer, byteOffset, byteLength } = data as Float32Array;
    return Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength);
  };
  return names.every(
    name => one[name].dims.join() === other[name].dims.join() && bytesOf(one[name]).equals(bytesOf(other[name])),
  );
}
