// A row's recurrent state as bytes, and back: the tensors of the manifest's pairs one after another, little-endian.
import { createHash } from 'node:crypto';
import { ARRAYS, elementCount, type TensorData } from '../core/tensor.ts';
import type { Graph } from '../model/onnx/graph.ts';
import type { Signature, SignatureState } from '../model/signature.ts';
import { type Row, rowOf } from '../sequence/collate.ts';
import type { Part } from '../sequence/rows.ts';
import type { Sequence } from '../sequence/sequence.ts';

/** Where each pair of a state lies in its bytes. */
interface Layout {
  readonly bytes: number;
  readonly pairs: readonly (SignatureState & {
    readonly rowDims: readonly number[];
    readonly array: (typeof ARRAYS)[keyof typeof ARRAYS];
    readonly offset: number;
    readonly values: number;
  })[];
}

const layouts = new WeakMap<Signature, Layout>();

function layoutOf(signature: Signature): Layout {
  let layout = layouts.get(signature);
  if (!layout) {
    let bytes = 0;
    const pairs = signature.state.map(pair => {
      const rowDims = rowDimsOf(pair);
      const array = ARRAYS[pair.input.dtype as keyof typeof ARRAYS];
      const placed = { ...pair, rowDims, array, offset: bytes, values: elementCount(rowDims) };
      bytes += placed.values * array.BYTES_PER_ELEMENT;
      return placed;
    });
    layout = { bytes, pairs };
    layouts.set(signature, layout);
  }
  return layout;
}

function rowDimsOf({ input, axes }: SignatureState): number[] {
  return input.dims.filter((_, axis) => axis !== axes.batch) as number[];
}

/** Bytes of one row's state. */
export function stateBytes(signature: Signature): number {
  return layoutOf(signature).bytes;
}

const digests = new WeakMap<Signature, string>();

/** What kept state belongs to: the graph with all its weights, and the order, shapes and types of the state. Hex. */
export function stateDigest(signature: Signature, { sha256, externalData }: Graph): string {
  let digest = digests.get(signature);
  if (digest === undefined) {
    const weights = externalData.map(file => [file.file, file.sha256]);
    const pairs = signature.state.map(pair => [pair.input.name, pair.output, pair.input.dtype, rowDimsOf(pair)]);
    digest = createHash('sha256')
      .update(JSON.stringify([sha256, weights, pairs]))
      .digest('hex');
    digests.set(signature, digest);
  }
  return digest;
}

/** The state after a row's last step. The bytes are the caller's own. */
export function stateOf(signature: Signature, row: Row): Buffer {
  const { bytes, pairs } = layoutOf(signature);
  const state = Buffer.allocUnsafeSlow(bytes); // of its own: a view would keep a whole batch, or a pool
  for (const { output, axes, feed, offset } of pairs) {
    const { buffer, byteOffset, byteLength } = rowOf(row, output, axes, feed).data as Exclude<TensorData, string[]>;
    state.set(new Uint8Array(buffer, byteOffset, byteLength), offset);
  }
  return state;
}

/** The sequence, going on from a state of `stateBytes` bytes, which must not change while it waits. */
export function continueFrom(signature: Signature, sequence: Sequence, state: Uint8Array): Sequence {
  const { bytes, pairs } = layoutOf(signature);
  if (state.length !== bytes) throw new Error(`a state of ${state.length} bytes does not fit`);
  const parts: (Part | undefined)[] = [...sequence.parts];
  for (const { feed, rowDims, array, offset, values } of pairs) {
    const at = state.byteOffset + offset;
    const data =
      at % array.BYTES_PER_ELEMENT === 0
        ? new array(state.buffer as ArrayBuffer, at, values)
        : new array(new Uint8Array(state.subarray(offset, offset + values * array.BYTES_PER_ELEMENT)).buffer);
    parts[feed] = { dims: rowDims, length: 1, data };
  }
  return { ...sequence, parts };
}
