// Tensors as they cross a thread: one buffer that is handed over, and one string that says what lies in it. A dozen small
// tensors cost more to serialize than to compute; copying them together is several times cheaper.
import { ARRAYS, type DType, elementCount, type NumericData, type Tensors } from '../core/tensor.ts';

export interface Packed {
  /** JSON of [name, dtype, dims] for each tensor, in the order of their bytes. */
  readonly layout: string;
  readonly bytes: ArrayBuffer;
  /** The data of string tensors, in the order of the layout. */
  readonly strings: readonly string[][];
}

type Layout = [name: string, dtype: DType, dims: readonly number[]][];

/** Every tensor begins at a multiple of 8 bytes, as the widest element wants. */
const aligned = (bytes: number) => (bytes + 7) & ~7;

export function pack(tensors: Tensors): Packed {
  const layout: Layout = [];
  const strings: string[][] = [];
  let size = 0;
  for (const name in tensors) {
    const { dtype, dims, data } = tensors[name];
    layout.push([name, dtype, dims]);
    if (Array.isArray(data)) strings.push(data);
    else size += aligned(data.byteLength);
  }
  const bytes = new ArrayBuffer(size);
  const target = new Uint8Array(bytes);
  let offset = 0;
  for (const name in tensors) {
    const { data } = tensors[name];
    if (Array.isArray(data)) continue;
    target.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), offset);
    offset += aligned(data.byteLength);
  }
  return { layout: JSON.stringify(layout), bytes, strings };
}

/** The tensors again; their data are views of the packed buffer. */
export function unpack({ layout, bytes, strings }: Packed): Tensors {
  const tensors: Tensors = {};
  let offset = 0;
  let nextStrings = 0;
  for (const [name, dtype, dims] of JSON.parse(layout) as Layout) {
    if (dtype === 'string') {
      tensors[name] = { dtype, dims, data: strings[nextStrings++] };
      continue;
    }
    const data: NumericData = new ARRAYS[dtype](bytes, offset, elementCount(dims));
    tensors[name] = { dtype, dims, data };
    offset += aligned(data.byteLength);
  }
  return tensors;
}
