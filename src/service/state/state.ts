// A row's recurrent state as bytes, and back: the tensors of the manifest's pairs one after another, little-endian.
import { ARRAYS, type DType, elementCount, type TensorData } from '../../core/tensor.ts';
import type { Signature, SignatureState } from '../../model/signature.ts';
import { type Row, rowOf } from '../../sequence/collate.ts';
import type { Part, Sequence } from '../../sequence/sequence.ts';

function rowDims({ input, axes }: SignatureState): number[] {
  return input.dims.filter((_, axis) => axis !== axes.batch) as number[];
}

/** Bytes of one row's state. */
export function stateBytes(signature: Signature): number {
  return signature.state.reduce((sum, pair) => sum + elementCount(rowDims(pair)) * widthOf(pair.input.dtype), 0);
}

function widthOf(dtype: DType): number {
  return ARRAYS[dtype as keyof typeof ARRAYS].BYTES_PER_ELEMENT;
}

/** The state after a row's last step. The bytes are the caller's own. */
export function stateOf(signature: Signature, row: Row): Buffer {
  const chunks = signature.state.map(({ output, axes, feed }) => {
    const { data } = rowOf(row, output, axes, feed);
    const { buffer, byteOffset, byteLength } = data as Exclude<TensorData, string[]>;
    return Buffer.from(buffer, byteOffset, byteLength);
  });
  return Buffer.concat(chunks); // copies: the row is a view of a whole batch
}

/** The sequence, going on from a state. */
export function continueFrom(signature: Signature, sequence: Sequence, state: Uint8Array): Sequence {
  const parts: (Part | undefined)[] = [...sequence.parts];
  let offset = 0;
  for (const pair of signature.state) {
    const dims = rowDims(pair);
    const { dtype } = pair.input;
    const bytes = elementCount(dims) * widthOf(dtype);
    const data = new ARRAYS[dtype as keyof typeof ARRAYS](
      new Uint8Array(state.subarray(offset, offset + bytes)).buffer,
    );
    parts[pair.feed] = { dims, length: 1, data };
    offset += bytes;
  }
  return { ...sequence, parts };
}
