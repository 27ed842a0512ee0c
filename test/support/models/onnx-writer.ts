// Writes small ONNX files by hand, for faults that no exporter makes. Field numbers are those of onnx.proto.
import { Buffer } from 'node:buffer';

/** A float of 4 bytes, which a whole number is not. */
interface Fixed {
  readonly float: number;
}
type Value = number | string | Uint8Array | Fixed | readonly Field[];
type Field = readonly [id: number, value: Value];

export interface TensorSpec {
  readonly name?: string;
  /** onnx.proto's numbers: 1 float, 6 int32, 7 int64, 10 float16, 11 double, 16 bfloat16, 17 to 20 float8. */
  readonly type: number;
  readonly dims: readonly number[];
  readonly raw?: Uint8Array;
  /** Packed values of field 4 (float), 5 (int32) or 10 (double). */
  readonly floats?: readonly number[];
  readonly ints?: readonly number[];
  readonly doubles?: readonly number[];
  readonly external?: Readonly<Record<string, string>>;
}

export interface NodeSpec {
  readonly op: string;
  readonly name?: string;
  readonly domain?: string;
  readonly inputs?: readonly string[];
  readonly outputs?: readonly string[];
  /** Whole numbers, lists of them, texts and lists of texts. */
  readonly attributes?: Readonly<Record<string, number | string | readonly number[] | readonly string[]>>;
  /** Floats by attribute, and lists of them. */
  readonly floats?: Readonly<Record<string, number | readonly number[]>>;
  readonly tensor?: TensorSpec;
  readonly body?: GraphSpec;
}

export interface ValueSpec {
  readonly name: string;
  readonly type: number;
  /** A number, a symbol, or null for a dimension without a name; no list at all for an unknown shape. */
  readonly dims?: readonly (number | string | null)[];
  /** A sequence of maps from whole numbers to values of the type, as ZipMap gives. */
  readonly maps?: boolean;
}

export interface GraphSpec {
  readonly nodes: readonly NodeSpec[];
  readonly initializers?: readonly TensorSpec[];
  /** The values of sparse ones: [NNZ], at the first places of a vector. */
  readonly sparse?: readonly TensorSpec[];
  readonly inputs?: readonly ValueSpec[];
  readonly outputs?: readonly ValueSpec[];
}

/** A function that nodes of its name call. */
export interface FunctionSpec {
  readonly name: string;
  readonly domain: string;
  readonly nodes: readonly NodeSpec[];
}

/** The bytes of a model of operator set 17, and 1 of every other domain. */
export function onnxFile(graph: GraphSpec, functions: readonly FunctionSpec[] = []): Uint8Array {
  const domains = new Set(graph.nodes.flatMap(node => (node.domain ? [node.domain] : [])));
  return encode([
    [1, 8],
    [2, 'by hand'],
    [7, graphFields(graph)],
    [8, [[2, 17]]],
    ...functions.map(({ name, domain, nodes }): Field => [25, [[1, name], [10, domain], ...nodes.map((node): Field => [7, nodeFields(node)])]]),
    ...[...domains].map((domain): Field => [8, [[1, domain], [2, domain === 'ai.onnx.ml' ? 3 : 1]]]),
  ]); // biome-ignore format: one field a line
}

/** A float tensor's bytes. */
export function floatBytes(...values: number[]): Uint8Array {
  return new Uint8Array(Float32Array.from(values).buffer);
}

function graphFields({ nodes, initializers = [], sparse = [], inputs = [], outputs = [] }: GraphSpec): Field[] {
  return [
    ...nodes.map((node): Field => [1, nodeFields(node)]),
    [2, 'graph'],
    ...initializers.map((tensor): Field => [5, tensorFields(tensor)]),
    ...sparse.map((values): Field => [15, sparseFields(values)]),
    ...inputs.map((value): Field => [11, valueFields(value)]),
    ...outputs.map((value): Field => [12, valueFields(value)]),
  ];
}

function nodeFields({
  op,
  name,
  domain,
  inputs = [],
  outputs = [],
  attributes: plain = {},
  floats = {},
  tensor,
  body,
}: NodeSpec): Field[] {
  const attributes = Object.entries(plain).map(([name, value]): Field[] => [[1, name], ...attributeValue(value)]);
  for (const [name, value] of Object.entries(floats)) {
    attributes.push(
      typeof value === 'number'
        ? [[1, name], [2, { float: value }], [20, 1]]
        : [[1, name], [7, floatBytes(...value)], [20, 6]],
    ); // biome-ignore format: one attribute a line
  }
  if (tensor)
    attributes.push([
      [1, 'value'],
      [5, tensorFields(tensor)],
      [20, 4],
    ]);
  if (body)
    attributes.push([
      [1, 'body'],
      [6, graphFields(body)],
      [20, 5],
    ]);
  return [
    ...inputs.map((name): Field => [1, name]),
    ...outputs.map((name): Field => [2, name]),
    ...(name ? [[3, name] as Field] : []),
    [4, op],
    ...attributes.map((attribute): Field => [5, attribute]),
    ...(domain ? [[7, domain] as Field] : []),
  ];
}

function attributeValue(value: number | string | readonly number[] | readonly string[]): Field[] {
  if (typeof value === 'number') return [[3, value], [20, 2]]; // biome-ignore format: one field a line
  if (typeof value === 'string') return [[4, value], [20, 3]]; // biome-ignore format: one field a line
  const texts = typeof value[0] === 'string';
  return [...value.map((item): Field => [texts ? 9 : 8, item]), [20, texts ? 8 : 7]];
}

function sparseFields(values: TensorSpec): Field[] {
  const count = values.dims[0];
  const places = new Uint8Array(BigInt64Array.from({ length: count }, (_, i) => BigInt(i)).buffer);
  return [
    [1, tensorFields(values)],
    [2, tensorFields({ type: 7, dims: [count], raw: places })],
    [3, count],
  ];
}

function tensorFields({ name = '', type, dims, raw, floats, ints, doubles, external }: TensorSpec): Field[] {
  const fields: Field[] = [...dims.map((dim): Field => [1, dim]), [2, type], [8, name]];
  if (floats) fields.push([4, floatBytes(...floats)]);
  if (ints) fields.push([5, Uint8Array.from(ints.flatMap(varint))]);
  if (doubles) fields.push([10, new Uint8Array(Float64Array.from(doubles).buffer)]);
  if (raw) fields.push([9, raw]);
  if (external) {
    for (const [key, value] of Object.entries(external))
      fields.push([
        13,
        [
          [1, key],
          [2, value],
        ],
      ]);
    fields.push([14, 1]);
  }
  return fields;
}

function valueFields({ name, type, dims, maps }: ValueSpec): Field[] {
  const tensor: Field[] = [[1, type]];
  if (maps) {
    const map: Field = [5, [[1, 7], [2, [[1, tensor]]]]];
    return [[1, name], [2, [[4, [[1, [map]]]]]]];
  } // biome-ignore format: a type a line
  if (dims) {
    const dim = (size: number | string | null): Field[] =>
      size === null ? [] : [typeof size === 'number' ? [1, size] : [2, size]];
    tensor.push([2, dims.map((size): Field => [1, dim(size)])]);
  }
  return [
    [1, name],
    [2, [[1, tensor]]],
  ];
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return [...bytes, rest];
}

function encode(fields: readonly Field[]): Uint8Array {
  return Buffer.concat(
    fields.map(([id, value]) => {
      if (typeof value === 'number') return Uint8Array.from([...varint(id * 8), ...varint(value)]);
      if (typeof value === 'object' && 'float' in value)
        return Uint8Array.from([...varint(id * 8 + 5), ...floatBytes(value.float)]);
      const bytes =
        typeof value === 'string' ? Buffer.from(value) : value instanceof Uint8Array ? value : encode(value);
      return Buffer.concat([Uint8Array.from([...varint(id * 8 + 2), ...varint(bytes.length)]), bytes]);
    }),
  );
}
